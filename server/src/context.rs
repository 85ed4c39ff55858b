//! Which other files the model is shown with a document, which parts of them, and why.
//!
//! What has most to do with the surroundings of the cursor is taken until the budget is used up; its order in the prompt
//! follows from what seldom changes, and a choice that is still good is kept, because whatever changes at the front of a
//! prompt makes the model read the rest again. Pure: it must not know files, the clock or the protocol.

pub(crate) mod explain;
pub(crate) mod gather;
pub(crate) mod imports;
mod names;
mod path;
pub(crate) mod prompt_path;
pub(crate) mod queue;
pub(crate) mod recent;
mod spans;
mod table;
pub(crate) mod test_pair;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use codegemma_model::PromptFile;
use ropey::Rope;

use crate::documents::language::Language;
use names::{Weights, names};

/// The most context, in tokens, whatever the model could hold.
const MOST_TOKENS: usize = 1024;
/// The share of the model's context that is for other files: one in so many.
const SHARE: usize = 4;
/// How many bytes are counted as a token, where the model's own count is not at hand. Code has more.
const BYTES_A_TOKEN: usize = 3;
/// The most files.
const MOST_FILES: usize = 8;
/// Less than this is not worth a piece of its own, in bytes.
const LEAST_BYTES: usize = 96;
/// What a file without another claim must have in common with the surroundings of the cursor.
const LEAST_SHARED: f64 = 1.0;
/// How much of the best choice's worth an earlier choice must have to be kept.
const STILL_GOOD: f64 = 0.75;

/// Why a file is looked at. It may be for several reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Why {
    /// It is open; 0 is the document that was used last.
    pub open: Option<usize>,
    /// It is imported, so many imports away; 1 is by the document itself.
    pub imported: Option<usize>,
    /// It is the document's test, or what the document tests.
    pub test_pair: bool,
    /// It is in the same folder.
    pub sibling: bool,
    /// The lines of it that were edited lately.
    pub edited: Vec<Range<usize>>,
}

/// A file that the model may be shown.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The path as the model sees it.
    pub path: String,
    /// The language, where it is known.
    pub language: Option<&'static Language>,
    /// The text, with `\n` at every line's end; or why the model must not see it.
    pub text: Result<Arc<str>, &'static str>,
    /// Why it is looked at.
    pub why: Why,
}

/// Why a piece is there, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A file of the same folder.
    Sibling,
    /// An open document.
    Open,
    /// The test of the document, or what it tests.
    Test,
    /// An imported file.
    Imported,
    /// A file that was edited lately.
    Edited,
}

impl Source {
    /// The name that users see.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sibling => "sibling",
            Self::Open => "open",
            Self::Test => "test",
            Self::Imported => "imported",
            Self::Edited => "edited",
        }
    }

    fn of(why: &Why) -> Self {
        if !why.edited.is_empty() {
            Self::Edited
        } else if why.imported.is_some() {
            Self::Imported
        } else if why.test_pair {
            Self::Test
        } else if why.open.is_some() {
            Self::Open
        } else {
            Self::Sibling
        }
    }
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChoicePiece {
    /// Why it was looked at.
    pub source: Source,
    /// The path as the model sees it.
    pub path: String,
    /// What the model is shown of it; nothing where it is left out.
    pub text: Option<Arc<str>>,
    /// How long the whole file is, in bytes; 0 where it may not be read.
    pub bytes: usize,
    /// Why it is in or out.
    pub reason: &'static str,
    /// The whole text that `text` is from, by which a later choice knows it again.
    whole: Option<Arc<str>>,
}

/// What the model is shown with a document: the pieces in the prompt's order, and after them those that are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Every piece, taken or not.
    pub pieces: Vec<ChoicePiece>,
}

impl Choice {
    /// What the prompt has of it, most important last.
    pub(crate) fn files(&self) -> Vec<PromptFile> {
        let file = |piece: &ChoicePiece| {
            let text = piece.text.as_ref()?;
            Some(PromptFile {
                path: piece.path.clone(),
                text: text.to_string(),
            })
        };
        self.pieces.iter().filter_map(file).collect()
    }

