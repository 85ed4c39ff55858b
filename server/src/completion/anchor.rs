//! Where the prompt's prefix ends: at an anchor above the cursor, which stays where it is while the user types.
//!
//! The prompt is prefix, suffix, middle. A typed character at the end of the prefix would make a model read the whole
//! suffix again; after the anchor it is the newest piece of the middle, and the only one to read. Pure: it must not know
//! the protocol, the model or who asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ropey::{Rope, RopeSlice};

use crate::completion::shown::Shown;
use crate::documents::position;

/// How far above the cursor a new anchor is looked for, in lines.
const LINES: usize = 12;
/// The most text between anchor and cursor, in bytes; less where the model's context is short.
const MOST: usize = 4096;
/// How much an editor may put in right of the cursor by itself, in bytes: closers, and a line break with indentation.
pub(crate) const PAIRED: usize = 64;

/// The end of the prefix and the beginning of the suffix, as they were when the user began to type here.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    text: Rope,
    at: usize,
    suffix: usize,
    /// What the model is shown around it. Its copies have it too.
    shown: Arc<OnceLock<Shown>>,
    /// The cursor stood in a secret while it was this one.
    in_secret: Arc<AtomicBool>,
}

/// Why an anchor is not where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// There was none in this document.
    First,
    /// The text before the anchor is another.
    Before,
    /// The text after the cursor is another.
    After,
    /// The cursor stands above the anchor.
    Above,
    /// The text between anchor and cursor is too long.
    Long,
    /// The text between anchor and cursor is going to be too long, and what stands around the new anchor is read already.
    Ahead,
}

impl Moved {
    /// The words that users see in status and log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::First => "moved: first request in this document",
            Self::Before => "moved: the text before the anchor changed",
            Self::After => "moved: the text after the cursor changed",
            Self::Above => "moved: the cursor left",
            Self::Long => "moved: the text since the anchor grew too long",
            Self::Ahead => "moved: the text since the anchor grew long, and the new one was read in idle time",
        }
    }
}

impl Anchor {
    /// A new anchor for a cursor: the start of the outermost statement that begins within a few lines, as far as
    /// indentation tells. `context_tokens` is the length of the model's context.
    pub(crate) fn new(text: &Rope, cursor: usize, context_tokens: usize) -> Self {
        let line = text.byte_to_line(cursor);
        let mut at = text.line_to_byte(line);
        if cursor - at > most(context_tokens) / 2 {
            at = cursor;
        }
        let mut least = usize::MAX;
        for above in (line.saturating_sub(LINES)..=line).rev() {
            let start = text.line_to_byte(above);
            if cursor - start > most(context_tokens) / 2 {
                break;
            }
            let line = text.byte_slice(start..position::line_end(text, above));
            let indentation = line.chars().take_while(|c| c.is_whitespace()).count();
            let begins = line
                .get_char(indentation)
                .is_some_and(|c| !matches!(c, ')' | ']' | '}'));
            if begins && indentation <= least {
                (at, least) = (start, indentation);
            }
        }
        Self {
            text: text.clone(),
            at,
            suffix: cursor,
            shown: Arc::default(),
            in_secret: Arc::default(),
        }
    }

    /// One at the end of a text, with nothing typed.
    pub(crate) fn at_end(text: &Rope) -> Self {
        Self {
            text: text.clone(),
            at: text.len_bytes(),
            suffix: text.len_bytes(),
            shown: Arc::default(),
            in_secret: Arc::default(),
        }
    }

    /// The anchor for a later state of the document: this one where it still holds, else a new one and the reason.
    pub(crate) fn follow(&self, text: &Rope, cursor: usize, context_tokens: usize) -> (Self, Option<Moved>) {
        let Some(moved) = self.why_not(text, cursor, context_tokens) else {
            return (self.clone(), None);
        };
        let mut new = Self::new(text, cursor, context_tokens);
        // Where only the suffix is another, what the model has read of the prefix is still good.
        if moved == Moved::After && cursor - self.at <= most(context_tokens) / 2 {
            new.at = self.at;
        }
        (new, Some(moved))
    }

    /// Why it does not hold for a later state of the document, if so.
    fn why_not(&self, text: &Rope, cursor: usize, context_tokens: usize) -> Option<Moved> {
        if cursor < self.at {
            Some(Moved::Above)
        } else if text.get_byte_slice(..self.at) != Some(self.prefix()) {
            Some(Moved::Before)
        } else if cursor - self.at > most(context_tokens) {
            Some(Moved::Long)
        } else {
            (!has_suffix(text, cursor, self.suffix())).then_some(Moved::After)
        }
    }

    /// Whether it is so far above the cursor that it will have to move soon.
    pub(crate) fn is_far(&self, cursor: usize, context_tokens: usize) -> bool {
        cursor.saturating_sub(self.at) > most(context_tokens) / 4 * 3
    }

    /// Whether it still holds for a later state of the document, in which there may be nothing where the cursor was.
    pub(crate) fn holds(&self, text: &Rope, cursor: usize, context_tokens: usize) -> bool {
        self.why_not(text, cursor, context_tokens).is_none()
    }

