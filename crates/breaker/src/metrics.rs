//! A breaker's figures at one moment.

use std::time::Duration;

use serde::Serialize;

use steadfast_base::FailureKind;

use crate::outcome::Failure;
use crate::state::State;
use crate::window::Counts;

/// A breaker's figures at one moment, consistent with each other.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// The state.
    pub state: State,
    /// Number of the state's period; each change of state and each reset starts a new one.
    pub epoch: u32,
    /// Results of this period; while open, those that opened it.
    pub window: Counts,
    /// Share of failures, 0 to 1; `None` below the minimum of calls.
    pub failure_rate: Option<f64>,
    /// Share of slow calls, 0 to 1; `None` below the minimum of calls.
    pub slow_rate: Option<f64>,
    /// Failures since the last success, in this period.
    pub consecutive_failures: u32,
    /// Probes under way.
    pub probes: u32,
    /// Calls rejected in this period.
    pub not_permitted: u64,
    /// Failed probings in a row; what the open wait grows with.
    pub attempt: u32,
    /// The last failure that was reported, with kind and severity.
    pub last_failure: Option<Failure>,
    /// Time since the last failure that was reported.
    pub since_last_failure: Option<Duration>,
    /// Time until the next probe may start, while open.
    pub next_attempt_in: Option<Duration>,
    /// Everything since the breaker was made.
    pub totals: Totals,
}

/// Everything since the breaker was made; no reset and no change of state clears it.
///
/// Calls seen while disabled are not counted.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Results that were successes.
    pub successes: u64,
    /// Results that were failures.
    pub failures: u64,
    /// Results that were slow, failed or not.
    pub slow: u64,
    /// Results that were classified as ignored.
    pub ignored: u64,
    /// Calls dropped without a result that counted as nothing.
    pub dropped: u64,
    /// Results that came after the state that admitted them had ended (also counted above).
    pub late: u64,
    /// Calls rejected.
    pub rejected: u64,
    /// Times the breaker opened.
    pub opened: u64,
    /// Failures by kind, in the order in which the kinds first came.
    pub failures_by_kind: Vec<(FailureKind, u64)>,
}

impl Totals {
    pub(crate) fn count_failure(&mut self, kind: FailureKind) {
        self.failures += 1;
        match self.failures_by_kind.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.failures_by_kind.push((kind, 1)),
        }
    }
}
