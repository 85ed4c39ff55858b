//! How fast the model reads a prompt, learnt from its passes. Pure: it is told the times.
//!
//! What a pass took counts the less the more time has been spent reading since, so that a machine that becomes busy with
//! something else is known to be slow after one slow pass.

use std::time::Duration;

/// After so much time of reading, what was learnt before counts half.
const HALF: Duration = Duration::from_millis(300);
/// A pass over fewer tokens takes as long as one over a single token, and says nothing of how fast many are read.
const LEAST_TOKENS: usize = 8;
/// Unless it took so long that this is how it is.
const LONG: Duration = Duration::from_millis(50);

/// The rate, in tokens a second.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rate {
    tokens: f64,
    seconds: f64,
}

impl Rate {
    /// A pass read so many tokens of a prompt in this time.
    pub(crate) fn learn(&mut self, tokens: usize, took: Duration) {
        if tokens < LEAST_TOKENS && (tokens < LEAST_TOKENS / 2 || took < LONG) {
            return;
        }
        let kept = 0.5_f64.powf(took.as_secs_f64() / HALF.as_secs_f64());
        self.tokens = self.tokens * kept + tokens as f64;
        self.seconds = self.seconds * kept + took.as_secs_f64();
    }

    /// Tokens a second; `None` before the first pass.
    pub(crate) fn tokens_a_second(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.tokens / self.seconds)
    }

    /// How many tokens are read in a time; as many as one likes before the first pass.
    pub(crate) fn tokens_in(&self, time: Duration) -> usize {
        let tokens = self.tokens_a_second().map(|rate| rate * time.as_secs_f64());
        tokens.map_or(usize::MAX, |tokens| tokens as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_is_known_before_the_first_pass() {
        let mut rate = Rate::default();
        assert_eq!(
            (rate.tokens_a_second(), rate.tokens_in(MILLISECOND)),
            (None, usize::MAX)
        );
        rate.learn(1, 40 * MILLISECOND);
        rate.learn(4, 40 * MILLISECOND);
        assert_eq!(rate.tokens_a_second(), None, "small passes say nothing");
        rate.learn(4, 100 * MILLISECOND);
        assert_eq!(rate.tokens_in(1000 * MILLISECOND), 40);
    }

    #[test]
    fn a_machine_that_becomes_slow_is_known_to_be_after_one_pass() {
        let mut rate = Rate::default();
        (0..100).for_each(|_| rate.learn(64, 100 * MILLISECOND));
        assert_eq!(rate.tokens_in(1000 * MILLISECOND), 640);
        rate.learn(64, 1000 * MILLISECOND);
        let slow = rate.tokens_in(1000 * MILLISECOND);
        assert!((64..128).contains(&slow), "{slow}");
        (0..10).for_each(|_| rate.learn(64, 100 * MILLISECOND));
        assert!(rate.tokens_in(1000 * MILLISECOND) > 480);
    }
}
