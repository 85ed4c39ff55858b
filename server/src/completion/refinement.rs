//! From what the model wrote to what is suggested, or a named reason for nothing.
//!
//! Models repeat what stands right of the cursor, run on past the end of a block, and write `\n` whatever the document
//! has; and what they write is not always syntax. Pure: it sees the lines around the cursor and the syntax there. It must
//! not know tokens or a clock.

mod ends;
mod faults;
mod indent;
mod overlap;

use std::sync::Arc;

use crate::completion::reason::Reason;
use crate::completion::snapshot::Snapshot;
use crate::completion::syntax_check::Fit;
use crate::completion::trigger::Extent;
use crate::documents::syntax::Inside;
pub(crate) use ends::closed;
use ends::{end, loops};
use faults::{counts_on, goes_round, left_open, mere_signs, unfinished};
use indent::Indented;
use overlap::{covered, unmatched_closers, without_what_stands_below};

/// The surroundings of the cursor that decide what is kept.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The line above the cursor's.
    pub above: Option<String>,
    /// The cursor's line, left of the cursor.
    pub before: String,
    /// The cursor's line, right of the cursor, without its line break.
    pub after: String,
    /// The first two lines below the cursor that are not blank, fewer where there are not as many.
    pub next_lines: Vec<String>,
    /// How the document ends its lines.
    pub newline: &'static str,
    /// How much to complete.
    pub extent: Extent,
    /// What the cursor is in.
    pub inside: Inside,
    /// The model does not end a completion by itself, so that the end of the block has to be guessed.
    pub runs_on: bool,
    /// The document and the cursor in it.
    pub snapshot: Arc<Snapshot>,
}

/// What to insert, and how much of the line right of the cursor it takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refined {
    /// The text, with the document's line breaks and no trailing whitespace.
    pub text: String,
    /// How many bytes right of the cursor it replaces; it repeats them.
    pub replaces: usize,
    /// How many bytes of what the model wrote it is.
    pub kept: usize,
}

/// Whether there is nothing to gain from generating more.
pub(crate) fn is_complete(text: &str, place: &Surroundings) -> bool {
    end(text, place, false).is_some()
}

/// Whether the last of the lines that are whole closes a bracket that is not the text's own and that stands closed below
/// already: the text has left the piece of syntax that it began in, and what follows will be cut away. It takes a parse
/// where there is such a closer.
pub(crate) fn steps_out(text: &str, place: &Surroundings) -> bool {
    let Some(lines) = text.rfind('\n').map(|end| &text[..end]) else {
        return false;
    };
    let Some(fit) = Fit::new(&place.snapshot).filter(|_| !unmatched_closers(lines).is_empty()) else {
        return false;
    };
    let verdict = fit.judge(lines, covered(lines, place.after.trim_end()));
    verdict.is_some_and(|verdict| verdict.unmatched.is_some())
}

/// Makes a suggestion of what the model wrote, as much of it as fits the syntax. A single line is taken as it is where it
/// need not fit, but for brackets that close nothing.
pub(crate) fn refine(text: &str, place: &Surroundings, fits: bool) -> Result<Refined, Reason> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut text = text.as_str();
    if let Some(end) = end(text, place, true) {
        // A circle begins anywhere.
        let circle = loops(text).is_some();
        text = if circle { closed(&text[..end]) } else { &text[..end] };
    }
    text = text.trim_end();
    if text.trim_start().is_empty() {
        return Err(Reason::Blank);
    }
    if let Some(end) = goes_round(text, place).into_iter().chain(counts_on(text)).min() {
        text = closed(&text[..end]);
        if text.trim_start().is_empty() {
            return Err(Reason::Circles);
        }
    }
    let indented = Indented::new(text, place);
    text = without_what_stands_below(indented.text(), place)?;
    let (mut text, mut replaces) = fitting(text, place, fits)?;
    // What did not fit may have stood behind something of the kind.
    loop {
        let shorter = unfinished(without_what_stands_below(text, place)?, place);
        if shorter == text {
            break;
        }
        (text, replaces) = fitting(shorter, place, fits)?;
    }
    if text == &place.after[..replaces] {
        return Err(Reason::Repeats);
    }
    if mere_signs(text, replaces, place) {
        return Err(Reason::Signs);
    }
    Ok(Refined {
        text: text.replace('\n', place.newline),
        replaces,
        kept: indented.written(text.len()),
    })
}

/// A beginning of a text that fits the syntax, and how many bytes right of the cursor it repeats. Of several lines it is
/// whole lines, of one it is whole words.
fn fitting<'a>(text: &'a str, place: &Surroundings, fits: bool) -> Result<(&'a str, usize), Reason> {
    /// Each takes a parse.
    const TRIES: usize = 12;
    let fit = Fit::new(&place.snapshot);
    let mut text = text;
    for _ in 0..TRIES {
        let replaces = covered(text, place.after.trim_end());
        let verdict = fit.as_ref().and_then(|fit| fit.judge(text, replaces));
        // Of several lines none may wait for its closing bracket where the document lacked none.
        if let Some(line) = verdict.as_ref().and_then(|verdict| left_open(text, verdict)) {
            text = text[..line].trim_end();
            if text.trim_start().is_empty() {
                break;
            }
            continue;
        }
        let misfit = verdict.filter(|verdict| verdict.unmatched.is_some() || verdict.errors_added > 0);
        let Some(misfit) = misfit else {
            return Ok((text, replaces));
        };
        let line = text.rfind('\n');
        let end = match (misfit.unmatched, line) {
            (Some(unmatched), _) => unmatched,
            (None, Some(line)) => line,
            (None, None) if !fits => return Ok((text, replaces)),
            (None, None) => misfit
                .first_error
                .filter(|at| *at > 0)
                .unwrap_or_else(|| last_word(text)),
        };
        text = text[..end].trim_end();
        if text.trim_start().is_empty() {
            break;
        }
    }
    Err(Reason::Misfit)
}

/// Where the last word of a text begins; each sign is a word.
fn last_word(text: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let last = text.char_indices().next_back();
    match last {
        Some((_, c)) if is_word(c) => text.trim_end_matches(is_word).len(),
        last => last.map_or(0, |(at, _)| at),
    }
}

#[cfg(test)]
mod tests;
