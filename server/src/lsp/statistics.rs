//! What became of suggestions, counted by language for as long as the server runs. Nothing of it is kept or sent.
//!
//! It must not know what was suggested.

use std::collections::BTreeMap;
use std::fmt;

/// What a user did with a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    /// A word or a line of it.
    PartiallyAccepted,
    Dismissed,
}

#[derive(Debug, Default)]
pub(super) struct Statistics(BTreeMap<String, Counts>);

#[derive(Debug, Default)]
struct Counts {
    accepted: u64,
    partially_accepted: u64,
    dismissed: u64,
}

impl Statistics {
    pub(super) fn count(&mut self, outcome: Outcome, language: &str) {
        let counts = self.0.entry(language.to_owned()).or_default();
        *match outcome {
            Outcome::Accepted => &mut counts.accepted,
            Outcome::PartiallyAccepted => &mut counts.partially_accepted,
            Outcome::Dismissed => &mut counts.dismissed,
        } += 1;
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the client told of no suggestion that was accepted or dismissed");
        }
        for (at, (language, counts)) in self.0.iter().enumerate() {
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
        assert!(statistics.to_string().contains("no suggestion"));
        statistics.count(Outcome::Accepted, "rust");
        statistics.count(Outcome::Accepted, "rust");
        statistics.count(Outcome::Dismissed, "rust");
        statistics.count(Outcome::PartiallyAccepted, "go");
        assert_eq!(
            statistics.to_string(),
            "go: 0 accepted, 1 in part, 0 dismissed; rust: 2 accepted, 0 in part, 1 dismissed"
        );
    }
}
