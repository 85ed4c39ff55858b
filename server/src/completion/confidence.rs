//! What a model wrote and how sure it was of it, piece by piece; and how much of that is worth showing.
//!
//! A model's probability of a text is its own estimate that the text is what comes next, so a bound on it bounds how often
//! what is shown is wrong. Pure: it must not know tokens, documents or settings.

use codegemma_model::{Alternative, Completion, Piece};

/// A text with the probabilities of its pieces.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Written {
    /// The text.
    pub text: String,
    /// Its pieces, in order; none where the writer did not say.
    pub pieces: Vec<Piece>,
}

impl Written {
    /// What a completion is made of.
    pub(crate) fn of(completion: &Completion) -> Self {
        Self {
            text: completion.text.clone(),
            pieces: completion.pieces.clone(),
        }
    }

    /// What another completion is made of.
    pub(crate) fn of_other(other: &Alternative) -> Self {
        Self {
            text: other.text.clone(),
            pieces: other.pieces.clone(),
        }
    }

    /// What follows the first `typed` bytes.
    pub(crate) fn after(&self, typed: usize) -> Self {
        let left = |piece: &Piece| {
            piece
                .end
                .checked_sub(typed)
                .filter(|end| *end > 0)
                .map(|end| Piece { end, ..*piece })
        };
        Self {
            text: self.text[typed..].to_owned(),
            pieces: self.pieces.iter().filter_map(left).collect(),
        }
    }
}

/// The probability of the first line of a text, its end included.
pub(crate) fn first_line(text: &str, pieces: &[Piece]) -> f64 {
    let line = text.find('\n').unwrap_or(text.len());
    let mut start = 0;
    let mut sum = 0.0;
    for piece in pieces {
        if start > line {
            break;
        }
        sum += f64::from(piece.logprob);
        start = piece.end;
    }
    sum.exp()
}

/// How much of a text to show, in bytes: each of its lines at least `least` likely after those before it. Of a first line
/// that is not, as much as is.
pub(crate) fn confident_prefix(text: &str, pieces: &[Piece], least: f64) -> usize {
    let (mut line_start, mut start, mut sum) = (0, 0, 0.0);
    for piece in pieces {
        let end = piece.end.min(text.len());
        // A piece counts for the line that it begins in; a line break alone is part of what follows it.
        let begins = text[start..end].trim_start_matches([' ', '\t']);
        if begins.starts_with('\n') {
            line_start = start;
            sum = 0.0;
        }
        sum += f64::from(piece.logprob);
        if sum.exp() < least && end > start {
            return if text[..line_start].trim().is_empty() {
                start
            } else {
                line_start
            };
        }
        if let Some(line_break) = text[start..end].rfind('\n').filter(|at| *at > 0) {
            line_start = start + line_break;
            sum = 0.0;
        }
        start = end;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces are separated by `|`, each with its probability in percent after a `:`.
    fn written(marked: &str) -> Written {
        let mut written = Written::default();
        for piece in marked.split('|') {
            let (text, percent) = piece.rsplit_once(':').unwrap();
            written.text.push_str(text);
            written.pieces.push(Piece {
                end: written.text.len(),
                logprob: (percent.parse::<f32>().unwrap() / 100.0).ln(),
            });
        }
        written
    }

    #[track_caller]
    fn check(marked: &str, least: f64, expected: &str) {
        let Written { text, pieces } = written(marked);
        assert_eq!(&text[..confident_prefix(&text, &pieces, least)], expected, "{marked:?}");
    }

    #[test]
    fn what_is_likely_is_shown() {
        check("a:90| +:80| b:70", 0.5, "a + b");
        check("a:90| +:80| b:60", 0.5, "a +");
        check("a:40| +:99", 0.5, "");
        check("a:1", 0.0, "a");
    }

    #[test]
    fn every_line_is_judged_by_itself() {
        check("a:80|\n:90|b:80|\n:90|c:80", 0.5, "a\nb\nc");
        check("a:80|\n:90|b:40|\n:90|c:80", 0.5, "a");
        check("a:80|;\n:90|b:80| + c:10", 0.5, "a;");
        check("\n    :90|b:80|\n    :90|c:30|d:90", 0.5, "\n    b");
        check("\n    :90|b:80| + c:20", 0.5, "\n    b");
        check("\n    :20|b:80", 0.5, "");
    }

    #[test]
    fn the_end_is_not_for_showing() {
        check("a:90|:10", 0.5, "a");
        let Written { text, pieces } = written("a:90|b:50|:50");
        assert!((first_line(&text, &pieces) - 0.225).abs() < 1e-6);
        let Written { text, pieces } = written("a:90|\n:50|b:50");
        assert!((first_line(&text, &pieces) - 0.45).abs() < 1e-6);
    }

    #[test]
    fn what_is_typed_already_counts_no_more() {
        let rest = written("ab:50|c:90|:80").after(1);
        assert_eq!((rest.text.as_str(), rest.pieces.len()), ("bc", 3));
        assert_eq!(rest, written("b:50|c:90|:80"));
        assert_eq!(written("ab:50|c:90").after(2), written("c:90"));
    }
}
