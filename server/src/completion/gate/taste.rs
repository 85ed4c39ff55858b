//! What the user made of suggestions since the server began, by language: who dismisses much is shown less, who accepts
//! much is shown more. Pure; nothing of it is kept.

use std::collections::HashMap;

/// How much surer than by default a suggestion has to be, by language, in logits.
#[derive(Debug, Default)]
pub(crate) struct Taste(HashMap<String, f64>);

/// How far a suggestion that was accepted moves it.
pub(crate) const ACCEPTED: f64 = -0.15;
/// How far one of which a part was accepted does.
pub(crate) const PARTIALLY_ACCEPTED: f64 = -0.05;
/// How far one that was dismissed does.
pub(crate) const DISMISSED: f64 = 0.1;
/// How far it moves at the most: about 0.23 where half of what is shown is right.
const BOUND: f64 = 1.0;

impl Taste {
    /// The user did something with a suggestion in a language.
    pub(crate) fn moved(&mut self, language: &str, by: f64) {
        let shift = self.0.entry(language.to_owned()).or_default();
        *shift = (*shift + by).clamp(-BOUND, BOUND);
    }

    /// How much surer a suggestion in a language has to be.
    pub(crate) fn shift(&self, language: &str) -> f64 {
        self.0.get(language).copied().unwrap_or(0.0)
    }
}

/// A least probability, moved; 0 shows all and 1 nothing, whatever the user does.
pub(crate) fn shifted(least: f64, shift: f64) -> f64 {
    let odds = least / (1.0 - least) * shift.exp();
    if odds.is_finite() { odds / (1.0 + odds) } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_dismisses_much_is_shown_less() {
        let mut taste = Taste::default();
        taste.moved("go", DISMISSED);
        assert!(shifted(0.5, taste.shift("go")) > 0.5 && taste.shift("rust") == 0.0);
        for _ in 0..100 {
            taste.moved("go", DISMISSED);
            taste.moved("rust", ACCEPTED);
        }
        let least = |language| (shifted(0.5, taste.shift(language)) * 100.0).round();
        assert_eq!((least("go"), least("rust"), least("c")), (73.0, 27.0, 50.0));
        assert_eq!((shifted(0.0, 1.0), shifted(1.0, -1.0)), (0.0, 1.0));
        // It is forgotten as it was learned.
        for _ in 0..8 {
            taste.moved("go", ACCEPTED);
        }
        assert!(taste.shift("go") < 0.0);
    }
}
