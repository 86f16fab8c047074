//! When emergency mode is entered and left: stepped second by second.

use std::time::Duration;

use steadfast_base::Instant;

use super::EmergencyConfig;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mode {
    pub(super) is_on: bool,
    /// Since when every second was bad, or good.
    bad_since: Option<Instant>,
    good_since: Option<Instant>,
    pub(super) entered: Option<Instant>,
    left: Option<Instant>,
}

/// What a second changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Entered,
    /// It lasted so long.
    Left(Duration),
}

/// A second, or several without a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: Instant,
    pub(super) end: Instant,
    /// Calls that ended or were shed, and those of them that succeeded.
    pub(super) calls: u64,
    pub(super) successes: u64,
}

/// What a share is of.
pub(super) fn share(part: u64, all: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a second are far below 2^53")]
    let share = part as f64 / all.max(1) as f64;
    share
}

impl Mode {
    pub(super) fn step(&mut self, span: Span, config: &EmergencyConfig) -> Option<Turn> {
        let quiet = span.calls == 0;
        if quiet || span.calls >= config.calls_min {
            let share = share(span.successes, span.calls);
            let bad = !quiet && share < config.enter_below;
            let good = quiet || share >= config.leave_at;
            self.bad_since = bad.then(|| self.bad_since.unwrap_or(span.start));
            self.good_since = good.then(|| self.good_since.unwrap_or(span.start));
        }
        let lasts = |since: Option<Instant>, long: Duration| {
            since.is_some_and(|since| span.end - since >= long)
        };
        let is_due =
            |last: Option<Instant>| last.is_none_or(|last| span.end - last >= config.cycle_min);
        if !self.is_on && lasts(self.bad_since, config.enter_after) && is_due(self.entered) {
            (self.is_on, self.entered) = (true, Some(span.end));
            return Some(Turn::Entered);
        }
        if self.is_on && lasts(self.good_since, config.leave_after) && is_due(self.left) {
            (self.is_on, self.left) = (false, Some(span.end));
            return Some(Turn::Left(self.entered.map_or(Duration::ZERO, |at| span.end - at)));
        }
        None
    }
}
