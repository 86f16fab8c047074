//! The times of recent failures: an exact sliding limit.

use std::collections::VecDeque;

use steadfast_base::Instant;

use crate::config::FailureLimit;

/// Tells when more failures than the limit fall within its sliding time.
#[derive(Clone, Debug)]
pub(crate) struct FailureTimes {
    limit: FailureLimit,
    /// At most one more than the limit, oldest first; memory grows with failures only.
    times: VecDeque<Instant>,
}

impl FailureTimes {
    pub(crate) fn new(limit: FailureLimit) -> Self {
        Self { limit, times: VecDeque::new() }
    }

    pub(crate) fn record(&mut self, now: Instant) {
        self.times.push_back(now);
        if self.times.len() > self.limit.failures as usize + 1 {
            self.times.pop_front();
        }
    }

    /// Failures within the sliding time before `now`, at most one more than the limit.
    pub(crate) fn count(&mut self, now: Instant) -> u32 {
        while self.times.front().is_some_and(|&at| now - at >= self.limit.within) {
            self.times.pop_front();
        }
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_exceeded(&mut self, now: Instant) -> bool {
        self.count(now) > self.limit.failures
    }
}
