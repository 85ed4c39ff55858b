//! How likely a suggestion is right, and how likely it has to be to be shown to who did not ask.
//!
//! A logistic regression on what is known of a line when it is written: how likely the model found it, how long it is, and
//! where it stands. Its coefficients are `gate/coefficients.csv`, fitted by `tests/eval/fit.py` for each known model; a
//! model that is not known has those of all together. Pure: it must not know how text is generated or what is refined.

mod lines;
mod table;
pub(crate) mod taste;

use codegemma_model::{ModelInfo, Piece};

use crate::completion::kind::Kind;
use crate::completion::written::Written;
use crate::documents::language::Language;
pub(crate) use lines::{Around, Line, lines};
use table::{Column, column};

/// What judges the suggestions at a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    column: &'static Column,
    kind: Kind,
    language: &'static str,
    /// The least probability that is shown; with 0 all is.
    least: f64,
}

/// The least probability at which a model's suggestions are shown unasked: what the user has set, or else the model's own,
/// moved by the user's taste.
pub(crate) fn least(model: &ModelInfo, set: Option<f64>, shift: f64) -> f64 {
    taste::shifted(set.unwrap_or_else(|| column(model).coefficient("threshold")), shift)
}

impl Gate {
    /// The gate for a model at a kind of place in a language, where the user sees what is at least `least` likely.
    pub(crate) fn new(model: &ModelInfo, kind: Kind, language: Option<&'static Language>, least: f64) -> Self {
        Self {
            column: column(model),
            kind,
            language: language.map_or("", |language| language.id),
            least,
        }
    }

    /// Whether so few suggestions at such a place are right that the model is not asked.
    pub(crate) fn leaves_alone(&self) -> bool {
        self.least > 0.0 && self.column.has(&format!("alone:{}", self.kind.as_str()))
    }

    /// The name of the kind of place.
    pub(crate) fn place(&self) -> &'static str {
        self.kind.as_str()
    }

    /// How likely a line is right.
    pub(crate) fn probability(&self, line: &Line) -> f64 {
        let measured = line
            .features()
            .map(|(name, value)| self.column.coefficient(name) * value);
        sigmoid(self.of_place() + measured.iter().sum::<f64>())
    }

    /// How much of the first `kept` bytes of a text is shown: the lines up to the last one that is likely enough. `None`
    /// where the first is not. What nobody knows the probabilities of is.
    pub(crate) fn shown(&self, written: &Written, kept: usize, near: &Around) -> Option<usize> {
        if self.least <= 0.0 || written.pieces.is_empty() {
            return Some(kept);
        }
        let lines = lines(&written.text, &written.pieces, kept, near);
        let sure = lines.iter().take_while(|line| self.probability(line) >= self.least);
        sure.last().map(|line| line.end)
    }

    /// Whether the line that a text ends with can become likely enough no more, however it goes on.
    pub(crate) fn is_hopeless(&self, text: &str, pieces: &[Piece]) -> bool {
        if self.least <= 0.0 || pieces.is_empty() {
            return false;
        }
        let lines = lines(text, pieces, text.len(), &Around::default());
        let best = |line: &Line| {
            let measured = line.best().map(|(name, values)| {
                let coefficient = self.column.coefficient(name);
                (coefficient * values.start()).max(coefficient * values.end())
            });
            sigmoid(self.of_place() + measured.iter().sum::<f64>())
        };
        lines.last().is_some_and(|line| best(line) < self.least)
    }

    fn of_place(&self) -> f64 {
        let named = |group: &str, name: &str| self.column.coefficient(&format!("{group}:{name}"));
        self.column.coefficient("bias") + named("place", self.kind.as_str()) + named("language", self.language)
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests;
