//! What is known of each line of a text that a model wrote.

use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};

use codegemma_model::Piece;

/// The most characters of a line that count.
const LONG: f64 = 120.0;
/// The least logarithms of probabilities that count: of a line, and of a piece.
const LEAST_OF_LINE: f64 = -12.0;
const LEAST_OF_PIECE: f64 = -8.0;

/// A line, with the line breaks before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// Where it ends in the text, in bytes.
    pub end: usize,
    /// The logarithm of its probability, as far as it is shown.
    sum: f64,
    /// That of its first piece.
    first: f64,
    /// That of its least likely piece.
    least: f64,
    /// That of its end; 0 where it was cut.
    ends: f64,
    /// It was cut before its end.
    cut: bool,
    chars: usize,
    /// It has no letter and no digit in it.
    wordless: bool,
    /// The share of its words that stand near.
    known: f64,
    /// It is not the text's first.
    later: bool,
}

/// What stands around the cursor.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// The words there.
    pub words: HashSet<String>,
    /// The beginning of a word that the cursor stands behind.
    pub begun: String,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a text that are long enough to mean something.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| word.len() > 2)
}

impl Around {
    /// What stands around a cursor, from some of the text before and after it.
    pub(crate) fn new(before: &str, after: &str) -> Self {
        let begun = before.rsplit(|c| !is_word(c)).next().unwrap_or_default();
        let whole = &before[..before.len() - begun.len()];
        Self {
            words: words(whole).chain(words(after)).map(str::to_owned).collect(),
            begun: begun.to_owned(),
        }
    }
}

/// The lines of the first `kept` bytes of a text.
pub(crate) fn lines(text: &str, pieces: &[Piece], kept: usize, near: &Around) -> Vec<Line> {
    let mut found = Vec::new();
    let mut start = 0;
    for end in ends(&text[..kept.min(text.len())]) {
        found.push(line(text, pieces, start..end, near));
        start = end;
    }
    found
}

/// Where the lines of a text end that have something in them.
fn ends(text: &str) -> Vec<usize> {
    let breaks = text.match_indices('\n').map(|(at, _)| at).chain([text.len()]);
    let mut start = 0;
    let mut found = Vec::new();
    for at in breaks {
        if !text[start..at].trim().is_empty() {
            found.push(at);
            start = at;
        }
    }
    found
}

fn line(text: &str, pieces: &[Piece], range: Range<usize>, near: &Around) -> Line {
    let shown = &text[range.clone()];
    let (mut sum, mut least, mut first, mut ends) = (0.0, 0.0_f64, None, None);
    let mut start = 0;
    for piece in pieces {
        let end = piece.end.min(text.len());
        let blank = text[start..end].len() - text[start..end].trim_start().len();
        // A piece counts for the line that it has the first letter of; a line break for the one that it begins.
        let at = if start + blank < end {
            start + blank
        } else {
            end.saturating_sub(1)
        };
        let logprob = f64::from(piece.logprob);
        if start < end && range.contains(&at) {
            sum += logprob;
            least = least.min(logprob);
            first = first.or(Some(logprob));
            // What is in the piece besides may be the line's end.
            if end > range.end && text[range.end..end].starts_with('\n') {
                ends = Some(0.0);
            }
        } else if at >= range.end || (start == end && start >= range.end) {
            let begins = text[range.end.min(start)..end].trim_start_matches([' ', '\t']);
            let whole = begins.is_empty() && start == end || begins.starts_with('\n');
            ends = ends.or(whole.then_some(logprob));
            break;
        }
        start = end;
    }
    // The first word may have begun left of the cursor.
    let begun = if range.start == 0 { near.begun.as_str() } else { "" };
    let with_begun = format!("{begun}{shown}");
    let (mut count, mut known) = (0_u32, 0_u32);
    for word in words(&with_begun) {
        count += 1;
        known += u32::from(near.words.contains(word));
    }
    Line {
        end: range.end,
        sum: sum.max(LEAST_OF_LINE),
        first: first.unwrap_or(0.0).max(LEAST_OF_PIECE),
        least: least.max(LEAST_OF_PIECE),
        ends: ends.unwrap_or(0.0).max(LEAST_OF_PIECE),
        cut: ends.is_none(),
        chars: shown.trim().chars().count(),
        wordless: !shown.contains(is_word),
        known: f64::from(known) / f64::from(count.max(1)),
        later: range.start > 0,
    }
}

impl Line {
    /// What is known of it, by the names in the table.
    pub(crate) fn features(&self) -> [(&'static str, f64); 10] {
        let flag = |flag| if flag { 1.0 } else { 0.0 };
        [
            ("sum", self.sum),
            ("likely", self.sum.exp()),
            ("first", self.first),
            ("least", self.least),
            ("ends", self.ends),
            ("cut", flag(self.cut)),
            ("length", (self.chars as f64).min(LONG).ln_1p()),
            ("wordless", flag(self.wordless)),
            ("known", self.known),
            ("later", flag(self.later)),
        ]
    }

    /// What each of these may still be when the line is written to its end.
    pub(super) fn best(&self) -> [(&'static str, RangeInclusive<f64>); 10] {
        self.features().map(|(name, value)| {
            let range = match name {
                "sum" => LEAST_OF_LINE..=value,
                "least" | "ends" => LEAST_OF_PIECE..=if name == "ends" { 0.0 } else { value },
                "likely" => 0.0..=value,
                "length" => value..=LONG.ln_1p(),
                "cut" | "known" => 0.0..=1.0,
                "wordless" => 0.0..=value,
                _ => value..=value,
            };
            (name, range)
        })
    }
}
