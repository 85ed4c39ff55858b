//! What a model wrote and how sure it was of it, piece by piece. Pure: it must not know tokens, documents or settings.

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

    /// Whether the text goes on no further: the model, or whoever said no probabilities, ended it.
    pub(crate) fn is_ended(&self) -> bool {
        let mut ends = self.pieces.iter().rev().map(|piece| piece.end);
        let last = ends.next();
        last.is_none_or(|last| last == ends.next().unwrap_or(0))
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

    #[test]
    fn what_the_model_ended_is_known() {
        assert!(written("a:90|:10").is_ended() && written(":90").is_ended());
        assert!(!written("a:90").is_ended() && !written("a:90|b:10").is_ended());
        assert!(Written::default().is_ended(), "nobody said");
    }

    #[test]
    fn what_is_typed_already_counts_no_more() {
        let rest = written("ab:50|c:90|:80").after(1);
        assert_eq!((rest.text.as_str(), rest.pieces.len()), ("bc", 3));
        assert_eq!(rest, written("b:50|c:90|:80"));
        assert_eq!(written("ab:50|c:90").after(2), written("c:90"));
    }
}
