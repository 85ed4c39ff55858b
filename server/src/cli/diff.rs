//! A change of a file as a unified diff, which `patch -p1` and `git apply` take.
//!
//! It must not know why the file changes.

use std::fmt::Write;

use similar::TextDiff;

/// The change from one text to another of the file with this name, in bytes.
pub(super) fn unified(name: &[u8], old: &str, new: &str) -> String {
    // A lone `\r` ends no line of a diff.
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<_>>();
    let (old, new) = (lines(old), lines(new));
    let diff = TextDiff::from_slices(&old, &new);
    let mut text = format!("--- {}\n+++ {}\n", header("a/", name), header("b/", name));
    let unified = diff.unified_diff();
    for hunk in unified.iter_hunks() {
        let _ = writeln!(text, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let _ = write!(text, "{}{}", change.tag(), change.value());
            if !change.value().ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    text
}

/// A name as git writes it: in quotes where something in it has to be escaped, and with a tab behind it where it has a
/// blank, which would end it otherwise; in quotes, too, where a blank is its end, which `patch` would take for none of it.
fn header(prefix: &str, name: &[u8]) -> String {
    let plain = std::str::from_utf8(name).ok();
    let plain = plain.filter(|name| !name.contains(|c: char| c.is_ascii_control() || matches!(c, '"' | '\\')));
    let plain = plain.filter(|name| !name.ends_with(' '));
    if let Some(name) = plain {
        let end = if name.contains(' ') { "\t" } else { "" };
        return format!("{prefix}{name}{end}");
    }
    let mut quoted = format!("\"{prefix}");
    for byte in name {
        let _ = match byte {
            b'\t' => write!(quoted, "\\t"),
            b'\n' => write!(quoted, "\\n"),
            b'\r' => write!(quoted, "\\r"),
            b'"' | b'\\' => write!(quoted, "\\{}", char::from(*byte)),
            b' '..=b'~' => write!(quoted, "{}", char::from(*byte)),
            other => write!(quoted, "\\{other:03o}"),
        };
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_marked() {
        let diff = unified(b"a", "x\ny", "x\nyz");
        assert_eq!(
            diff,
            "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n x\n-y\n\\ No newline at end of file\n+yz\n\\ No newline at end of file\n"
        );
        let returns = unified(b"a", "x\ry\r", "x\ryz\r");
        assert!(
            returns.contains("-x\ry\r\n\\ No newline at end of file\n+x\ryz\r\n\\"),
            "{returns:?}"
        );
        assert!(unified(b"a", "x\r\n", "xy\r\n").ends_with("-x\r\n+xy\r\n"));
        assert!(unified(b"a", "", "x").contains("\n@@ -0,0 +1 @@\n+x\n\\"));
    }

    #[test]
    fn names_are_written_as_git_writes_them() {
        let header = |name: &[u8]| header("a/", name);
        assert_eq!(header(b"src/a.py"), "a/src/a.py");
        assert_eq!(header("é.py".as_bytes()), "a/é.py");
        assert_eq!(header(b"a b.py"), "a/a b.py\t");
        assert_eq!(header(b"a "), r#""a/a ""#);
        assert_eq!(header(b"a\tb"), r#""a/a\tb""#);
        assert_eq!(header(b"a \"b\" \\ \n\x1b\xff"), r#""a/a \"b\" \\ \n\033\377""#);
    }
}
