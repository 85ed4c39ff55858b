//! Writing results: to stdout, and into the user's file.
//!
//! It must not know what is written.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::failure::Failure;

/// Prints a text exactly.
pub(super) fn print(text: &str) -> Result<(), Failure> {
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
    print(&line)
}

/// Says something that is not the result.
pub(super) fn note(text: &str) {
    // stderr may be closed, and a note is not worth failing for.
    let _ = writeln!(io::stderr().lock(), "codegemma-complete: {text}");
}

/// Replaces a file as a whole or not at all, and keeps its permissions.
pub(super) fn replace_file(path: &Path, text: &str) -> Result<(), Failure> {
    write_beside_and_rename(path, text).map_err(|error| {
        Failure::Message(format!(
            "{}: the file cannot be written ({error}) and is as it was; check its and its folder's permissions",
            path.display()
        ))
    })
}

fn write_beside_and_rename(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let path = path.canonicalize()?;
    let permissions = path.metadata()?.permissions();
    if permissions.readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(permissions)?;
    new.as_file().sync_all()?;
    new.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "old").unwrap();
        #[cfg(unix)]
        let file = {
            use std::os::unix::fs::{PermissionsExt, symlink};
            fs::set_permissions(&file, fs::Permissions::from_mode(0o741)).unwrap();
            let link = folder.path().join("link");
            symlink(&file, &link).unwrap();
            link
        };
        replace_file(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "new");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert!(file.is_symlink());
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o741);
        }
    }

    #[test]
    fn a_file_that_is_gone_is_an_error() {
        assert!(replace_file(Path::new("no/such/file"), "x").is_err());
    }
}
