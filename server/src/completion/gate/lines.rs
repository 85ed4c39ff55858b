//! What is known of each line of a text that a model wrote.

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

/// The lines of the first `kept` bytes of a text; `near` says of a word whether it stands near the cursor.
pub(crate) fn lines(text: &str, pieces: &[Piece], kept: usize, near: impl Fn(&str) -> bool) -> Vec<Line> {
    let mut found = Vec::new();
    let mut start = 0;
    for end in ends(&text[..kept.min(text.len())]) {
        found.push(line(text, pieces, start..end, &near));
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

fn line(text: &str, pieces: &[Piece], range: Range<usize>, near: impl Fn(&str) -> bool) -> Line {
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
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: Vec<&str> = shown.split(|c| !is_word(c)).filter(|word| word.len() > 2).collect();
    let known = words.iter().filter(|word| near(word)).count();
    Line {
        end: range.end,
        sum: sum.max(LEAST_OF_LINE),
        first: first.unwrap_or(0.0).max(LEAST_OF_PIECE),
        least: least.max(LEAST_OF_PIECE),
        ends: ends.unwrap_or(0.0).max(LEAST_OF_PIECE),
        cut: ends.is_none(),
        chars: shown.trim().chars().count(),
        wordless: !shown.contains(is_word),
        known: if words.is_empty() {
            0.0
        } else {
            known as f64 / words.len() as f64
        },
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
