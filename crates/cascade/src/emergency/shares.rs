//! Which part of each priority is let in: the most important first, as far as the capacity goes.

use super::mode::share;

/// Priorities there are.
pub(super) const CLASSES: usize = 5;

/// Each second without overload more is let in: by this share at first, then by twice the share before.
const GROWTH_MIN: f64 = 0.01;
const GROWTH_MAX: f64 = 0.5;

/// Seconds after an overload before more is let in again.
const PAUSE: u32 = 5;

/// What is let in after an overload, of what succeeded in it.
const AFTER_OVERLOAD: f64 = 0.97;

/// By so much, and by what chance makes of it, the share of successes may fall below the best one seen.
const TOLERANCE: f64 = 0.02;

/// Standard deviations that are put down to chance.
const CHANCE: f64 = 2.0;

/// See the module. Priorities are counted from the most important one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shares {
    /// Calls a second that are let in.
    pub(super) capacity: f64,
    growth: f64,
    pause: u32,
    /// The best share of successes seen.
    best: f64,
    /// Calls that came in the last second.
    demand: [f64; CLASSES],
    /// The part that is let in.
    allowed: [f64; CLASSES],
    /// What is left of it over from the calls before.
    credit: [f64; CLASSES],
}

/// The calls of one second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Calls that came, by priority.
    pub(super) offered: [u64; CLASSES],
    pub(super) shed: u64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
}

impl Shares {
    /// Emergency mode begins: as much is let in as succeeded.
    pub(super) fn begin(&mut self, counts: &Counts) {
        let finished = counts.succeeded + counts.failed;
        *self = Self {
            capacity: count(counts.succeeded),
            growth: GROWTH_MIN,
            pause: PAUSE,
            best: share(counts.succeeded, finished),
            demand: counts.offered.map(count),
            ..Self::default()
        };
        self.divide();
    }

    /// A second of emergency mode is over.
    pub(super) fn step(&mut self, counts: &Counts, good: f64) {
        let finished = counts.succeeded + counts.failed;
        if finished > 0 {
            let share = share(counts.succeeded, finished);
            let chance = CHANCE * (self.best * (1.0 - self.best) / count(finished)).sqrt();
            if share < good || share < self.best - TOLERANCE - chance {
                self.capacity = self.capacity.min(count(counts.succeeded) * AFTER_OVERLOAD);
                (self.growth, self.pause) = (GROWTH_MIN, PAUSE);
            } else if self.pause > 0 {
                self.pause -= 1;
            } else if counts.shed > 0 {
                self.capacity = (self.capacity * (1.0 + self.growth)).max(self.capacity + 1.0);
                self.growth = (self.growth * 2.0).min(GROWTH_MAX);
            }
            self.best = self.best.max(share);
        }
        self.demand = counts.offered.map(count);
        self.divide();
    }

    /// Divides the capacity, the most important calls first. Those of the first priority that has any are all
    /// let in: for whom would their places be kept?
    fn divide(&mut self) {
        let mut left = self.capacity;
        let mut is_first = true;
        for (allowed, demand) in self.allowed.iter_mut().zip(self.demand) {
            if demand < 1.0 {
                *allowed = if left > 0.0 || is_first { 1.0 } else { 0.0 };
                continue;
            }
            *allowed = if is_first { 1.0 } else { (left / demand).clamp(0.0, 1.0) };
            left = (left - demand).max(0.0);
            is_first = false;
        }
    }

    /// Whether a call is let in: evenly, so many of each priority as its part says.
    pub(super) fn admit(&mut self, class: usize) -> bool {
        let (Some(allowed), Some(credit)) = (self.allowed.get(class), self.credit.get_mut(class))
        else {
            return false;
        };
        *credit += allowed;
        let admitted = *credit >= 1.0;
        if admitted {
            *credit -= 1.0;
        }
        admitted
    }
}

fn count(calls: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a second are far below 2^53")]
    let count = calls as f64;
    count
}
