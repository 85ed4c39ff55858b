//! How much time may go to what nobody waits for. Pure: it is told the time.

use std::time::{Duration, Instant};

/// The most time that adds up while there is nothing to do.
pub(super) const MOST: Duration = Duration::from_secs(10);

/// What may still be spent. It grows by a share of the time that passes.
pub(super) struct Allowance {
    left: Duration,
    at: Instant,
}

impl Allowance {
    /// All there can be.
    pub(super) fn new(now: Instant) -> Self {
        Self { left: MOST, at: now }
    }

    /// What there is by now, with this share of the time, from 0, which allows nothing, to 1.
    pub(super) fn left(&mut self, share: f64, now: Instant) -> Duration {
        let share = share.clamp(0.0, 1.0);
        let earned = now.saturating_duration_since(self.at).mul_f64(share);
        (self.left, self.at) = (self.left.saturating_add(earned).min(MOST), now);
        if share > 0.0 { self.left } else { Duration::ZERO }
    }

    /// This much was spent.
    pub(super) fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_time_is_all_there_is() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let mut allowance = Allowance::new(begin);
        assert_eq!(allowance.left(0.5, begin), MOST);
        allowance.spend(MOST + second);
        assert_eq!(allowance.left(0.5, begin), Duration::ZERO);
        assert_eq!(allowance.left(0.5, begin + 4 * second), 2 * second);
        allowance.spend(second);
        assert_eq!(allowance.left(0.25, begin + 8 * second), 2 * second);
        assert_eq!(allowance.left(1.0, begin + 1000 * second), MOST);
        // A clock that stands still gives nothing, and no share allows nothing, whatever is left.
        assert_eq!(allowance.left(1.0, begin), MOST);
        assert_eq!(allowance.left(0.0, begin + 2000 * second), Duration::ZERO);
        assert_eq!(allowance.left(f64::INFINITY, begin + 2000 * second), MOST);
    }
}
