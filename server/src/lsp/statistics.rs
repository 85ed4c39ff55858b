//! What became of requests, and by language of suggestions, counted for as long as the server runs. Nothing of it is
//! kept or sent.
//!
//! It must not know what was suggested.

use std::collections::BTreeMap;
use std::fmt;

use crate::completion::gate::taste;
use crate::completion::reason::Reason;

/// What a user did with a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    /// A word or a line of it.
    PartiallyAccepted,
    Dismissed,
}

impl Outcome {
    /// How much surer it makes those to come have to be.
    pub(super) fn shift(self) -> f64 {
        match self {
            Self::Accepted => taste::ACCEPTED,
            Self::PartiallyAccepted => taste::PARTIALLY_ACCEPTED,
            Self::Dismissed => taste::DISMISSED,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Statistics {
    outcomes: BTreeMap<String, Counts>,
    /// How many requests were answered with a suggestion.
    answered: u64,
    /// How many were answered with nothing, by the name of the reason.
    nothing: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: u64,
    partially_accepted: u64,
    dismissed: u64,
}

impl Statistics {
    pub(super) fn count(&mut self, outcome: Outcome, language: &str) {
        let counts = self.outcomes.entry(language.to_owned()).or_default();
        *match outcome {
            Outcome::Accepted => &mut counts.accepted,
            Outcome::PartiallyAccepted => &mut counts.partially_accepted,
            Outcome::Dismissed => &mut counts.dismissed,
        } += 1;
    }

    /// A request was answered, with nothing if there is a reason.
    pub(super) fn count_answer(&mut self, nothing: Option<Reason>) {
        match nothing {
            None => self.answered += 1,
            Some(reason) => *self.nothing.entry(reason.as_str()).or_default() += 1,
        }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests were answered with a suggestion", self.answered)?;
        for (at, (reason, count)) in self.nothing.iter().enumerate() {
            let separator = if at == 0 { ", with nothing: " } else { ", " };
            write!(f, "{separator}{reason} {count}")?;
        }
        f.write_str("; ")?;
        if self.outcomes.is_empty() {
            return f.write_str("the client told of no suggestion that was accepted or dismissed");
        }
        for (at, (language, counts)) in self.outcomes.iter().enumerate() {
            let Counts {
                accepted,
                partially_accepted,
                dismissed,
            } = counts;
            let comma = if at == 0 { "" } else { "; " };
            write!(
                f,
                "{comma}{language}: {accepted} accepted, {partially_accepted} in part, {dismissed} dismissed"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_by_language() {
        let mut statistics = Statistics::default();
        assert!(statistics.to_string().contains("no suggestion that"));
        statistics.count(Outcome::Accepted, "rust");
        statistics.count(Outcome::Accepted, "rust");
        statistics.count(Outcome::Dismissed, "rust");
        statistics.count(Outcome::PartiallyAccepted, "go");
        assert_eq!(
            statistics.to_string(),
            "0 requests were answered with a suggestion; go: 0 accepted, 1 in part, 0 dismissed; rust: 2 accepted, 0 in part, 1 dismissed"
        );
    }

    #[test]
    fn answers_are_counted_by_their_reason() {
        let mut statistics = Statistics::default();
        for nothing in [
            None,
            Some(Reason::Blank),
            None,
            Some(Reason::InsideWord),
            Some(Reason::Blank),
        ] {
            statistics.count_answer(nothing);
        }
        let text = statistics.to_string();
        let expected = "2 requests were answered with a suggestion, with nothing: blank 2, inside-word 1; ";
        assert!(text.starts_with(expected), "{text}");
    }
}
