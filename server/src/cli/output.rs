//! Writing results: to stdout, and into new files.
//!
//! It must not know what is written.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use serde::Serialize;

use super::failure::Failure;
use crate::process::printable;

/// Prints a text exactly. Only a terminal gets it with what would act on it written out.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().is_terminal() {
        true => print_readable(text),
        false => write(text),
    }
}

/// Prints what a person reads, such as a table.
pub(super) fn print_readable(text: &str) -> Result<(), Failure> {
    write(&printable::lines(text))
}

fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                Failure::ClosedPipe
            } else {
                Failure::Message(format!("the output cannot be written ({error}); check where it goes"))
            }
        })
}

/// Prints one JSON object on a line of its own.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_string(value).map_err(Failure::new)?;
    line.push('\n');
    write(&line)
}

/// Says something that is not the result, in a line.
pub(super) fn note(text: &str) {
    // stderr may be closed, and a note is not worth failing for.
    let _ = writeln!(io::stderr().lock(), "codegemma-complete: {}", printable::line(text));
}

/// Asks the user in front of the terminal whether to do something. Where there is none, that is an error with the remedy.
pub(super) fn asks(question: &str, remedy: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Message(format!(
            "there is no terminal to ask on ({question}); {remedy}"
        )));
    }
    let _ = write!(
        io::stderr().lock(),
        "codegemma-complete: {} [y/N] ",
        printable::line(question)
    );
    let mut answer = String::new();
    io::stdin()
        .lock()
        .take(100)
        .read_line(&mut answer)
        .map_err(Failure::new)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// A number of bytes for people, in the decimal units of the hub's pages.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// Says now that a file which is to be written later cannot be.
pub(super) fn check_writable(path: &Path) -> Result<(), Failure> {
    beside(path).map(drop).map_err(|error| cannot_write(path, &error))
}

/// Writes a file as a whole or not at all, new or in the place of an old one.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        let mut new = beside(path)?;
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(path)?;
        Ok(())
    };
    write().map_err(|error: io::Error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::Message(format!(
        "{}: the file cannot be written ({error}); check the path, and its and its folder's permissions",
        path.display()
    ))
}

/// A new file in the folder of `path`, which may take its place.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let mut builder = tempfile::Builder::new();
    if let Ok(old) = path.metadata() {
        if old.permissions().readonly() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
        }
        builder.permissions(old.permissions());
    }
    #[cfg(unix)]
    if !path.exists() {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such folder"));
    }
    // The name of the new file means nothing to anyone.
    builder.tempfile_in(folder).map_err(|error| error.kind().into())
}
