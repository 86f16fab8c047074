//! The fixed window: all tokens come back at the start of each period, and may be booked ahead.

use super::config::RateLimiterConfig;
use super::gcra::nanos;

/// Tokens of the current period; in nanoseconds.
#[derive(Debug)]
pub(super) struct FixedWindow {
    /// When the current period began.
    start: u64,
    period: u64,
    limit: u64,
    /// Tokens used of this period and, beyond the limit, of the next ones.
    used: u64,
    /// Counts changes, so that only the last booking can be taken back.
    version: u64,
}

/// A booking in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WindowSlot {
    pub(super) wait: u64,
    pub(super) version: u64,
}

impl FixedWindow {
    pub(super) fn new(config: &RateLimiterConfig, now: u64) -> Self {
        let mut window = Self { start: now, period: 1, limit: 1, used: 0, version: 0 };
        window.configure(config);
        window
    }

    /// Changes the settings; the current period goes on with them, and so do bookings.
    pub(super) fn configure(&mut self, config: &RateLimiterConfig) {
        self.period = nanos(config.period).max(1);
        self.limit = config.limit.max(1).into();
        self.version += 1;
    }

    /// Books `calls` calls at most `wait_max` ahead; fails with the wait that it would take.
    pub(super) fn book(&mut self, now: u64, calls: u32, wait_max: u64) -> Result<WindowSlot, u64> {
        self.roll(now);
        let used = self.used + u64::from(calls);
        let periods_ahead = used.saturating_sub(1) / self.limit;
        let turn = self.start.saturating_add(periods_ahead.saturating_mul(self.period));
        let wait = turn.saturating_sub(now);
        if wait > wait_max {
            return Err(wait);
        }
        self.used = used;
        self.version += 1;
        Ok(WindowSlot { wait, version: self.version })
    }

    /// Takes a booking back, if nothing was booked since.
    pub(super) fn take_back(&mut self, slot: WindowSlot, calls: u32) {
        if slot.version == self.version {
            self.used = self.used.saturating_sub(calls.into());
            self.version += 1;
        }
    }

    /// The tokens left of this period; negative when tokens of later ones are booked.
    pub(super) fn available(&mut self, now: u64) -> i64 {
        self.roll(now);
        let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
        signed(self.limit) - signed(self.used)
    }

    /// Goes on to the period that `now` is in.
    fn roll(&mut self, now: u64) {
        let periods = now.saturating_sub(self.start) / self.period;
        self.start += periods * self.period;
        self.used = self.used.saturating_sub(periods.saturating_mul(self.limit));
    }
}
