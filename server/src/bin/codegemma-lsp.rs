//! The language server's flags. Everything else is in the library.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use codegemma_lsp::config::EngineFlags;
use codegemma_lsp::{cli, logging, lsp, printable};
use tracing_subscriber::filter::LevelFilter;

/// Private, local, instant code completion: a language server on stdin and stdout
#[derive(Parser)]
#[command(version)]
struct Flags {
    #[command(flatten)]
    engine: EngineFlags,

    /// Keep nothing on disk: by default what was read of the documents is there again after a restart
    #[arg(long)]
    forget: bool,

    /// Write the log to this file; by default it goes to stderr
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// How much to log: off, error, warn, info, debug or trace; only trace shows document text
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log_level: LevelFilter,

    /// Talk on stdin and stdout, which is what the server always does; some clients pass it
    #[arg(long)]
    stdio: bool,
}

fn main() -> ExitCode {
    let flags: Flags = cli::parsed(std::env::args_os());
    if let Err(message) = logging::start(flags.log.as_deref(), flags.log_level) {
        eprintln!("codegemma-lsp: {}", printable::line(&message));
        return ExitCode::FAILURE;
    }
    // Handlers never compute, so one thread serves the protocol.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("codegemma-lsp: the server cannot start ({error}); close other programs and try again");
            return ExitCode::FAILURE;
        }
    };
    let in_good_order = runtime.block_on(lsp::serve(flags.engine, !flags.forget));
    // A client that leaves stdin open must not keep the process alive.
    runtime.shutdown_background();
    if in_good_order {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
