//! When something was up and when it was down, in bounded memory.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::Instant;

use crate::limits;

/// Whether something does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It works.
    Up,
    /// It has failed and is not repaired yet.
    Down,
}

/// The last ups and downs of one thing.
///
/// A period ends when the condition changes: an up by a failure, a down by a repair. When more periods have
/// ended than are kept, the oldest is forgotten, so that old sins do not count for ever. The period under
/// way is never forgotten; it counts for its time so far, but not as a failure or repair.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Instant;
/// use steadfast_reliability::{Condition, History};
///
/// let at = |second| Instant::ZERO + Duration::from_secs(second);
/// let mut history = History::new(Condition::Up, at(0), 1_000);
/// history.record(Condition::Down, at(90));
/// history.record(Condition::Up, at(100));
/// let observed = history.observed(at(200));
/// assert_eq!((observed.failures, observed.up), (1, Duration::from_secs(190)));
/// assert_eq!((observed.repairs, observed.down), (1, Duration::from_secs(10)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    current: Condition,
    since: Instant,
    ended: VecDeque<(Condition, Duration)>,
    periods_max: usize,
}

impl History {
    /// A history that begins now, in this condition, and keeps `periods_max` ended periods.
    ///
    /// More than [`limits::HISTORY_PERIODS_MAX`] counts as that, 0 as 1.
    pub fn new(current: Condition, at: Instant, periods_max: usize) -> Self {
        let periods_max = periods_max.clamp(1, limits::HISTORY_PERIODS_MAX);
        Self { current, since: at, ended: VecDeque::new(), periods_max }
    }

    /// Notes the condition at a time, and says whether it has changed.
    ///
    /// A time before the last change counts as that of the last change.
    pub fn record(&mut self, condition: Condition, at: Instant) -> bool {
        if condition == self.current {
            return false;
        }
        if self.ended.len() == self.periods_max {
            self.ended.pop_front();
        }
        self.ended.push_back((self.current, at - self.since));
        self.current = condition;
        self.since = self.since.max(at);
        true
    }

    /// The condition now, and since when.
    pub fn current(&self) -> (Condition, Instant) {
        (self.current, self.since)
    }

    /// What was observed up to now, in the periods that are kept and the one under way.
    pub fn observed(&self, now: Instant) -> Observed {
        let mut observed = Observed::default();
        for (condition, time) in &self.ended {
            observed.spend(*condition, *time);
            match condition {
                Condition::Up => observed.failures += 1,
                Condition::Down => observed.repairs += 1,
            }
        }
        observed.spend(self.current, now - self.since);
        observed
    }
}

/// What estimates are made from: times, failures and repairs.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_reliability::Observed;
///
/// let day = Duration::from_secs(24 * 3_600);
/// let observed = Observed { up: day, failures: 2, ..Observed::default() };
/// assert_eq!(observed.availability(), Some(1.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Time spent up, that of an up still under way included.
    pub up: Duration,
    /// Time spent down, that of a down still under way included.
    pub down: Duration,
    /// Ups that ended.
    pub failures: u64,
    /// Downs that ended.
    pub repairs: u64,
}

impl Observed {
    /// The share of the time that was spent up; `None` before any time has passed.
    pub fn availability(&self) -> Option<f64> {
        let total = self.up.saturating_add(self.down);
        (!total.is_zero()).then(|| self.up.as_secs_f64() / total.as_secs_f64())
    }

    fn spend(&mut self, condition: Condition, time: Duration) {
        let spent = match condition {
            Condition::Up => &mut self.up,
            Condition::Down => &mut self.down,
        };
        *spent = spent.saturating_add(time);
    }
}
