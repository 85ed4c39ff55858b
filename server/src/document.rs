//! One open document: its text, version, name and syntax tree, and the edits that the client makes to it.
//!
//! It must not know the protocol's types, the engine or other documents.

use std::sync::Arc;

use ropey::Rope;

use crate::language;
use crate::notebook;
use crate::position::{self, Encoding, LineColumn, LineOutOfRange};
use crate::syntax::{self, Job, Parsed, Syntax};

/// A tree is made anew where more changes come at once, which is quicker than to tell it of each.
const MOST_CHANGES_TO_FOLLOW: usize = 64;

/// An open document. Cloning it is cheap: the text is shared until one side edits it.
#[derive(Debug, Clone)]
pub struct Document {
    /// The text as the client has it.
    pub text: Rope,
    /// The version that the client gave it, or another where that is no greater than the one before.
    pub version: i32,
    /// The client's name for the language, such as `rust`.
    pub language: Arc<str>,
    /// The path as the model should see it.
    pub path: Option<Arc<str>>,
    /// An edit could not be applied, so the text is no longer the client's. The next full text heals it.
    stale: bool,
    /// Where the language is known.
    syntax: Option<Syntax>,
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is replaced; the whole text where there is none.
    pub range: Option<(LineColumn, LineColumn)>,
    /// What it is replaced with.
    pub text: String,
}

/// Why an edit could not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// A place that does not exist.
    #[error(transparent)]
    OutOfRange(#[from] LineOutOfRange),
    /// A range whose end is before its start.
    #[error("the range ends at line {}, column {} before it starts at line {}, column {}", .end.line, .end.column, .start.line, .start.column)]
    Backwards {
        /// Where it starts.
        start: LineColumn,
        /// Where it ends.
        end: LineColumn,
    },
    /// An earlier edit failed, so that places no longer mean what the client means by them.
    #[error("an earlier change failed, and only a change with the whole text can follow it")]
    Stale,
}

impl Document {
    /// A document as it was opened.
    pub fn new(text: &str, version: i32, language: &str, path: Option<String>) -> Self {
        Self {
            text: Rope::from_str(text),
            version,
            language: language.into(),
            path: path.map(Into::into),
            stale: false,
            syntax: language::of_id(language).map(Syntax::new),
        }
    }

    /// The syntax tree of the text, if that is quick to have.
    pub fn parsed(&mut self) -> Option<Parsed> {
        self.syntax.as_mut()?.parsed(&self.text)
    }

    /// Whether a tree is to be made somewhere else, as it was not quick to have, and nobody does.
    pub fn lacks_tree(&self) -> bool {
        self.syntax.as_ref().is_some_and(|syntax| syntax.lacks_tree(&self.text))
    }

    /// The tree takes memory that others need.
    pub fn forget_tree(&mut self) {
        if let Some(syntax) = &mut self.syntax {
            syntax.replaced();
        }
    }

    /// What is to be done for a tree that was not quick to have, somewhere else.
    pub fn parse_job(&mut self) -> Option<Job> {
        self.syntax.as_mut()?.job(&self.text)
    }

    /// It was done.
    pub fn parse_done(&mut self, job: &Job, parsed: Option<Parsed>) {
        if let Some(syntax) = &mut self.syntax {
            syntax.done(job, parsed);
        }
    }

    /// Whether it is a notebook's file as it is on the disk.
    pub fn is_raw_notebook(&self) -> bool {
        let name = self.path.as_deref().unwrap_or_default();
        notebook::is_raw(name, &self.language, &self.text)
    }

    /// Whether the text is the client's.
    pub fn is_current(&self) -> bool {
        !self.stale
    }

    /// An edit was not understood, so the text is no longer the client's.
    pub fn lose(&mut self) {
        self.stale = true;
    }

    /// Applies the edits in order, each to the result of the one before. After an error the document is stale.
    ///
    /// Messages come in the order in which they were sent, so that a version which skips some, repeats or goes back says
    /// nothing of the text. But states of the text are told apart by it, so that no two that follow each other may share
    /// one.
    pub fn apply(&mut self, version: i32, changes: &[Change], encoding: Encoding) -> Result<(), ChangeError> {
        self.version = match version > self.version {
            true => version,
            false => self.version.wrapping_add(1),
        };
        if changes.len() > MOST_CHANGES_TO_FOLLOW {
            self.forget_tree();
        }
        for change in changes {
            if let Err(error) = self.apply_one(change, encoding) {
                self.stale = true;
                return Err(error);
            }
        }
        Ok(())
    }

