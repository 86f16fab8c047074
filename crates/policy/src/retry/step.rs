//! The decision after a failed attempt: again, and when, or no more, and why.

use std::time::Duration;

use steadfast_base::Instant;

use crate::budget::Budget;
use crate::retry::backoff::Growth;
use crate::retry::condition::Verdict;
use crate::retry::settings::RetrySettings;

/// Why a failed call is not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// All attempts are made.
    Attempts,
    /// The next attempt would start at the deadline or after it.
    Deadline,
    /// The budget is spent.
    Budget,
    /// The callee asked for a longer wait than is allowed.
    RetryAfter,
}

impl Stop {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::RetryAfter => "retry-after",
        }
    }
}

/// What to do after an attempt that is worth another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Another attempt at this time.
    Again { at: Instant, wait: Duration },
    /// No other attempt.
    GiveUp(Stop),
}

/// The attempts of one call so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempts {
    made: u32,
    last_wait: Duration,
}

impl Attempts {
    /// After the first attempt.
    pub(super) const fn first() -> Self {
        Self { made: 1, last_wait: Duration::ZERO }
    }

    pub(super) fn made(self) -> u32 {
        self.made
    }

    /// Decides at `now`, the end of an attempt; `random` holds two numbers in 0..1. The budget is only
    /// asked if nothing else forbids another attempt.
    pub(super) fn step(
        &mut self,
        settings: &RetrySettings,
        verdict: Verdict,
        now: Instant,
        deadline: Option<Instant>,
        random: [f64; 2],
        budget: Option<&Budget>,
    ) -> Decision {
        if self.made >= settings.max_attempts {
            return Decision::GiveUp(Stop::Attempts);
        }
        let [first, second] = random;
        let backoff = settings.backoff.wait(self.made, self.last_wait, first);
        let asked = match verdict {
            Verdict::RetryAfter(asked) => asked,
            Verdict::Accept | Verdict::Retry => Duration::ZERO,
        };
        if asked > settings.retry_after_max {
            return Decision::GiveUp(Stop::RetryAfter);
        }
        // A decorrelated backoff is random by itself. Jitter only ever adds, so nobody comes back
        // before the time that was asked for.
        let random_already = settings.backoff.growth == Growth::Decorrelated;
        let jitter = if random_already { 0.0 } else { settings.jitter };
        let wait = backoff.max(asked).mul_f64(1.0 + jitter * second);
        let at = now + wait;
        if deadline.is_some_and(|deadline| at >= deadline) {
            return Decision::GiveUp(Stop::Deadline);
        }
        if budget.is_some_and(|budget| !budget.withdraw(now)) {
            return Decision::GiveUp(Stop::Budget);
        }
        self.made += 1;
        self.last_wait = backoff;
        Decision::Again { at, wait }
    }
}
