//! What retries came to.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::retry::step::Stop;

/// What the retries of one retry came to.
///
/// Calls whose first attempt was accepted are not counted: they cost nothing.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetryStatistics {
    /// Attempts made after the first ones.
    pub retries: u64,
    /// Calls that ended well after at least one retry.
    pub recovered: u64,
    /// Calls that ended with a failure that is not worth a retry.
    pub not_retryable: u64,
    /// Calls given up after the last attempt.
    pub out_of_attempts: u64,
    /// Calls given up because of the deadline.
    pub out_of_time: u64,
    /// Calls given up because the budget was spent.
    pub out_of_budget: u64,
    /// Calls given up because the callee asked for too long a wait.
    pub sent_away: u64,
}

/// The counters behind the statistics.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) retries: AtomicU64,
    pub(super) recovered: AtomicU64,
    pub(super) not_retryable: AtomicU64,
    out_of_attempts: AtomicU64,
    out_of_time: AtomicU64,
    out_of_budget: AtomicU64,
    sent_away: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn gave_up(&self, stop: Stop) {
        count(match stop {
            Stop::Attempts => &self.out_of_attempts,
            Stop::Deadline => &self.out_of_time,
            Stop::Budget => &self.out_of_budget,
            Stop::RetryAfter => &self.sent_away,
        });
    }

    /// Reads every counter with `read`.
    fn collect(&self, read: impl Fn(&AtomicU64) -> u64) -> RetryStatistics {
        RetryStatistics {
            retries: read(&self.retries),
            recovered: read(&self.recovered),
            not_retryable: read(&self.not_retryable),
            out_of_attempts: read(&self.out_of_attempts),
            out_of_time: read(&self.out_of_time),
            out_of_budget: read(&self.out_of_budget),
            sent_away: read(&self.sent_away),
        }
    }

    pub(super) fn snapshot(&self) -> RetryStatistics {
        self.collect(|counter| counter.load(Ordering::Relaxed))
    }

    pub(super) fn reset(&self) -> RetryStatistics {
        self.collect(|counter| counter.swap(0, Ordering::Relaxed))
    }
}
