//! Why a call was not made, and what a protected call can fail with.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use steadfast_base::{Recoverable, Recovery};

use crate::state::State;

/// The breaker did not let a call through.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The state that rejected: open, half-open or forced open.
    pub state: State,
    /// When to try again.
    ///
    /// Open: the rest of the open wait. Half-open: the longest time until the probes under way are
    /// given up (a place may be free at once). Forced open, or half-open without a limit: the
    /// configured open wait, as a hint. Never too short; above a second it may be a tick of the machine
    /// (1 to 10 ms) too long.
    pub retry_after: Duration,
    /// The epoch of the state that rejected.
    pub epoch: u32,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rejected by a breaker that is {}; retry after {:?}",
            self.state, self.retry_after
        )
    }
}

impl Error for Rejection {}

impl Recoverable for Rejection {
    fn recovery(&self) -> Recovery {
        Recovery::RetryAfter(self.retry_after)
    }
}

/// What a protected call fails with.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError<E> {
    /// The call was made and failed.
    Inner(E),
    /// The call was not made.
    Rejected(Rejection),
    /// The call took longer than the configured time-out and was dropped.
    TimedOut(Duration),
}

impl<E> CallError<E> {
    /// The rejection, if the call was not made.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_breaker::CallError;
    ///
    /// assert!(CallError::Inner("refused").rejection().is_none());
    /// ```
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Inner(_) | Self::TimedOut(_) => None,
        }
    }

    /// The call's own error, if it was made and failed.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_breaker::CallError;
    ///
    /// assert_eq!(CallError::Inner("refused").into_inner(), Some("refused"));
    /// ```
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Rejected(_) | Self::TimedOut(_) => None,
        }
    }
}

impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(_) => f.write_str("the protected call failed"),
            Self::Rejected(_) => f.write_str("the call was not made"),
            Self::TimedOut(after) => write!(f, "the call timed out after {after:?}"),
        }
    }
}

impl<E: Error + 'static> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Rejected(rejection) => Some(rejection),
            Self::TimedOut(_) => None,
        }
    }
}

impl<E: Recoverable> Recoverable for CallError<E> {
    fn recovery(&self) -> Recovery {
        match self {
            Self::Inner(error) => error.recovery(),
            Self::Rejected(rejection) => rejection.recovery(),
            Self::TimedOut(_) => Recovery::Retry,
        }
    }
}

impl<E> From<Rejection> for CallError<E> {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}
