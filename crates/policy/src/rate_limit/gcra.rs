//! The generic cell rate algorithm: the whole state is the time at which the bucket is empty of debt.
//!
//! Each call moves the "theoretical arrival time" on by one interval. A call may run while that time
//! is at most `span` ahead of now, so `span / interval` calls may come at once. Everything is in whole
//! nanoseconds.

use std::time::Duration;

use super::config::RateLimiterConfig;

/// How fast calls may come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Time between two calls.
    pub(super) interval: u64,
    /// How far calls may run ahead.
    pub(super) span: u64,
}

/// What came of booking: the next state, and how long until the call may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) arrival: u64,
    pub(super) wait: u64,
}

impl Pace {
    pub(super) fn of(config: &RateLimiterConfig) -> Self {
        let interval = nanos(config.period) / u64::from(config.limit.max(1));
        let span = interval.saturating_mul(config.burst.unwrap_or(config.limit).into());
        Self { interval, span }
    }

    /// Books `calls` calls, from the arrival time before.
    #[inline]
    pub(super) fn book(self, arrival: u64, now: u64, calls: u32) -> Slot {
        let cost = self.interval.saturating_mul(calls.into());
        let arrival = arrival.max(now).saturating_add(cost);
        Slot { arrival, wait: arrival.saturating_sub(now.saturating_add(self.span)) }
    }

    /// The calls that may run now; negative when more are booked ahead.
    pub(super) fn available(self, arrival: u64, now: u64) -> i64 {
        let ahead = signed(arrival.saturating_sub(now));
        (signed(self.span) - ahead).div_euclid(signed(self.interval).max(1))
    }
}

fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
