//! The six states and the one change of state that is refused.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use steadfast_base::Health;

/// What a breaker does with calls at the moment.
///
/// ```text
///              a rule is exceeded              open wait over
///   Closed ----------------------------> Open ----------------> HalfOpen
///     ^                                   ^                      |    |
///     |                                   +-- a probe failed ----+    |
///     +-------------------- probes passed ----------------------------+
///
///   ForcedOpen, Disabled, MetricsOnly: entered and left by hand only
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum State {
    /// Lets calls through and judges their results.
    Closed,
    /// Rejects calls until the open wait is over.
    Open,
    /// Lets a few probes through and judges them.
    HalfOpen,
    /// Rejects calls until told otherwise.
    ForcedOpen,
    /// Lets calls through and records nothing.
    Disabled,
    /// Lets calls through, records results and reports what would have opened it.
    MetricsOnly,
}

impl State {
    /// How healthy this state is: open critical, half-open degraded, unknown where nothing is judged.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Health;
    /// use steadfast_breaker::State;
    ///
    /// assert_eq!(State::Open.health(), Health::Critical);
    /// ```
    pub const fn health(self) -> Health {
        match self {
            Self::Closed => Health::Healthy,
            Self::HalfOpen => Health::Degraded,
            Self::Open | Self::ForcedOpen => Health::Critical,
            Self::Disabled | Self::MetricsOnly => Health::Unknown,
        }
    }

    /// The name in events and metrics.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_breaker::State::HalfOpen.name(), "half_open");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A change of state by hand that makes no sense: probing a breaker that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalTransition {
    pub(crate) from: State,
    pub(crate) to: State,
}

impl IllegalTransition {
    /// The state that was kept.
    pub fn from(&self) -> State {
        self.from
    }

    /// The state that was asked for.
    pub fn to(&self) -> State {
        self.to
    }
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a breaker cannot go from {} to {}", self.from, self.to)
    }
}

impl Error for IllegalTransition {}
