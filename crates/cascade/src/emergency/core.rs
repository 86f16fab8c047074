//! Emergency mode as a whole: calls and their ends go in, seconds are judged as they pass.

use std::time::Duration;

use steadfast_base::{Instant, Priority};

use super::EmergencyConfig;
use super::mode::{Mode, Span, Turn, share};
use super::shares::{CLASSES, Counts, Shares};

const SECOND: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Core {
    pub(super) config: EmergencyConfig,
    pub(super) mode: Mode,
    pub(super) shares: Shares,
    /// The second under way began then.
    start: Instant,
    counts: Counts,
    pub(super) admitted_total: [u64; CLASSES],
    pub(super) shed_total: [u64; CLASSES],
}

/// What passing time changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    Entered { success: f64, capacity: f64 },
    Left { after: Duration },
}

/// The place of a priority, the most important one first.
fn class(priority: Priority) -> usize {
    Priority::ALL.iter().position(|one| *one == priority).unwrap_or(0)
}

impl Core {
    pub(super) fn new(config: EmergencyConfig, now: Instant) -> Self {
        Self {
            config,
            mode: Mode::default(),
            shares: Shares::default(),
            start: now,
            counts: Counts::default(),
            admitted_total: [0; CLASSES],
            shed_total: [0; CLASSES],
        }
    }

    /// Judges the seconds that have passed; the change that came last, if one did.
    pub(super) fn advance(&mut self, now: Instant) -> Option<Change> {
        let mut change = None;
        // The second with calls in it, then all those after it at once, and then none is left.
        for _ in 0..2 {
            let passed = (now - self.start).as_secs();
            if passed == 0 {
                break;
            }
            let is_quiet = self.counts.offered == [0; CLASSES]
                && self.counts.succeeded + self.counts.failed == 0;
            let seconds = if is_quiet { passed } else { 1 };
            let end =
                self.start + SECOND.saturating_mul(u32::try_from(seconds).unwrap_or(u32::MAX));
            change = self.judge(end).or(change);
        }
        change
    }

    fn judge(&mut self, end: Instant) -> Option<Change> {
        let counts = std::mem::take(&mut self.counts);
        let start = std::mem::replace(&mut self.start, end);
        let calls = counts.succeeded + counts.failed + counts.shed;
        let span = Span { start, end, calls, successes: counts.succeeded };
        if self.mode.is_on {
            self.shares.step(&counts, self.config.leave_at);
        }
        match self.mode.step(span, &self.config)? {
            Turn::Entered => {
                self.shares.begin(&counts);
                let capacity = self.shares.capacity;
                Some(Change::Entered { success: share(counts.succeeded, calls), capacity })
            }
            Turn::Left(after) => Some(Change::Left { after }),
        }
    }

    /// Whether a call is let in.
    pub(super) fn admit(&mut self, priority: Priority) -> bool {
        let class = class(priority);
        let admitted = !self.mode.is_on || self.shares.admit(class);
        let totals = if admitted { &mut self.admitted_total } else { &mut self.shed_total };
        let counts = [self.counts.offered.get_mut(class), totals.get_mut(class)];
        for count in counts.into_iter().flatten() {
            *count = count.saturating_add(1);
        }
        self.counts.shed += u64::from(!admitted);
        admitted
    }

    /// A call that was let in has ended.
    pub(super) fn finish(&mut self, succeeded: bool) {
        let count = if succeeded { &mut self.counts.succeeded } else { &mut self.counts.failed };
        *count = count.saturating_add(1);
    }
}