    fn apply_one(&mut self, change: &Change, encoding: Encoding) -> Result<(), ChangeError> {
        let Some((start, end)) = change.range else {
            self.text = Rope::from_str(&change.text);
            self.stale = false;
            if let Some(syntax) = &mut self.syntax {
                syntax.replaced();
            }
            return Ok(());
        };
        if self.stale {
            return Err(ChangeError::Stale);
        }
        let from = position::to_offset(&self.text, start, encoding)?;
        let to = position::to_offset(&self.text, end, encoding)?;
        if to < from {
            return Err(ChangeError::Backwards { start, end });
        }
        let before = self.text.clone();
        let chars = before.byte_to_char(from)..before.byte_to_char(to);
        let at = chars.start;
        self.text.remove(chars);
        self.text.insert(at, &change.text);
        if let Some(syntax) = &mut self.syntax {
            syntax.edited(&syntax::edit(&before, from..to, change.text.len(), &self.text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, column: usize) -> LineColumn {
        LineColumn { line, column }
    }

    fn ranged(start: (usize, usize), end: (usize, usize), text: &str) -> Change {
        Change {
            range: Some((at(start.0, start.1), at(end.0, end.1))),
            text: text.to_owned(),
        }
    }

    fn whole(text: &str) -> Change {
        Change {
            range: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn changes_apply_in_order() {
        let mut document = Document::new("one\ntwo\n", 1, "text", None);
        let changes = [
            ranged((0, 3), (1, 0), " "),
            ranged((0, 4), (0, 7), "2"),
            whole("x"),
            ranged((0, 1), (0, 1), "y"),
        ];
        document.apply(5, &changes[..2], Encoding::Utf16).unwrap();
        assert_eq!((document.text.to_string().as_str(), document.version), ("one 2\n", 5));
        document.apply(6, &changes[2..], Encoding::Utf16).unwrap();
        assert_eq!(document.text, "xy");
    }

    #[test]
    fn every_edit_has_a_version_of_its_own() {
        let mut document = Document::new("", 7, "text", None);
        let mut versions = vec![document.version];
        for said in [9, 9, 9, 3, i32::MAX, i32::MAX] {
            document
                .apply(said, &[ranged((0, 0), (0, 0), "x")], Encoding::Utf8)
                .unwrap();
            assert!(!versions.contains(&document.version), "{said}: {versions:?}");
            versions.push(document.version);
        }
        assert_eq!((document.text.to_string().as_str(), versions[1]), ("xxxxxx", 9));
    }

    #[test]
    fn a_change_out_of_range_makes_the_document_stale_until_the_next_full_text() {
        let mut document = Document::new("a\n", 1, "text", None);
        let error = document
            .apply(2, &[ranged((9, 0), (9, 0), "x")], Encoding::Utf8)
            .unwrap_err();
        assert_eq!(error, ChangeError::OutOfRange(LineOutOfRange { line: 9, lines: 2 }));
        assert!(!document.is_current());
        assert_eq!(
            document.apply(3, &[ranged((0, 0), (0, 0), "x")], Encoding::Utf8),
            Err(ChangeError::Stale)
        );
        document.apply(4, &[whole("b")], Encoding::Utf8).unwrap();
        assert!(document.is_current());
        assert!(
            document
                .apply(5, &[ranged((0, 1), (0, 0), "x")], Encoding::Utf8)
                .is_err()
        );
    }

    /// A small xorshift generator: the edits must be the same in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }
    }

    /// The plain implementation: where each line starts in a `String`.
    fn line_starts(text: &str) -> Vec<usize> {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for i in 0..bytes.len() {
            let crlf = bytes[i] == b'\r' && bytes.get(i + 1) == Some(&b'\n');
            if bytes[i] == b'\n' || (bytes[i] == b'\r' && !crlf) {
                starts.push(i + 1);
            }
        }
        starts
    }

    fn plain_place(text: &str, offset: usize, encoding: Encoding) -> LineColumn {
        let starts = line_starts(text);
        let line = starts.partition_point(|&start| start <= offset) - 1;
        let before = &text[starts[line]..offset];
        let column = match encoding {
            Encoding::Utf8 => before.len(),
            Encoding::Utf16 => before.encode_utf16().count(),
            Encoding::Utf32 => before.chars().count(),
        };
        at(line, column)
    }

    #[test]
    fn random_edits_agree_with_a_plain_string() {
        let pieces = [
            "a", "é", "😀", "\n", "\r\n", "\r", "\t", "fn x", "\u{2028}", "", "\n\n", "日本",
        ];
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let mut random = Random(0x9e37_79b9_7f4a_7c15);
            let mut plain = String::from("fn main() {\r\n}\n");
            let mut document = Document::new(&plain, 0, "text", None);
            for version in 1..2000 {
                // A place between `\r` and `\n` cannot be named by line and column.
                let ends: Vec<usize> = (0..=plain.len())
                    .filter(|&i| plain.is_char_boundary(i))
                    .filter(|&i| !(plain[..i].ends_with('\r') && plain[i..].starts_with('\n')))
                    .collect();
                let mut range = [random.below(ends.len()), random.below(ends.len())];
                range.sort_unstable();
                // Short removals keep the text growing until it is cut back.
                let last = if plain.len() < 400 {
                    (range[0] + 3).min(range[1])
                } else {
                    range[1]
                };
                let (from, to) = (ends[range[0]], ends[last]);
                let new: String = (0..random.below(4))
                    .map(|_| pieces[random.below(pieces.len())])
                    .collect();
                let change = Change {
                    range: Some((plain_place(&plain, from, encoding), plain_place(&plain, to, encoding))),
                    text: new.clone(),
                };
                document.apply(version, &[change], encoding).unwrap();
                plain.replace_range(from..to, &new);
                assert_eq!(document.text, plain.as_str(), "edit {version}");
                let probe = ends[range[0]].min(plain.len());
                if plain.is_char_boundary(probe)
                    && !(plain[..probe].ends_with('\r') && plain[probe..].starts_with('\n'))
                {
                    let place = position::from_offset(&document.text, probe, encoding);
                    assert_eq!(place, plain_place(&plain, probe, encoding));
                    assert_eq!(position::to_offset(&document.text, place, encoding), Ok(probe));
                }
            }
        }
    }
}
