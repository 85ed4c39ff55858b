//! `codegemma-complete`: the same engine for files on the command line.
//!
//! What it was asked for goes to stdout and nothing else does; notes and errors go to stderr. Of the protocol only
//! `typing` knows, which plays the editor.

mod bench;
mod complete;
mod diff;
mod doctor;
mod eval;
mod explain;
mod failure;
mod manual;
mod misspelt;
mod model;
mod models;
pub(crate) mod output;
mod place;
mod raw;
mod replace;
mod source;
mod stats;
mod target;
mod tokens;
mod typing;
pub mod version;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
pub(crate) use failure::Failure;

use crate::process::panics;
use crate::process::printable;

/// Completes code with a model that runs inside this process
#[derive(Parser)]
#[command(name = "codegemma-complete", version, long_version = version::long())]
#[command(after_help = "\
Examples:
  codegemma-complete src/main.rs:12:5          completes at line 12, column 5
  codegemma-complete src/main.rs:12            at the end of line 12
  codegemma-complete src/main.rs               at the end of the file
  codegemma-complete src/main.rs:12:5 -i       and writes it into the file
  codegemma-complete doctor                    checks the model, the machine and the settings

Without a command it is `complete`; `codegemma-complete help complete` lists its options.")]
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
    /// The models of this machine
    Model(models::Flags),
    /// Print the completions of a shell for this program
    Completions(manual::CompletionsFlags),
    /// Print the manual page of this program or of one of its commands
    Man(manual::ManFlags),
}

/// Runs the command line. 0: done; 1: failed, with one line on stderr that says what to do; 2: bad arguments.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    panics::tell_with(output::note);
    match done(args.into_iter().collect()) {
        // Whoever closes the pipe has read what there was to read.
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Said) => ExitCode::FAILURE,
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

/// Does what the arguments say. What panics has said so.
pub(crate) fn done(args: Vec<OsString>) -> Result<(), Failure> {
    let work = || {
        panics::fault("command line");
        parse(args).and_then(Command::run)
    };
    panics::fenced(work).unwrap_or(Err(Failure::Said))
}

/// The arguments, as far as they are right. Else the process ends, as it does where they ask for help.
pub fn parsed<P: Parser>(args: impl IntoIterator<Item = OsString>) -> P {
    P::try_parse_from(args).unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        // An error repeats the arguments, among which may be names of files from a stranger.
        let error_text = error.render().to_string();
        let _ = write!(std::io::stderr().lock(), "{}", printable::lines(&error_text));
        std::process::exit(error.exit_code());
    })
}

/// Reads the arguments. Where clap has something to say, it does so and the process ends.
fn parse(args: Vec<OsString>) -> Result<Command, Failure> {
    let named = is_named(&args);
    let word = match args.get(1) {
        Some(help) if help == "help" => args
            .get(2)
            .filter(|word| !commands().iter().any(|name| word == &name.as_str())),
        first => first.filter(|_| !named),
    };
    let meant = word.and_then(|word| misspelt::meant(word));
    if let Some(message) = meant {
        return Err(Failure::Usage(message));
    }
    let command = parsed::<Cli>(normalize(args, named)).command;
    if let Command::Complete(flags) = &command
        && let Some(name) = flags.place.target.file.to_str().filter(|_| !named)
        && !flags.place.target.file.exists()
        && commands().iter().any(|command| command == name)
    {
        return Err(Failure::Usage(format!(
            "the command goes before its flags: codegemma-complete {name} …"
        )));
    }
    Ok(command)
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Complete(flags) => complete::run(&flags),
            Self::Raw(flags) => raw::run(&flags),
            Self::Tokens(flags) => tokens::run(&flags),
            Self::Explain(flags) => explain::run(&flags),
            Self::Bench(flags) => bench::run(&flags),
            Self::Eval(flags) => eval::run(&flags),
            Self::Doctor(flags) => doctor::run(&flags),
            Self::Model(flags) => models::run(&flags),
            Self::Completions(flags) => manual::completions(&flags),
            Self::Man(flags) => manual::man(&flags),
        }
    }
}

/// The names of the subcommands.
fn commands() -> Vec<String> {
    let commands = Cli::command();
    let names = commands.get_subcommands().map(|command| command.get_name().to_owned());
    names.chain(["help".to_owned()]).collect()
}

/// Whether the first argument says what to do.
fn is_named(args: &[OsString]) -> bool {
    const FLAGS: [&str; 4] = ["-h", "--help", "-V", "--version"];
    args.get(1).is_none_or(|first| {
        FLAGS.iter().any(|flag| first == flag) || commands().iter().any(|name| first == name.as_str())
    })
}

/// Puts in `complete` where no subcommand was named, and puts a place in stdin, such as `-:3:1`, last, where it cannot be
/// taken for a flag.
fn normalize(mut args: Vec<OsString>, named: bool) -> Vec<OsString> {
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
        let args: Vec<OsString> = given.split(' ').map(OsString::from).collect();
        let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
        let named = is_named(&args);
        assert_eq!(normalize(args, named), expected);
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
        Cli::command().debug_assert();
    }
}
