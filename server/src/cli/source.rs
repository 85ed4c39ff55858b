//! Reading the user's files, with errors that say what to do about them.
//!
//! It must not know what the text is for.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ropey::Rope;

use super::failure::Failure;
use super::target::Target;
use crate::position;

/// Nobody completes a longer file, and a device may have no end.
const MOST_BYTES: u64 = 64 << 20;

/// Reads a text file; `-` is stdin.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let bytes = if path.as_os_str() == "-" {
        read_bytes(io::stdin().lock())
    } else if path.is_dir() {
        return Err(Failure::Message(format!("{name}: this is a folder; name a file in it")));
    } else {
        std::fs::File::open(path).and_then(read_bytes)
    };
    let bytes = bytes.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Failure::Message(format!("{name}: there is no such file; check the path"))
        } else {
            Failure::Message(format!(
                "{name}: the file cannot be read ({error}); check its permissions"
            ))
        }
    })?;
    if bytes.len() as u64 > MOST_BYTES {
        let most = MOST_BYTES >> 20;
        return Err(Failure::Message(format!(
            "{name}: the file is longer than {most} MiB; name a shorter one"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::Message(format!("{name}: byte {at} is not UTF-8; convert the file to UTF-8"))
    })
}

/// All of a file, or more than [`MOST_BYTES`] of it.
fn read_bytes(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The byte offset of a place. Unlike an editor's, it must exist: a typing error must not complete elsewhere.
pub(super) fn offset(text: &Rope, target: &Target) -> Result<usize, Failure> {
    let file = target.file.display();
    let lines = text.len_lines();
    if target.line > lines {
        return Err(Failure::Message(format!(
            "{file}: line {} does not exist; the file has {lines} {}",
            target.line,
            if lines == 1 { "line" } else { "lines" }
        )));
    }
    let line = text.byte_slice(text.line_to_byte(target.line - 1)..position::line_end(text, target.line - 1));
    let columns = line.len_chars() + 1;
    if target.column > columns {
        return Err(Failure::Message(format!(
            "{file}: line {} has no column {}; its columns are 1 to {columns}, the last is its end",
            target.line, target.column
        )));
    }
    Ok(text.line_to_byte(target.line - 1) + line.char_to_byte(target.column - 1))
}

/// The folder of the repository that a file is in: the nearest one above it that has `.git`.
pub(super) fn repository(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    path.ancestors()
        .skip(1)
        .find(|folder| folder.join(".git").exists())
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, line: usize, column: usize) -> Result<usize, String> {
        let target = Target {
            file: PathBuf::from("f"),
            line,
            column,
        };
        offset(&Rope::from_str(text), &target).map_err(|failure| match failure {
            Failure::Message(message) => message,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn columns_are_characters_and_must_exist() {
        assert_eq!(check("a😀b\r\nc", 1, 3), Ok(5));
        assert_eq!(check("a😀b\r\nc", 1, 4), Ok(6));
        assert_eq!(check("a😀b\r\nc", 2, 1), Ok(8));
        assert_eq!(check("", 1, 1), Ok(0));
        assert_eq!(check("a\n", 2, 1), Ok(2));
        assert_eq!(
            check("a\nb", 3, 1),
            Err("f: line 3 does not exist; the file has 2 lines".to_owned())
        );
        let error = "f: line 1 has no column 5; its columns are 1 to 4, the last is its end";
        assert_eq!(check("a😀b\r\nc", 1, 5), Err(error.to_owned()));
    }
}
