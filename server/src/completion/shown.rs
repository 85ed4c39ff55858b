//! The text of a document as the model may see it: prefix, typed text and suffix with every secret replaced.
//!
//! Where secrets stand is decided on the text as a whole, and then it is cut, so that neither the cursor, nor an anchor,
//! nor the beginning or end of what is shown leaves half of one over. What stands around an anchor stays the same while
//! the user types, and is judged once; the text near the cursor is judged anew for each request. Pure: it must not know
//! the model, files or who asks.

use std::ops::Range;

use codegemma_model::{near_end, near_start};
use ropey::Rope;

use crate::completion::anchor::Anchor;
use crate::policy::sanitize::{unix_lines, without_mark};
use crate::policy::secrets;

/// So much beyond what is shown is looked at, and on either side of what is typed, in bytes.
const AROUND: usize = 4096;

/// The text around an anchor as the model is shown it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Before the anchor.
    pub prefix: String,
    /// After the cursor.
    pub suffix: String,
    /// Where secrets stand in the text before the anchor: how far their ends are before its end.
    before: Vec<Range<usize>>,
    /// Where secrets stand in the text after the cursor, from its beginning.
    after: Vec<Range<usize>>,
}

/// The text near a cursor, and where secrets stand in it.
#[derive(Debug)]
pub(crate) struct Near {
    text: Parts,
    found: Vec<Range<usize>>,
    /// The cursor stands in one, or at the end of one that is being typed.
    pub in_secret: bool,
}

/// Part of a document with `\n` at the end of each line, and where its parts begin.
#[derive(Debug)]
struct Parts {
    text: String,
    /// What is shown, before the anchor.
    prefix: Range<usize>,
    /// Between anchor and cursor.
    typed: Range<usize>,
    /// What is shown, after the cursor and what an editor paired in there.
    suffix: Range<usize>,
}

impl Parts {
    /// Of what is shown of a document. A `paired` number of bytes after the cursor is not shown.
    fn new(text: &Rope, shown: &Range<usize>, anchor: usize, cursor: usize, paired: usize) -> Self {
        let on_char = |at: usize| text.char_to_byte(text.byte_to_char(at));
        let from = on_char(shown.start.saturating_sub(AROUND));
        let to = on_char((shown.end + AROUND).min(text.len_bytes()));
        let mut joined = String::new();
        let places = [from, shown.start, anchor, cursor, cursor + paired, shown.end, to];
        let mut part = |from: usize, to: usize| {
            let start = joined.len();
            let part: String = text.byte_slice(from..to.max(from)).into();
            joined.push_str(&unix_lines(if from == 0 { without_mark(part) } else { part }));
            start..joined.len()
        };
        let [_, prefix, typed, _, suffix, _] = [0, 1, 2, 3, 4, 5].map(|at| part(places[at], places[at + 1]));
        Self {
            text: joined,
            prefix,
            typed,
            suffix,
        }
    }
}

impl Near {
    /// Of a document with a cursor and an anchor that holds for it.
    pub(crate) fn new(text: &Rope, cursor: usize, anchor: &Anchor) -> Self {
        let on_char = |at: usize| text.char_to_byte(text.byte_to_char(at));
        let at = anchor.prefix().len_bytes();
        let paired = text.len_bytes().saturating_sub(cursor + anchor.suffix().len_bytes());
        let shown = on_char(at.saturating_sub(AROUND))..on_char((cursor + paired + AROUND).min(text.len_bytes()));
        let parts = Parts::new(text, &shown, at, cursor, paired);
        let (found, in_secret) = secrets::find_around(&parts.text, parts.typed.end);
        Self {
            text: parts,
            found,
            in_secret: in_secret || anchor.is_in_secret(),
        }
    }

    /// What the model is shown of the document: prefix, what is typed since the anchor, and suffix.
    pub(crate) fn shown(&self, anchor: &Anchor, context_tokens: usize) -> (String, String, String) {
        let typed = within(&self.found, &self.text.typed);
        let typed = secrets::replace(&self.text.text[self.text.typed.clone()], typed).into_owned();
        let around = anchor.shown(|| Shown::new(anchor, context_tokens));
        // What is typed may have made a secret of what stands before or after it.
        let before = from_end(within(&self.found, &self.text.prefix), self.text.prefix.len());
        let after = within(&self.found, &self.text.suffix);
        let known = |own: &[Range<usize>], new: &Range<usize>| {
            own.iter().any(|own| own.start <= new.start && new.end <= own.end)
        };
        if before.iter().all(|new| known(&around.before, new)) && after.iter().all(|new| known(&around.after, new)) {
            return (around.prefix.clone(), typed, around.suffix.clone());
        }
        let more = around.with(anchor, context_tokens, before, after);
        (more.prefix, typed, more.suffix)
    }
}

impl Shown {
    fn new(anchor: &Anchor, context_tokens: usize) -> Self {
        let parts = parts(anchor, context_tokens);
        let found = secrets::find(&parts.text);
        let before = from_end(within(&found, &parts.prefix), parts.prefix.len());
        Self::of(&parts, before, within(&found, &parts.suffix))
    }

    /// What is shown around the anchor with more of it hidden.
    fn with(
        &self,
        anchor: &Anchor,
        context_tokens: usize,
        before: Vec<Range<usize>>,
        after: Vec<Range<usize>>,
    ) -> Self {
        let both = |own: &[Range<usize>], more: Vec<Range<usize>>| secrets::apart([own, &more].concat());
        Self::of(
            &parts(anchor, context_tokens),
            both(&self.before, before),
            both(&self.after, after),
        )
    }

    fn of(parts: &Parts, before: Vec<Range<usize>>, after: Vec<Range<usize>>) -> Self {
        let (prefix, suffix) = (&parts.text[parts.prefix.clone()], &parts.text[parts.suffix.clone()]);
        let clipped = |ranges: &[Range<usize>], end| within(ranges, &(0..end));
        let hidden = from_end(clipped(&before, prefix.len()), prefix.len());
        Self {
            prefix: secrets::replace(prefix, hidden).into_owned(),
            suffix: secrets::replace(suffix, clipped(&after, suffix.len())).into_owned(),
            before,
            after,
        }
    }
}

/// What is shown around an anchor, in the document as it was then.
fn parts(anchor: &Anchor, context_tokens: usize) -> Parts {
    let (prefix, suffix) = (String::from(anchor.prefix()), String::from(anchor.suffix()));
    let start = prefix.len() - near_end(&prefix, context_tokens).len();
    let cursor = anchor.text().len_bytes() - suffix.len();
    let end = cursor + near_start(&suffix, context_tokens).len();
    Parts::new(anchor.text(), &(start..end), prefix.len(), cursor, 0)
}

/// The ranges as far as they are within a part of the text, counted from its beginning.
fn within(found: &[Range<usize>], part: &Range<usize>) -> Vec<Range<usize>> {
    let clip = |range: &Range<usize>| range.start.max(part.start)..range.end.min(part.end);
    let clipped = found.iter().map(clip).filter(|range| range.start < range.end);
    clipped
        .map(|range| range.start - part.start..range.end - part.start)
        .collect()
}

/// The ranges counted from the end of a text of that length instead of from its beginning, or the other way round.
fn from_end(ranges: Vec<Range<usize>>, length: usize) -> Vec<Range<usize>> {
    ranges
        .into_iter()
        .rev()
        .map(|range| length - range.end..length - range.start)
        .collect()
}

#[cfg(test)]
mod tests;