    fn shown(&self, path: &str) -> Option<&ChoicePiece> {
        let shown = |piece: &&ChoicePiece| piece.path == path && piece.text.is_some();
        self.pieces.iter().find(shown)
    }
}

/// How many tokens of context a model with a context of `context_tokens` is given by default.
pub(crate) fn budget(context_tokens: usize) -> usize {
    MOST_TOKENS.min(context_tokens / SHARE)
}

/// How many tokens a text is taken for.
pub(crate) fn estimated_tokens(bytes: usize) -> usize {
    bytes.div_ceil(BYTES_A_TOKEN)
}

/// A candidate and what it is worth.
struct Ranked<'a> {
    candidate: &'a Candidate,
    text: &'a Arc<str>,
    worth: f64,
}

/// Chooses what the model is shown with a document whose cursor is in a line, from 0, in at most `budget` tokens.
/// `previous` is what was chosen for the same document before.
pub(crate) fn choose(
    document: &Rope,
    line: usize,
    candidates: &[Candidate],
    budget: usize,
    previous: Option<&Choice>,
) -> Choice {
    let near = names::surroundings(document, line);
    let readable: Vec<_> = candidates
        .iter()
        .filter_map(|candidate| Some((candidate, candidate.text.as_ref().ok()?)))
        .collect();
    let known: Vec<BTreeSet<&str>> = readable.iter().map(|(_, text)| names(text)).collect();
    let weights = Weights::new(&near, &known);
    let mut left_out: Vec<ChoicePiece> = candidates
        .iter()
        .filter_map(|candidate| Some(left_out(candidate, candidate.text.as_ref().err()?)))
        .collect();
    let mut ranked = Vec::new();
    for ((candidate, text), names) in readable.into_iter().zip(&known) {
        let shared = weights.of(names);
        match worth(&candidate.why, shared) {
            Some(worth) => ranked.push(Ranked { candidate, text, worth }),
            None => left_out.push(self::left_out(
                candidate,
                "has nothing to do with the code at the cursor",
            )),
        }
    }
    // What is worth the same goes by its name, so that the same files give the same choice.
    ranked.sort_by(|a, b| {
        b.worth
            .total_cmp(&a.worth)
            .then_with(|| a.candidate.path.cmp(&b.candidate.path))
    });

    let weigh = |text: &str| weights.of(&names(text));
    let mut shown = take(&ranked, budget * BYTES_A_TOKEN, previous, &weigh, &mut left_out);
    let worth_of = |paths: &mut dyn Iterator<Item = &str>| -> f64 {
        paths
            .filter_map(|path| ranked.iter().find(|ranked| ranked.candidate.path == path))
            .map(|ranked| ranked.worth)
            .sum()
    };
    if let Some(previous) = previous
        && still_holds(previous, &ranked, budget)
        && worth_of(&mut paths(&previous.pieces)) >= STILL_GOOD * worth_of(&mut paths(&shown))
    {
        (shown, left_out) = kept(previous, &ranked, left_out);
    } else {
        shown.sort_by(|a, b| (a.source, &a.path).cmp(&(b.source, &b.path)));
    }
    left_out.sort_by(|a, b| a.path.cmp(&b.path));
    shown.extend(left_out);
    Choice { pieces: shown }
}

