//! What listeners are told: changes of state with their cause, and each call's fate.

use std::time::Duration;

use steadfast_base::Instant;

use crate::outcome::Failure;
use crate::rejection::Rejection;
use crate::state::State;

/// Something that happened in a breaker.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When, on the breaker's clock.
    pub at: Instant,
    /// The epoch of the state that it happened in; a transition carries the new one. Epochs order events
    /// that different threads report.
    pub epoch: u32,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventKind {
    /// The state changed.
    Transition {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
        /// Why.
        cause: Cause,
        /// Failed probings in a row so far; what the open wait grows with.
        attempt: u32,
        /// How long the breaker stays open, when it opened.
        open_for: Option<Duration>,
    },
    /// A result made a rule true; each exceeded rule is reported, also when another one opened the
    /// breaker.
    Exceeded(Cause),
    /// The breaker was reset by hand from this state.
    Reset(State),
    /// A call succeeded and was recorded.
    Success {
        /// How long it took; zero when calls are not timed.
        took: Duration,
    },
    /// A call failed and was recorded.
    Failure {
        /// The failure.
        failure: Failure,
        /// How long it took; zero when calls are not timed.
        took: Duration,
    },
    /// A call's result was not recorded: ignored, or dropped in time.
    Ignored,
    /// A call was rejected.
    NotPermitted(Rejection),
}

impl EventKind {
    /// Whether the breaker itself changed, as opposed to a call having been seen.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_breaker::EventKind;
    ///
    /// assert!(!EventKind::Ignored.is_change());
    /// ```
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Transition { .. } | Self::Exceeded(_) | Self::Reset(_))
    }
}

/// Why a breaker changed its state.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// The share of failures reached the threshold; carries the share.
    FailureRate(f64),
    /// The share of slow calls reached the threshold; carries the share.
    SlowRate(f64),
    /// So many calls failed in a row.
    ConsecutiveFailures(u32),
    /// More failures than the limit fell within its sliding time; carries the limit.
    FailureLimit(u32),
    /// A probe failed.
    ProbeFailed,
    /// A probe was slow.
    ProbeSlow,
    /// Enough probes passed.
    ProbesPassed,
    /// The open wait is over.
    OpenWaitOver,
    /// A probe stayed unanswered for too long.
    ProbeUnanswered,
    /// The callee told how long to stay away.
    StayAway,
    /// All health checks passed.
    HealthChecksPassed,
    /// By hand.
    Manual,
}

impl Cause {
    /// The name in events and metrics.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_breaker::Cause::ProbeFailed.name(), "probe_failed");
    /// ```
    pub fn name(&self) -> &'static str {
        match self {
            Self::FailureRate(_) => "failure_rate",
            Self::SlowRate(_) => "slow_rate",
            Self::ConsecutiveFailures(_) => "consecutive_failures",
            Self::FailureLimit(_) => "failure_limit",
            Self::ProbeFailed => "probe_failed",
            Self::ProbeSlow => "probe_slow",
            Self::ProbesPassed => "probes_passed",
            Self::OpenWaitOver => "open_wait_over",
            Self::ProbeUnanswered => "probe_unanswered",
            Self::StayAway => "stay_away",
            Self::HealthChecksPassed => "health_checks_passed",
            Self::Manual => "manual",
        }
    }
}