    /// What the model is shown around it. That stays the same, and so it is made once.
    pub(crate) fn shown(&self, make: impl FnOnce() -> Shown) -> &Shown {
        self.shown.get_or_init(make)
    }

    /// The cursor stands in a secret. What is typed there may make it look like none, and its rest stays one all the same.
    pub(crate) fn mark_in_secret(&self) {
        self.in_secret.store(true, Ordering::Relaxed);
    }

    /// Whether the cursor stood in a secret.
    pub(crate) fn is_in_secret(&self) -> bool {
        self.in_secret.load(Ordering::Relaxed)
    }

    /// The document as it was when the user began to type here.
    pub(crate) fn text(&self) -> &Rope {
        &self.text
    }

    /// The text before the anchor.
    pub(crate) fn prefix(&self) -> RopeSlice<'_> {
        self.text.byte_slice(..self.at)
    }

    /// What has been typed between the anchor and a cursor that [`Self::follow`] was asked about.
    #[cfg(test)]
    pub(crate) fn typed<'a>(&self, text: &'a Rope, cursor: usize) -> RopeSlice<'a> {
        text.byte_slice(self.at..cursor)
    }

    /// The text after the cursor, without what an editor paired in since.
    pub(crate) fn suffix(&self) -> RopeSlice<'_> {
        self.text.byte_slice(self.suffix..)
    }
}

/// What was typed, where a text is an earlier one with something typed at its cursor, and perhaps closers that the editor
/// paired in behind the new cursor.
pub(crate) fn follows<'a>(earlier: &Rope, cursor: usize, text: &'a Rope, new_cursor: usize) -> Option<RopeSlice<'a>> {
    let typed = text.get_byte_slice(cursor..new_cursor)?;
    let after = has_suffix(text, new_cursor, earlier.byte_slice(cursor..));
    (after && text.byte_slice(..cursor) == earlier.byte_slice(..cursor)).then_some(typed)
}

/// What may have been typed since an earlier text, as [`follows`] has it for each cursor that there may be now, the longest
/// first. Texts may be long, so that what is around all of them is compared once.
pub(crate) fn may_follow<'a>(earlier: &Rope, cursor: usize, text: &'a Rope) -> impl Iterator<Item = RopeSlice<'a>> {
    let after = earlier.byte_slice(cursor..);
    let end = text.len_bytes().checked_sub(after.len_bytes());
    let end = end.filter(|end| {
        text.get_byte_slice(..cursor) == Some(earlier.byte_slice(..cursor))
            && text.get_byte_slice(*end..) == Some(after)
    });
    let cursors = end.map_or(0..0, |end| cursor.max(end.saturating_sub(PAIRED))..end + 1);
    cursors.rev().filter_map(move |now| {
        let paired = text.get_byte_slice(now..end?)?;
        paired.chars().all(pairs).then(|| text.get_byte_slice(cursor..now))?
    })
}

/// Whether a suffix follows a cursor, perhaps after what an editor paired in.
fn has_suffix(text: &Rope, cursor: usize, suffix: RopeSlice<'_>) -> bool {
    let Some(after) = text.get_byte_slice(cursor..) else {
        return false;
    };
    let Some(paired) = after.len_bytes().checked_sub(suffix.len_bytes()) else {
        return false;
    };
    paired <= PAIRED
        && after
            .get_byte_slice(..paired)
            .is_some_and(|paired| paired.chars().all(pairs))
        && after.byte_slice(paired..) == suffix
}

/// Whether an editor may have paired it in.
fn pairs(c: char) -> bool {
    c.is_whitespace() || matches!(c, ')' | ']' | '}' | '"' | '\'' | '`')
}

