//! Which level is right: a state machine stepped with readings and the time.
//!
//! Worse levels are entered as soon as a threshold is exceeded (for `enter_after`), any number of steps at
//! once. Better ones are entered one at a time, each after everything was below the thresholds of the
//! current level, and by the margin, for `leave_after`: load comes back gradually.

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_base::Instant;

use crate::resource::Resource;

use super::config::DegradationConfig;

/// What a difference of two shares may be off: 0.65 is 0.05 below 0.7.
const ROUNDING: f64 = 1e-9;

/// Why the level changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cause {
    Exceeded { resource: Resource, reading: f64, threshold: f64 },
    Calm,
    ByHand,
    Released,
}

/// The level in force changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) cause: Cause,
}

/// The highest fresh reading of each resource.
pub(super) type Readings = BTreeMap<Resource, f64>;

#[derive(Debug)]
pub(super) struct Machine {
    /// The thresholds of each level.
    above: Vec<BTreeMap<Resource, f64>>,
    margin: f64,
    enter_after: Duration,
    leave_after: Duration,
    /// The level that the readings ask for.
    automatic: usize,
    pinned: Option<usize>,
    /// Since when the thresholds of each level have been exceeded.
    exceeded_since: Vec<Option<Instant>>,
    calm_since: Option<Instant>,
}

impl Machine {
    pub(super) fn new(config: &DegradationConfig) -> Self {
        Self {
            above: config.levels.iter().map(|level| level.above.clone()).collect(),
            margin: config.margin,
            enter_after: config.enter_after,
            leave_after: config.leave_after,
            automatic: 0,
            pinned: None,
            exceeded_since: vec![None; config.levels.len()],
            calm_since: None,
        }
    }

    /// Takes new settings, which have the same number of levels; the level stays until the next sample.
    pub(super) fn reconfigure(&mut self, config: &DegradationConfig) {
        let Self { automatic, pinned, .. } = *self;
        *self = Self { automatic, pinned, ..Self::new(config) };
    }

    /// The level in force.
    pub(super) fn level(&self) -> usize {
        self.pinned.unwrap_or(self.automatic)
    }

    pub(super) fn automatic(&self) -> usize {
        self.automatic
    }

    pub(super) fn pinned(&self) -> Option<usize> {
        self.pinned
    }

    /// Holds `level` until [`release`](Self::release), whatever the readings say.
    pub(super) fn pin(&mut self, level: usize) -> Option<Change> {
        let from = self.level();
        self.pinned = Some(level);
        self.changed(from, Cause::ByHand)
    }

    /// Goes back to the level that the readings ask for.
    pub(super) fn release(&mut self) -> Option<Change> {
        let from = self.level();
        self.pinned = None;
        self.changed(from, Cause::Released)
    }

    /// Takes in what is in use at `now`.
    pub(super) fn sample(&mut self, now: Instant, readings: &Readings) -> Option<Change> {
        let from = self.level();
        let cause = match self.demanded(now, readings) {
            Some((level, cause)) if level > self.automatic => {
                self.automatic = level;
                self.calm_since = None;
                cause
            }
            _ => {
                self.calm_down(now, readings);
                Cause::Calm
            }
        };
        self.changed(from, cause)
    }

    fn changed(&self, from: usize, cause: Cause) -> Option<Change> {
        let to = self.level();
        (from != to).then_some(Change { from, to, cause })
    }

    /// The worst level whose thresholds have been exceeded for long enough.
    fn demanded(&mut self, now: Instant, readings: &Readings) -> Option<(usize, Cause)> {
        let mut worst = None;
        for (level, (above, since)) in self.above.iter().zip(&mut self.exceeded_since).enumerate() {
            let exceeded = above.iter().find_map(|(resource, threshold)| {
                let reading = *readings.get(resource)?;
                (reading > *threshold).then(|| Cause::Exceeded {
                    resource: resource.clone(),
                    reading,
                    threshold: *threshold,
                })
            });
            match exceeded {
                None => *since = None,
                Some(cause) => {
                    if now - *since.get_or_insert(now) >= self.enter_after {
                        worst = Some((level, cause));
                    }
                }
            }
        }
        worst
    }

    /// Enters the next better level once nothing has held the current one for long enough.
    fn calm_down(&mut self, now: Instant, readings: &Readings) {
        if self.is_held(readings) {
            self.calm_since = None;
            return;
        }
        if now - *self.calm_since.get_or_insert(now) < self.leave_after {
            return;
        }
        self.automatic = self.next_better();
        self.calm_since = (!self.is_held(readings)).then_some(now);
    }

    /// Whether something is too close to a threshold of the current level, or of a worse one.
    fn is_held(&self, readings: &Readings) -> bool {
        // INV-HLT-3: what swings within the margin of a level never ends it.
        let of_current = self.above.iter().skip(self.automatic.max(1));
        self.automatic == 0
            || of_current.flatten().any(|(resource, threshold)| {
                let calm = *threshold - self.margin + ROUNDING;
                readings.get(resource).is_some_and(|reading| *reading > calm)
            })
    }

    /// The next better level that readings can enter; levels for use by hand are passed over.
    fn next_better(&self) -> usize {
        let better = self.above.iter().enumerate().take(self.automatic);
        better.rev().find(|(_, above)| !above.is_empty()).map_or(0, |(level, _)| level)
    }
}
