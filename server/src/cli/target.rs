//! The argument FILE:LINE:COLUMN.
//!
//! It must not look at the file.

use std::path::PathBuf;

/// A place in a file, as people count: from 1, in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The file; `-` is stdin.
    pub(super) file: PathBuf,
    /// The line, from 1.
    pub(super) line: usize,
    /// The column, from 1.
    pub(super) column: usize,
}

impl Target {
    /// Whether the text comes from stdin.
    pub(super) fn is_stdin(&self) -> bool {
        self.file.as_os_str() == "-"
    }
}

/// Takes the last two numbers, because a file's name may have colons in it.
pub(super) fn parse(argument: &str) -> Result<Target, String> {
    let mut parts = argument.rsplitn(3, ':');
    let (column, line, file) = (parts.next(), parts.next(), parts.next());
    let number = |text: Option<&str>| text?.parse().ok().filter(|&number| number > 0);
    match (file, number(line), number(column)) {
        (Some(file), Some(line), Some(column)) if !file.is_empty() => Ok(Target {
            file: PathBuf::from(file),
            line,
            column,
        }),
        _ => Err("expected FILE:LINE:COLUMN with LINE and COLUMN from 1, such as src/main.rs:10:5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(file: &str, line: usize, column: usize) -> Result<Target, String> {
        Ok(Target {
            file: PathBuf::from(file),
            line,
            column,
        })
    }

    #[test]
    fn the_last_two_numbers_are_the_place() {
        assert_eq!(parse("a.rs:3:4"), target("a.rs", 3, 4));
        assert_eq!(parse(r"C:\x:1:2"), target(r"C:\x", 1, 2));
        assert_eq!(parse("a:7:8:9"), target("a:7", 8, 9));
        assert_eq!(parse("-:1:1"), target("-", 1, 1));
        for wrong in [
            "a.rs",
            "a.rs:3",
            "a.rs:0:1",
            "a.rs:1:0",
            "a.rs:x:1",
            ":1:1",
            "a:1:-1",
            "",
            "a:1:99999999999999999999",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
