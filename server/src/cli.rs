//! `codegemma-complete`: the same engine for files on the command line.
//!
//! What it was asked for goes to stdout and nothing else does; notes and errors go to stderr. Of the protocol only
//! `typing` knows, which plays the editor.

mod bench;
mod complete;
mod doctor;
mod eval;
mod explain;
mod failure;
mod model;
mod output;
mod place;
mod raw;
mod source;
mod stats;
mod target;
mod tokens;
mod typing;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use failure::Failure;

use crate::printable;

/// Completes code with a model that runs inside this process
#[derive(Parser)]
#[command(name = "codegemma-complete", version)]
#[command(
    after_help = "`codegemma-complete FILE:LINE:COLUMN` is short for `codegemma-complete complete FILE:LINE:COLUMN`."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Complete the code at a place in a file
    Complete(complete::Flags),
    /// Continue a text as it stands: no fill-in-the-middle, nothing cut
    Raw(raw::Flags),
    /// Show the tokens of a file
    Tokens(tokens::Flags),
    /// Show what the model is shown at a place in a file, and why
    Explain(explain::Flags),
    /// Measure how fast the model is on this machine
    Bench(bench::Flags),
    /// Measure how good a model's completions are on real code
    Eval(eval::Flags),
    /// Check the model, the machine and the settings, and list what is configured where
    Doctor(doctor::Flags),
}

/// Runs the command line. 0: done; 1: failed, with one line on stderr that says what to do; 2: bad arguments.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let done = match parsed::<Cli>(normalize(args.into_iter().collect())).command {
        Command::Complete(flags) => complete::run(&flags),
        Command::Raw(flags) => raw::run(&flags),
        Command::Tokens(flags) => tokens::run(&flags),
        Command::Explain(flags) => explain::run(&flags),
        Command::Bench(flags) => bench::run(&flags),
        Command::Eval(flags) => eval::run(&flags),
        Command::Doctor(flags) => doctor::run(&flags),
    };
    match done {
        // Whoever closes the pipe has read what he wanted.
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Message(message)) => {
            output::note(&message);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => {
            output::note(&message);
            ExitCode::from(2)
        }
    }
}

/// The arguments, as far as they are right. Else the process ends, as it does where they ask for help.
pub fn parsed<P: Parser>(args: impl IntoIterator<Item = OsString>) -> P {
    P::try_parse_from(args).unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        // An error repeats the arguments, among which may be names of files from a stranger.
        eprint!("{}", printable::lines(&error.render().to_string()));
        std::process::exit(error.exit_code());
    })
}

/// Puts in `complete` where no subcommand was named, and puts a place in stdin, such as `-:3:1`, last, where it cannot be
/// taken for a flag.
fn normalize(mut args: Vec<OsString>) -> Vec<OsString> {
    const KNOWN: [&str; 12] = [
        "complete",
        "raw",
        "tokens",
        "explain",
        "bench",
        "eval",
        "doctor",
        "help",
        "-h",
        "--help",
        "-V",
        "--version",
    ];
    let named = args.get(1).is_none_or(|first| KNOWN.iter().any(|known| first == known));
    if !named {
        args.insert(1, "complete".into());
    }
    let in_stdin = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-:");
    if let Some(at) = args
        .iter()
        .position(in_stdin)
        .filter(|_| !args.iter().any(|arg| arg == "--"))
    {
        let place = args.remove(at);
        args.extend(["--".into(), place]);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expected: &str) {
        let args = given.split(' ').map(OsString::from).collect();
        let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
        assert_eq!(normalize(args), expected);
    }

    #[test]
    fn the_short_form_is_spelled_out() {
        check("x a.rs:1:1 --json", "x complete a.rs:1:1 --json");
        check("x --json a.rs:1:1", "x complete --json a.rs:1:1");
        check("x complete a.rs:1:1", "x complete a.rs:1:1");
        check("x tokens a.rs", "x tokens a.rs");
        check("x bench --json", "x bench --json");
        check("x eval src", "x eval src");
        check("x doctor", "x doctor");
        check("x --help", "x --help");
        check("x", "x");
        check("x -:3:1 --path a.rs", "x complete --path a.rs -- -:3:1");
        check("x -- -:3:1", "x complete -- -:3:1");
    }

    #[test]
    fn the_flags_are_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