/// The pieces of an earlier choice as it was, and those that are left out for it.
fn kept(
    previous: &Choice,
    ranked: &[Ranked<'_>],
    mut left_out: Vec<ChoicePiece>,
) -> (Vec<ChoicePiece>, Vec<ChoicePiece>) {
    left_out.retain(|piece| previous.shown(&piece.path).is_none());
    let mut shown: Vec<ChoicePiece> = previous
        .pieces
        .iter()
        .filter(|piece| piece.text.is_some())
        .cloned()
        .collect();
    for Ranked { candidate, .. } in ranked {
        match shown.iter_mut().find(|piece| piece.path == candidate.path) {
            Some(piece) => piece.source = Source::of(&candidate.why),
            None if left_out.iter().any(|piece| piece.path == candidate.path) => {}
            None => left_out.push(self::left_out(candidate, "what was chosen before is still good")),
        }
    }
    (shown, left_out)
}

fn paths(pieces: &[ChoicePiece]) -> impl Iterator<Item = &str> {
    pieces
        .iter()
        .filter(|piece| piece.text.is_some())
        .map(|piece| piece.path.as_str())
}

/// What a candidate is worth by why it is looked at and what it shares with the surroundings of the cursor; `None` where
/// it has nothing to do with them.
fn worth(why: &Why, shared: f64) -> Option<f64> {
    let claim = why.imported.is_some_and(|distance| distance <= 1) || why.test_pair || !why.edited.is_empty();
    if !claim && shared < LEAST_SHARED {
        return None;
    }
    // Names add less and less, up to 1.
    let mut worth = shared / (shared + 4.0);
    worth += why.imported.map_or(0.0, |distance| 1.0 / distance.max(1) as f64);
    worth += why.open.map_or(0.0, |rank| 0.3 / (1 + rank) as f64);
    worth += if why.test_pair { 0.4 } else { 0.0 };
    worth += if why.edited.is_empty() { 0.0 } else { 0.4 };
    Some(worth)
}

/// Takes from the best on, as much of each as the room allows.
fn take(
    ranked: &[Ranked<'_>],
    room: usize,
    previous: Option<&Choice>,
    weigh: &dyn Fn(&str) -> f64,
    left_out: &mut Vec<ChoicePiece>,
) -> Vec<ChoicePiece> {
    let mut left = room;
    let mut shown: Vec<ChoicePiece> = Vec::new();
    for (at, Ranked { candidate, text, .. }) in ranked.iter().enumerate() {
        let heading = candidate.path.len() + 2;
        // The best has most of it, and leaves some for the next.
        let share = if at + 1 < ranked.len() { left / 3 * 2 } else { left };
        let share = share.saturating_sub(heading);
        if shown.len() == MOST_FILES || left < LEAST_BYTES + heading {
            left_out.push(self::left_out(candidate, "no room: the budget is used up"));
            continue;
        }
        let before = previous
            .and_then(|previous| previous.shown(&candidate.path))
            .filter(|piece| piece.whole.as_ref() == Some(text))
            .and_then(|piece| piece.text.as_ref())
            .filter(|text| text.len() <= share);
        let part = match before {
            Some(before) => Some(before.clone()),
            None if text.len() <= share => Some((*text).clone()),
            None => spans::cut(text, candidate.language, share, weigh, &candidate.why.edited).map(Arc::from),
        };
        match part.filter(|part| !part.trim().is_empty()) {
            Some(part) => {
                left -= part.len() + heading;
                shown.push(ChoicePiece {
                    source: Source::of(&candidate.why),
                    path: candidate.path.clone(),
                    bytes: text.len(),
                    reason: if part.len() == text.len() {
                        "whole file"
                    } else {
                        "its declarations, and what matters most of their bodies"
                    },
                    text: Some(part),
                    whole: Some((*text).clone()),
                });
            }
            None if text.trim().is_empty() => left_out.push(self::left_out(candidate, "it is empty")),
            None => left_out.push(self::left_out(
                candidate,
                "no room: no part of it that makes sense is short enough",
            )),
        }
    }
    shown
}

fn left_out(candidate: &Candidate, reason: &'static str) -> ChoicePiece {
    ChoicePiece {
        source: Source::of(&candidate.why),
        path: candidate.path.clone(),
        text: None,
        bytes: candidate.text.as_ref().map_or(0, |text| text.len()),
        reason,
        whole: None,
    }
}

/// Whether everything that an earlier choice shows is as it was, and within the budget.
fn still_holds(previous: &Choice, ranked: &[Ranked<'_>], budget: usize) -> bool {
    let holds = |piece: &&ChoicePiece| {
        let same =
            |ranked: &&Ranked<'_>| ranked.candidate.path == piece.path && piece.whole.as_ref() == Some(ranked.text);
        ranked.iter().any(|ranked| same(&ranked))
    };
    let shown = || previous.pieces.iter().filter(|piece| piece.text.is_some());
    let bytes = |piece: &ChoicePiece| piece.path.len() + 2 + piece.text.as_ref().map_or(0, |text| text.len());
    shown().all(|piece| holds(&piece)) && shown().map(bytes).sum::<usize>() <= budget * BYTES_A_TOKEN
}

#[cfg(test)]
mod tests;
