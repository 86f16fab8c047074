//! The results a breaker looks at: a ring of calls, or time buckets.

mod buckets;
mod failure_times;
mod ring;

#[cfg(test)]
mod tests;

use serde::Serialize;

use steadfast_base::Instant;

use crate::config::Window;

use self::buckets::TimeBuckets;
pub(crate) use self::failure_times::FailureTimes;
use self::ring::CallRing;

/// What a window holds.
///
/// # Example
///
/// ```
/// use steadfast_breaker::Counts;
///
/// let counts = Counts::default();
/// assert_eq!(counts.failure_rate(), None);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Results in the window.
    pub total: u32,
    /// Failed results, slow ones included.
    pub failed: u32,
    /// Slow results, failed ones included.
    pub slow: u32,
}

impl Counts {
    /// Results that did not fail.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_breaker::Counts::default().succeeded(), 0);
    /// ```
    pub fn succeeded(&self) -> u32 {
        self.total.saturating_sub(self.failed)
    }

    /// Share of failures, 0 to 1; `None` while empty.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_breaker::Counts::default().failure_rate(), None);
    /// ```
    pub fn failure_rate(&self) -> Option<f64> {
        self.share(self.failed)
    }

    /// Share of slow calls, 0 to 1; `None` while empty.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_breaker::Counts::default().slow_rate(), None);
    /// ```
    pub fn slow_rate(&self) -> Option<f64> {
        self.share(self.slow)
    }

    fn share(&self, part: u32) -> Option<f64> {
        (self.total > 0).then(|| f64::from(part) / f64::from(self.total))
    }

    fn add(&mut self, failed: bool, slow: bool) {
        self.total = self.total.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(failed));
        self.slow = self.slow.saturating_add(u32::from(slow));
    }

    fn subtract(&mut self, other: &Self) {
        self.total = self.total.saturating_sub(other.total);
        self.failed = self.failed.saturating_sub(other.failed);
        self.slow = self.slow.saturating_sub(other.slow);
    }
}

/// A window of either kind; recording is O(1), reading is O(1).
#[derive(Clone, Debug)]
pub(crate) enum ResultWindow {
    Calls(CallRing),
    Time(TimeBuckets),
}

impl ResultWindow {
    pub(crate) fn new(window: Window, now: Instant) -> Self {
        match window {
            Window::Calls(calls) => Self::calls(calls),
            Window::Time(length) => Self::Time(TimeBuckets::new(length, now)),
        }
    }

    pub(crate) fn calls(calls: u32) -> Self {
        Self::Calls(CallRing::new(calls))
    }

    pub(crate) fn record(&mut self, failed: bool, slow: bool, now: Instant) {
        match self {
            Self::Calls(ring) => ring.record(failed, slow),
            Self::Time(buckets) => buckets.record(failed, slow, now),
        }
    }

    /// Records quick successes that happened since the last record, in the same time bucket.
    pub(crate) fn record_successes(&mut self, successes: u32) {
        match self {
            Self::Calls(ring) => ring.record_successes(successes),
            Self::Time(buckets) => buckets.record_successes(successes),
        }
    }

    /// Lets what is too old leave; a ring of calls does not age.
    pub(crate) fn advance(&mut self, now: Instant) {
        if let Self::Time(buckets) = self {
            buckets.advance(now);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Calls(ring) => ring.counts(),
            Self::Time(buckets) => buckets.counts(),
        }
    }

    /// How many quick successes may be recorded later, together, without any reader or verdict
    /// noticing.
    pub(crate) fn slack(&self, judged_from: u32) -> Slack {
        let counts = self.counts();
        let settled = counts.total >= judged_from.saturating_mul(2);
        match self {
            Self::Calls(ring) if ring.is_full_of_quick_successes() => Slack::Unbounded,
            Self::Calls(ring) if settled && ring.size() >= HOLDING_WINDOW => Slack::Few,
            Self::Time(_) if settled && counts.total >= HOLDING_WINDOW => Slack::Few,
            Self::Calls(_) | Self::Time(_) => Slack::None,
        }
    }

    /// When the current bucket ends; a ring has none.
    pub(crate) fn bucket_end(&self) -> Instant {
        match self {
            Self::Calls(_) => Instant::MAX,
            Self::Time(buckets) => buckets.end(),
        }
    }
}

/// Results in a window from which on a few successes may be held back.
const HOLDING_WINDOW: u32 = 64;

/// How many successes may be held back before they are recorded together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slack {
    /// None: a success could change a verdict.
    None,
    /// A few.
    Few,
    /// Any number: they would change nothing.
    Unbounded,
}
