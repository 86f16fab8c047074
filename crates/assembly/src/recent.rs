//! What became of the last calls: counts that grow for ever, as counts of a recent while.

use steadfast_base::Instant;

use crate::defaults;

/// Failures and successes of the last minute or two, from counts since the start.
///
/// Two halves of a minute each: the one that fills, and the one before. Without a look for longer, a half
/// is as long as that.
#[derive(Debug)]
pub(crate) struct Recent {
    since: Instant,
    /// The counts at `since`.
    base: (u64, u64),
    /// What the half before counted.
    before: (u64, u64),
}

impl Recent {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, base: (0, 0), before: (0, 0) }
    }

    /// The recent failures and successes, given the counts since the start.
    pub(crate) fn look(&mut self, now: Instant, failed: u64, succeeded: u64) -> (u64, u64) {
        if failed < self.base.0 || succeeded < self.base.1 {
            // Somebody has set the counts to zero.
            *self = Self::new(now);
        }
        let current = (failed - self.base.0, succeeded - self.base.1);
        let recent = (self.before.0 + current.0, self.before.1 + current.1);
        if now.saturating_duration_since(self.since) >= defaults::RECENT {
            *self = Self { since: now, base: (failed, succeeded), before: current };
        }
        recent
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn failures_are_forgotten_after_two_minutes() {
        let mut recent = Recent::new(at(0));
        assert_eq!(recent.look(at(1), 9, 1), (9, 1));
        assert_eq!(recent.look(at(60), 9, 1), (9, 1));
        assert_eq!(recent.look(at(61), 9, 5), (9, 5));
        assert_eq!(recent.look(at(121), 9, 5), (9, 5));
        assert_eq!(recent.look(at(122), 9, 6), (0, 5));
    }

    #[test]
    fn counts_that_were_set_to_zero_begin_anew() {
        let mut recent = Recent::new(at(0));
        assert_eq!(recent.look(at(70), 9, 1), (9, 1));
        assert_eq!(recent.look(at(71), 1, 0), (1, 0));
    }
}
