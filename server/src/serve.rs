//! The command line of `codegemma-lsp`: its flags, its log and the runtime that serves the protocol.
//!
//! It must not know the protocol, or what its engine runs.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::filter::LevelFilter;

use crate::cli;
use crate::cli::version;
use crate::config::EngineFlags;
use crate::lsp;
use crate::lsp::LoadEngine;
use crate::process::logging;
use crate::process::panics;
use crate::process::printable;
use crate::process::priority;

/// Private, local, instant code completion: a language server on stdin and stdout
#[derive(Parser)]
#[command(name = "codegemma-lsp", version, long_version = version::long())]
#[command(after_help = "\
An editor starts it, as a command without arguments or as one of these:
  codegemma-lsp --model ~/models/codegemma-2b.gguf
  codegemma-lsp --log /tmp/codegemma.log --log-level debug    says why nothing was suggested

To complete a file in a terminal: codegemma-complete FILE:LINE:COLUMN
To check model and settings:      codegemma-complete doctor")]
struct Flags {
    #[command(flatten)]
    engine: EngineFlags,

    /// Keep on disk what was read of the documents, so that the next start reads nothing again; by default nothing is kept
    #[arg(long)]
    keep: bool,

    /// Write the log to this file; by default it goes to stderr
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// How much to log: off, error, warn, info, debug or trace; only trace shows document text
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log_level: LevelFilter,

    /// Talk on stdin and stdout, which is what the server always does, in a terminal, too; some clients pass it
    #[arg(long)]
    stdio: bool,

    /// What some clients pass; the server takes it from their first message
    #[arg(long = "clientProcessId", value_name = "PID", hide = true)]
    _client_process_id: Option<String>,
}

/// What to say to somebody who starts the server by hand.
const IN_A_TERMINAL: &str = "this is a language server: an editor starts it and talks to it on stdin and stdout
To complete a file here:            codegemma-complete FILE:LINE:COLUMN
To check model and settings:        codegemma-complete doctor
To set up an editor:                the folder editors in this program's repository
To talk to it here all the same:    codegemma-lsp --stdio";

/// Has the allocator join pieces of memory as they are given back. By default glibc puts small ones aside and joins them all
/// at once, which takes tens of milliseconds for those of a syntax tree, under a lock that every other thread may need.
fn join_free_memory_at_once() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `run` calls this before it starts the runtime with its threads, and the call changes one number of the
        // allocator, under the allocator's lock.
        let done = unsafe { libc::mallopt(libc::M_MXFAST, 0) };
        if done == 0 {
            tracing::debug!("the allocator puts small pieces of memory aside, as by default");
        }
    }
}

/// Serves one client on stdin and stdout, with engines that `load` gives.
pub fn run(load: LoadEngine) -> ExitCode {
    let flags: Flags = cli::parsed(std::env::args_os());
    if std::io::stdin().is_terminal() && !flags.stdio {
        say(IN_A_TERMINAL);
        return ExitCode::from(2);
    }
    if let Err(message) = logging::start(flags.log.as_deref(), flags.log_level) {
        say(&printable::line(&message));
        return ExitCode::FAILURE;
    }
    panics::tell_with(|panic| tracing::error!("{panic}"));
    join_free_memory_at_once();
    // Handlers never compute, so one thread serves the protocol. Those that the runtime starts read and write its streams.
    priority::run_soon();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = match runtime.enable_time().on_thread_start(priority::run_soon).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!(
                "the server cannot start ({error}); close other programs and try again"
            ));
            return ExitCode::FAILURE;
        }
    };
    let in_good_order = runtime.block_on(lsp::serve(flags.engine, flags.keep, load));
    // A client that leaves stdin open must not keep the process alive.
    runtime.shutdown_background();
    if in_good_order {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Says something on stderr, which may be closed.
fn say(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "codegemma-lsp: {message}");
}
