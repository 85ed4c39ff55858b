//! Guesses at what a greedy model writes next, looked up in the tokens that it has seen: code repeats itself.
//!
//! Several guessed tokens are read in one pass, which costs little more than one; the model's own choices decide which
//! of them stand, so a guess changes the speed and never the text. (Prompt lookup decoding; Saxena, 2023.) Must not know
//! the model.

/// The least and the most tokens before the guess that have to agree.
const LEAST: usize = 3;
const MOST: usize = 16;
/// The most tokens to guess. A pass over eight rows is the widest that the kernels have a short form for.
const LONGEST: usize = 7;
/// What a further row costs in a pass, as a share of the first one.
const ROW_COST: f64 = 0.27;

/// The most tokens of other sequences to look at for a guess, which each decoded token waits for.
const MOST_OF_OTHERS: usize = 1 << 14;

/// Looks up guesses, and learns how often they are right.
#[derive(Debug, Clone)]
pub(crate) struct Drafter {
    /// How likely a guessed token is right after right ones.
    hit_rate: f64,
}

impl Default for Drafter {
    fn default() -> Self {
        Self { hit_rate: 0.7 }
    }
}

impl Drafter {
    /// Tokens that may follow `seen`, at most `limit`: those that followed the longest agreeing end of it, at the place
    /// nearest to its end, or in one of the `others`, the most recent first, where more agrees. None where a guess does
    /// not pay.
    pub(crate) fn guess<'a>(
        &mut self,
        seen: &[u32],
        others: impl Iterator<Item = &'a [u32]>,
        limit: usize,
    ) -> Vec<u32> {
        let worth = self.worth().min(limit);
        if worth == 0 {
            // What was never right may be right in another place.
            self.hit_rate += 0.01 * (0.5 - self.hit_rate);
            return Vec::new();
        }
        let (mut most, mut guess) = best_after(seen, seen);
        let mut room = MOST_OF_OTHERS;
        for other in others {
            if most == MOST || other.len() > room {
                break;
            }
            room -= other.len();
            let (agreeing, after) = best_after(other, seen);
            if agreeing > most {
                (most, guess) = (agreeing, after);
            }
        }
        if most < LEAST {
            return Vec::new();
        }
        guess.iter().copied().take(worth).collect()
    }

    /// Learns whether a guessed token, after right ones, was right.
    pub(crate) fn learn(&mut self, right: bool) {
        self.hit_rate += 0.1 * (f64::from(u8::from(right)) - self.hit_rate);
    }

    /// How many tokens to guess so that a pass gives the most tokens for its time.
    fn worth(&self) -> usize {
        let mut best = (0, 1.0);
        let (mut tokens, mut hit) = (1.0, 1.0);
        for guessed in 1..=LONGEST {
            hit *= self.hit_rate;
            tokens += hit;
            let speed = tokens / (1.0 + ROW_COST * guessed as f64);
            if speed > best.1 {
                best = (guessed, speed);
            }
        }
        best.0
    }
}

/// How many tokens before the best place in `tokens` agree with the end of `seen`, and the tokens after that place. Of
/// equal places the last is the best.
fn best_after<'a>(tokens: &'a [u32], seen: &[u32]) -> (usize, &'a [u32]) {
    let agreeing = |end: usize| {
        let pairs = tokens[..end].iter().rev().zip(seen.iter().rev());
        pairs.take(MOST).take_while(|(a, b)| a == b).count()
    };
    let places = (LEAST..tokens.len()).map(|end| (agreeing(end), end));
    let (agreeing, end) = places.max().unwrap_or((0, tokens.len()));
    (agreeing, &tokens[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone() -> std::iter::Empty<&'static [u32]> {
        std::iter::empty()
    }

    #[test]
    fn what_followed_before_is_guessed() {
        let guess = |seen: &[u32]| Drafter::default().guess(seen, alone(), 2);
        assert_eq!(guess(&[1, 2, 3, 4, 5, 6, 1, 2, 3]), [4, 5]);
        assert_eq!(
            guess(&[1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3]),
            [5, 1],
            "the nearest of equals"
        );
        assert_eq!(
            guess(&[9, 1, 2, 3, 4, 1, 2, 3, 5, 9, 1, 2, 3]),
            [4, 1],
            "the longest agreement"
        );
        assert!(guess(&[1, 2, 3, 4, 9, 2, 3]).is_empty(), "too short an agreement");
        assert_eq!(guess(&[7, 7, 7, 7]), [7], "no more than there is");
        assert!(guess(&[]).is_empty());
        assert!(guess(&[1, 2, 3]).is_empty());
    }

    #[test]
    fn other_sequences_are_looked_at_where_more_agrees() {
        let guess = |seen: &[u32], others: &[&[u32]]| Drafter::default().guess(seen, others.iter().copied(), 1);
        let seen = [2, 3, 4, 5, 9, 2, 3, 4];
        assert_eq!(guess(&seen, &[&[1, 3, 4, 6]]), [5], "it is nearer");
        assert_eq!(
            guess(&seen, &[&[9, 2, 3, 4, 6], &[9, 2, 3, 4, 7]]),
            [6],
            "the most recent"
        );
        assert_eq!(guess(&[9, 2, 3, 4], &[&[1, 2, 3, 4]]), [0; 0], "nothing follows there");
        let long = [&[9, 2, 3, 4, 6][..], &[0; MOST_OF_OTHERS]].concat();
        assert_eq!(guess(&[9, 2, 3, 4], &[&long]), [0; 0], "too much to look at");
    }

    #[test]
    fn the_limit_holds() {
        let seen: Vec<u32> = (0..40).chain(0..20).collect();
        let mut drafter = Drafter { hit_rate: 1.0 };
        for limit in 0..LONGEST + 3 {
            assert_eq!(drafter.guess(&seen, alone(), limit).len(), limit.min(LONGEST));
        }
    }

    #[test]
    fn guesses_get_longer_when_they_are_right_and_stop_when_they_are_not() {
        let seen: Vec<u32> = (0..40).chain(0..20).collect();
        let mut drafter = Drafter::default();
        for _ in 0..100 {
            drafter.learn(true);
        }
        assert_eq!(drafter.guess(&seen, alone(), 100).len(), LONGEST);
        for _ in 0..100 {
            drafter.learn(false);
        }
        assert!(drafter.guess(&seen, alone(), 100).is_empty());
        // After a while it is tried again, a little.
        let tried = (0..200)
            .map(|_| drafter.guess(&seen, alone(), 100).len())
            .find(|guessed| *guessed > 0);
        assert!(tried.is_some_and(|guessed| guessed <= 2), "{tried:?}");
    }
}