/// The most text between anchor and cursor. A piece is one byte at the least, so half the context holds half of it.
fn most(context_tokens: usize) -> usize {
    MOST.min(context_tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: usize = 1024;

    fn split(marked: &str) -> (Rope, usize) {
        let (before, after) = marked.split_once("$0").unwrap();
        (Rope::from_str(&format!("{before}{after}")), before.len())
    }

    /// What stands between anchor and cursor.
    #[track_caller]
    fn check(marked: &str, context_tokens: usize, typed: &str) {
        let (text, cursor) = split(marked);
        let anchor = Anchor::new(&text, cursor, context_tokens);
        assert_eq!(anchor.typed(&text, cursor), typed);
        assert_eq!(anchor.suffix(), text.byte_slice(cursor..));
    }

    #[test]
    fn it_is_the_outermost_statement_nearby() {
        check("$0", CONTEXT, "");
        check("a\nb$0\nc", CONTEXT, "a\nb");
        check(
            "}\n\nfn a() {\n    b();\n    c$0\n}",
            CONTEXT,
            "fn a() {\n    b();\n    c",
        );
        check("fn a() {\n    b();\n}\n$0", CONTEXT, "fn a() {\n    b();\n}\n");
        let long = "    x();\n".repeat(LINES + 5);
        check(
            &format!("fn a() {{\n{long}    y$0"),
            CONTEXT,
            &format!("{}    y", "    x();\n".repeat(LINES)),
        );
    }

    #[test]
    fn a_short_context_keeps_it_near() {
        check("a\nb\nc\nd$0", 8, "c\nd");
        check("a very long line$0", 8, "");
        check("é very long liné$0", 8, "");
    }

    /// Types on from one marked text to another: whether the anchor moves, and what is typed then.
    #[track_caller]
    fn follow(from: &str, to: &str, moved: Option<Moved>, typed: &str) {
        let (text, cursor) = split(from);
        let anchor = Anchor::new(&text, cursor, CONTEXT);
        let (text, cursor) = split(to);
        let (anchor, found) = anchor.follow(&text, cursor, CONTEXT);
        assert_eq!(
            (found, anchor.typed(&text, cursor).to_string().as_str()),
            (moved, typed)
        );
        // Whatever happened, the prompt is about the document as it is.
        let told = format!("{}{}", anchor.prefix(), anchor.typed(&text, cursor));
        assert_eq!(text.byte_slice(..cursor), told.as_str());
    }

    #[test]
    fn it_stays_while_the_user_types() {
        follow("a\nb$0\nc", "a\nbx$0\nc", None, "a\nbx");
        follow("a\nbx$0\nc", "a\nb$0\nc", None, "a\nb");
        follow("a\nb$0\nc", "a\nb\n\n  d$0\nc", None, "a\nb\n\n  d");
        follow("f$0;", "f($0);", None, "f(");
        follow("f$0;", "f(\"$0\");", None, "f(\"");
        follow("f()$0", "f() {\n    $0\n}", None, "f() {\n    ");
        follow("f$0;", "f()$0;", None, "f()");
    }

    #[test]
    fn it_holds_nowhere_where_there_is_no_cursor() {
        let (text, cursor) = split("a$0b");
        let anchor = Anchor::new(&text, cursor, CONTEXT);
        for (text, cursor, holds) in [("acb", 2, true), ("aéb", 2, false), ("ab", 3, false), ("", 1, false)] {
            assert_eq!(anchor.holds(&text.into(), cursor, CONTEXT), holds, "{text} {cursor}");
        }
    }

    #[test]
    fn it_moves_for_a_reason() {
        follow("a\nb$0\nc", "a\nb$0\nd", Some(Moved::After), "a\nb");
        follow("a\nbc$0\n", "a\nb$0c\n", Some(Moved::After), "a\nb");
        follow("f$0;", "f$0x;", Some(Moved::After), "f");
        follow(
            "}\nfn a() {\n  b$0\n}",
            "};\nfn a() {\n  b$0\n}",
            Some(Moved::Before),
            "fn a() {\n  b",
        );
        follow("}\n  y\nb$0", "}\n  $0y\nb", Some(Moved::Above), "  ");
        follow("}\n$0", "}$0\n", Some(Moved::Above), "}");
        let typed = "x".repeat(CONTEXT + 1);
        follow("$0", &format!("{typed}$0"), Some(Moved::Long), "");
        follow("ab$0", "é$0", None, "é");
        follow("}\nab$0", "}é$0", Some(Moved::Before), "}é");
        follow("ab$0éé", "ab$0é", Some(Moved::After), "ab");
    }

    /// Whatever happens to a document, prefix, typed text and suffix are the document, but for paired closers.
    #[test]
    fn random_edits_never_make_it_lie() {
        let mut random = 3_u64;
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % limit
        };
        let pieces = [
            "x",
            "()",
            "\n",
            "é😀",
            "    ",
            "fn a() {\n",
            "}\n",
            "\"",
            "a long line of text\r\n",
        ];
        let (mut text, mut kept) = (Rope::new(), 0);
        let mut anchor = Anchor::new(&text, 0, CONTEXT);
        let mut at = 0;
        for _ in 0..5000 {
            // Mostly typing on, sometimes somewhere else.
            if below(8) == 0 {
                at = below(text.len_chars() + 1);
            }
            if below(4) == 0 {
                let end = (at + below(12)).min(text.len_chars());
                text.remove(at..end);
            } else {
                let piece = pieces[below(pieces.len())];
                text.insert(at, piece);
                at += below(piece.chars().count() + 1);
            }
            if text.len_chars() > 3000 {
                text.remove(..2000);
                at = at.saturating_sub(2000);
            }
            let cursor = text.char_to_byte(at);
            let (new, moved) = anchor.follow(&text, cursor, CONTEXT);
            anchor = new;
            kept += usize::from(moved.is_none());
            let told = format!("{}{}", anchor.prefix(), anchor.typed(&text, cursor));
            assert_eq!(text.byte_slice(..cursor), told.as_str());
            assert!(anchor.typed(&text, cursor).len_bytes() <= CONTEXT);
            let after = text.byte_slice(cursor..).to_string();
            let paired = after
                .strip_suffix(&anchor.suffix().to_string())
                .expect("the suffix is there");
            assert!(
                paired.len() <= PAIRED && paired.chars().all(|c| !c.is_alphanumeric()),
                "{paired:?}"
            );
        }
        assert!(kept > 500, "{kept} times it stayed");
    }
}
