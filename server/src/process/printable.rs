//! Text from outside as a terminal or a log may have it: what would move the cursor, change colours or reorder what is
//! read is written as an escape, such as `\u{1b}`.
//!
//! Names of files, keys of settings, a model's metadata and the system's errors come from strangers. All notes, errors,
//! tables and log lines pass here; what a pipe is to get exactly does not. Pure, but for the writer.

use std::borrow::Cow;
use std::io::{self, Write};

/// A text in one line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |_, _| false)
}

/// A text of several lines, with its tabs.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c, next| {
        matches!((c, next), ('\n' | '\t', _) | ('\r', Some('\n')))
    })
}

/// `stays` is told a character and the one after it.
fn escaped(text: &str, stays: impl Fn(char, Option<char>) -> bool) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 16);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match acts(c) && !stays(c, rest.clone().next()) {
            true => written.extend(c.escape_default()),
            false => written.push(c),
        }
    }
    Cow::Owned(written)
}

/// Whether a character does something instead of being seen: controls, what breaks a line, and what turns the direction
/// of writing (UAX #9).
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A log in which each write is one entry and becomes one line.
#[derive(Debug)]
pub(crate) struct Entries<W>(pub W);

impl<W: Write> Write for Entries<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(entry);
        let body = text.strip_suffix('\n').unwrap_or(&text);
        // In one piece, so that processes that share a log do not mix their lines.
        self.0.write_all(format!("{}\n", line(body)).as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        for (given, expected) in [
            ("größe 漢 😀 {\"a\"}", "größe 漢 😀 {\"a\"}"),
            ("\x1b[31mred\x1b]0;title\x07", "\\u{1b}[31mred\\u{1b}]0;title\\u{7}"),
            ("a\u{9b}2Jb\u{7f}", "a\\u{9b}2Jb\\u{7f}"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
            ("a\u{2028}b\u{200f}", "a\\u{2028}b\\u{200f}"),
        ] {
            assert_eq!(line(given), expected);
        }
        assert_eq!(lines("a\r\n\tb\r\x1b\n"), "a\r\n\tb\\r\\u{1b}\n");
    }

    #[test]
    fn an_entry_of_a_log_is_one_line() {
        let mut log = Entries(Vec::new());
        log.write_all(b"WARN a\nERROR forged \x1b[2J\n").unwrap();
        log.write_all("b \u{202e}\n".as_bytes()).unwrap();
        log.write_all(b"\xff").unwrap();
        let log = String::from_utf8(log.0).unwrap();
        assert_eq!(log, "WARN a\\nERROR forged \\u{1b}[2J\nb \\u{202e}\n\u{fffd}\n");
    }
}
