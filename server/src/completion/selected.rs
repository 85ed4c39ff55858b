//! The entry that is selected in an editor's popup. While the popup is open an editor shows no ghost text but one that goes
//! on with that entry, so it is completed as if it were in the document already.
//!
//! Pure: it must not know the protocol, the model or who asks.

use ropey::Rope;

use crate::completion::snapshot::Suggestion;
use crate::documents::document::Change;
use crate::documents::position::{self, Encoding, LineColumn};

/// An entry that may be accepted, and the document that it is not in yet.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    document: Rope,
    entry: Suggestion,
}

impl Selected {
    /// The entry that a client says is selected. `None` where that cannot be at this cursor: editors replace a part of
    /// the cursor's line that the cursor is in, or touches.
    pub(crate) fn new(document: &Rope, cursor: LineColumn, entry: &Change, encoding: Encoding) -> Option<Self> {
        let (start, end) = entry.range?;
        if (start.line, end.line) != (cursor.line, cursor.line) {
            return None;
        }
        let offset = |at| position::to_offset(document, at, encoding);
        let (start, cursor, end) = (offset(start), offset(cursor), offset(end));
        (start <= cursor && cursor <= end).then(|| Self {
            document: document.clone(),
            entry: Suggestion {
                text: entry.text.clone(),
                range: start..end,
            },
        })
    }

    /// What accepting it changes.
    pub(crate) fn entry(&self) -> &Suggestion {
        &self.entry
    }

    /// The document without it.
    pub(crate) fn document(&self) -> &Rope {
        &self.document
    }

    /// A suggestion for the document with the entry in it, as one change of the document without.
    pub(crate) fn extended(&self, suggestion: &Suggestion) -> Suggestion {
        Suggestion {
            text: format!("{}{}", self.entry.text, suggestion.text),
            range: self.entry.range.start..self.entry.range.end + suggestion.range.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "😀 x\nself.ar)\n";

    fn selected(cursor: usize, line: usize, columns: [usize; 2]) -> Option<Selected> {
        let at = |line, column| LineColumn { line, column };
        let entry = Change {
            range: Some((at(line, columns[0]), at(line, columns[1]))),
            text: "area".to_owned(),
        };
        Selected::new(&Rope::from_str(DOCUMENT), at(1, cursor), &entry, Encoding::Utf16)
    }

    /// The document with the entry and a suggestion behind it, accepted one after the other and at once.
    #[track_caller]
    fn check(columns: [usize; 2], replaces: usize, expected: &str) {
        let selected = selected(7, 1, columns).unwrap();
        let (text, cursor) = selected.entry().accepted(selected.document());
        let suggestion = Suggestion {
            text: "()".to_owned(),
            range: cursor..cursor + replaces,
        };
        assert_eq!(suggestion.accepted(&text).0, expected);
        assert_eq!(selected.extended(&suggestion).accepted(selected.document()).0, expected);
    }

    #[test]
    fn entry_and_suggestion_are_one_change() {
        check([5, 7], 0, "😀 x\nself.area())\n");
        check([5, 7], 1, "😀 x\nself.area()\n");
        check([5, 8], 0, "😀 x\nself.area()\n");
        check([7, 7], 0, "😀 x\nself.ararea())\n");
    }

    #[test]
    fn an_entry_away_from_the_cursor_is_none() {
        assert!(selected(7, 1, [5, 99]).is_some(), "past the end of the line is its end");
        for (line, columns) in [(0, [0, 2]), (9, [5, 7]), (1, [0, 5]), (1, [8, 8]), (1, [7, 5])] {
            assert!(selected(7, line, columns).is_none(), "line {line}, columns {columns:?}");
        }
    }
}
