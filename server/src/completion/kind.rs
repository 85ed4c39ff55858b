//! What kind of place a cursor stands at, as far as it says how often suggestions there are right.
//!
//! Pure: it sees what the syntax tree says of the place and the cursor's line.

use crate::completion::trigger::{Cursor, closes};
use crate::documents::syntax::Inside;

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A line on which nothing stands yet.
    NewLine,
    /// The end of a line, behind a word.
    WordEnd,
    /// The end of a line, behind anything else.
    LineEnd,
    /// Within a line.
    WithinLine,
    /// A comment.
    Comment,
    /// A string.
    String,
    /// A document in a language without statements, which is data.
    Data,
    /// A file of prose.
    Prose,
}

/// How the names of files end that are prose.
const PROSE: [&str; 6] = [".md", ".markdown", ".rst", ".adoc", ".txt", ".tex"];

impl Kind {
    /// The kind of a cursor's place in a file.
    pub(crate) fn of(cursor: &Cursor<'_>, path: Option<&str>) -> Self {
        if path.is_some_and(|path| PROSE.iter().any(|end| path.ends_with(end))) {
            return Self::Prose;
        }
        match cursor.inside {
            Inside::Comment => return Self::Comment,
            Inside::String => return Self::String,
            Inside::Code if cursor.language.is_some_and(|language| language.statements.is_empty()) => {
                return Self::Data;
            }
            Inside::Code => {}
        }
        if !cursor.after.chars().all(closes) {
            return Self::WithinLine;
        }
        match cursor.before.chars().next_back() {
            _ if cursor.before.trim().is_empty() => Self::NewLine,
            Some(c) if c.is_alphanumeric() || c == '_' => Self::WordEnd,
            _ => Self::LineEnd,
        }
    }

    /// The name in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NewLine => "new_line",
            Self::WordEnd => "word_end",
            Self::LineEnd => "line_end",
            Self::WithinLine => "within_line",
            Self::Comment => "comment",
            Self::String => "string",
            Self::Data => "data",
            Self::Prose => "prose",
        }
    }
}
