//! The argument FILE, FILE:LINE or FILE:LINE:COLUMN.
//!
//! It must not read the file; whether there is one decides where its name ends, because a name may have colons in it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::models::path;

/// A place in a file, as people count: from 1, in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The file; `-` is stdin.
    pub(super) file: PathBuf,
    /// The line, from 1; without one it is the last.
    pub(super) line: Option<usize>,
    /// The column, from 1; without one it is the line's end.
    pub(super) column: Option<usize>,
}

impl Target {
    /// Whether the text comes from stdin.
    pub(super) fn is_stdin(&self) -> bool {
        self.file.as_os_str() == "-"
    }
}

/// What an argument means: the reading with the most numbers whose file is there.
pub(super) fn parse(argument: &OsStr) -> Target {
    let home = |target: &Target| {
        let file = path::at_home(target.file.to_str()?);
        file.exists().then(|| Target { file, ..target.clone() })
    };
    let readings = readings(argument);
    let found = readings.iter().find(|target| target.is_stdin() || target.file.exists());
    let found = found.cloned().or_else(|| readings.iter().find_map(home));
    found.unwrap_or_else(|| readings[0].clone())
}

/// All that an argument may mean, with the most numbers first. What a compiler or `grep` printed may end with a colon.
fn readings(argument: &OsStr) -> Vec<Target> {
    let target = |file: OsString, line, column| Target {
        file: PathBuf::from(file),
        line,
        column,
    };
    let mut readings = Vec::new();
    let ends = [beginning(argument, b":"), Some(argument.to_owned())];
    for text in ends.into_iter().flatten() {
        if let Some((shorter, last)) = number(&text) {
            if let Some((file, line)) = number(&shorter) {
                readings.push(target(file, Some(line), Some(last)));
            }
            readings.push(target(shorter, Some(last), None));
        }
        readings.push(target(text, None, None));
    }
    readings
}

/// The number behind the last colon, and what stands before that.
fn number(text: &OsStr) -> Option<(OsString, usize)> {
    let bytes = text.as_encoded_bytes();
    let colon = memchr::memrchr(b':', bytes)?;
    let digits = std::str::from_utf8(&bytes[colon + 1..]).ok()?;
    let numeric = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    // No file has a line of a number that is too long for one.
    let number = numeric.then(|| digits.parse().unwrap_or(usize::MAX))?;
    Some((beginning(text, &bytes[colon..])?, number))
}

/// The text without `end`, if it ends so and something is left. A name need not be Unicode.
fn beginning(text: &OsStr, end: &[u8]) -> Option<OsString> {
    #[cfg(unix)]
    let beginning = {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(text.as_bytes().strip_suffix(end)?).to_owned()
    };
    #[cfg(not(unix))]
    let beginning = OsString::from(text.to_str()?.strip_suffix(std::str::from_utf8(end).ok()?)?);
    (!beginning.is_empty()).then_some(beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(argument: &str, expected: &[(&str, Option<usize>, Option<usize>)]) {
        let readings = readings(OsStr::new(argument));
        let found: Vec<_> = readings
            .iter()
            .map(|target| (target.file.to_str().unwrap(), target.line, target.column))
            .collect();
        assert_eq!(found, expected, "{argument}");
    }

    #[test]
    fn a_name_may_have_colons_and_numbers_may_be_left_out() {
        let whole = |name| (name, None, None);
        check("a.rs", &[whole("a.rs")]);
        check("a.rs:3", &[("a.rs", Some(3), None), whole("a.rs:3")]);
        let place = [("a.rs", Some(3), Some(4)), ("a.rs:3", Some(4), None), whole("a.rs:3:4")];
        check("a.rs:3:4", &place);
        check("a.rs:3:4:", &[&place[..], &[whole("a.rs:3:4:")]].concat());
        let windows = [
            (r"C:\x", Some(1), Some(2)),
            (r"C:\x:1", Some(2), None),
            whole(r"C:\x:1:2"),
        ];
        check(r"C:\x:1:2", &windows);
        check("-", &[whole("-")]);
        check("a:x", &[whole("a:x")]);
        check("a:-1", &[whole("a:-1")]);
        check(":1", &[whole(":1")]);
        check("", &[whole("")]);
        let most = usize::MAX;
        check(
            "a:99999999999999999999",
            &[("a", Some(most), None), whole("a:99999999999999999999")],
        );
    }

    #[test]
    fn the_file_that_is_there_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "").unwrap();
        let parsed = |name: &str| {
            let target = parse(path(name).as_os_str());
            (target.file, target.line, target.column)
        };
        assert_eq!(parsed("a:7:8"), (path("a"), Some(7), Some(8)));
        assert_eq!(
            parsed("b:7:8"),
            (path("b"), Some(7), Some(8)),
            "it is named when it is missed"
        );
        #[cfg(unix)]
        {
            std::fs::write(path("b:7"), "").unwrap();
            assert_eq!(parsed("b:7"), (path("b:7"), None, None));
            assert_eq!(parsed("b:7:8"), (path("b:7"), Some(8), None));
            assert_eq!(parsed("b:7:8:9"), (path("b:7"), Some(8), Some(9)));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_need_not_be_unicode() {
        use std::os::unix::ffi::OsStrExt;
        let target = parse(OsStr::from_bytes(b"\xff.py:1:2"));
        assert_eq!(target.file.as_os_str().as_bytes(), b"\xff.py");
        assert_eq!((target.line, target.column), (Some(1), Some(2)));
    }
}
