//! What a protected call can fail with.

use std::error;
use std::fmt;
use std::time::Duration;

use steadfast_base::{Recoverable, Recovery};
use steadfast_breaker as breaker;

use crate::rejection::Rejection;

/// What a call through policies fails with.
///
/// Rejected is not failed: the callee never saw a rejected call, so by default neither a retry nor an
/// outer breaker counts it.
///
/// # Example
///
/// ```
/// use steadfast_policy::{Error, Reason, Rejection, names};
///
/// let error: Error<std::io::Error> = Rejection::new(names::BULKHEAD, Reason::Full).into();
/// assert!(error.is_rejected() && !error.is_timeout());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The call was made and failed with its own error.
    Inner(E),
    /// A policy did not let the call through.
    Rejected(Rejection),
    /// The call took too long, or its deadline had passed before it could start.
    Timeout(TimedOut),
    /// The retry gave up after so many attempts; only where it was told to say so.
    Exhausted {
        /// How the last attempt ended.
        last: Last<E>,
        /// Attempts made.
        attempts: u32,
    },
}

/// How the last of several attempts ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last<E> {
    /// With the call's own error.
    Inner(E),
    /// It was rejected.
    Rejected(Rejection),
    /// It timed out.
    Timeout(TimedOut),
    /// With a value that the retry's condition did not accept.
    Unaccepted,
}

/// A call took too long.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// The time the call was given, from its start to its deadline; zero if the deadline had passed
    /// before.
    pub after: Duration,
    /// Whether the call was started.
    pub started: bool,
}

impl TimedOut {
    /// A call that was started and got no further than `after`.
    pub const fn after(after: Duration) -> Self {
        Self { after, started: true }
    }

    /// A call whose deadline had passed before it could start.
    pub const fn before_start() -> Self {
        Self { after: Duration::ZERO, started: false }
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.started {
            write!(f, "timed out after {:?}", self.after)
        } else {
            f.write_str("the deadline had passed before the call could start")
        }
    }
}

impl error::Error for TimedOut {}

impl<E> Error<E> {
    /// Whether a policy did not let the call through.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(!steadfast_policy::Error::Inner("refused").is_rejected());
    /// ```
    pub fn is_rejected(&self) -> bool {
        self.rejection().is_some()
    }

    /// Whether the call took too long.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(!steadfast_policy::Error::Inner("refused").is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Exhausted { last: Last::Timeout(_), .. })
    }

    /// Whether the callee was called, in the last of its attempts if there were several: what was rejected,
    /// or had no time left to start, says nothing about it.
    pub(crate) fn was_made(&self) -> bool {
        match self {
            Self::Inner(_) => true,
            Self::Rejected(_) => false,
            Self::Timeout(timed_out) => timed_out.started,
            Self::Exhausted { last, .. } => match last {
                Last::Inner(_) | Last::Unaccepted => true,
                Last::Rejected(_) => false,
                Last::Timeout(timed_out) => timed_out.started,
            },
        }
    }

    /// The rejection, if the call (or the last of its attempts) was rejected.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_policy::Error::Inner("refused").rejection(), None);
    /// ```
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) | Self::Exhausted { last: Last::Rejected(rejection), .. } => {
                Some(rejection)
            }
            _ => None,
        }
    }

    /// The kind of error in events and metrics.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_policy::Error::Inner("refused").kind(), "error");
    /// ```
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Inner(_) => "error",
            Self::Rejected(_) => "rejection",
            Self::Timeout(_) => "timeout",
            Self::Exhausted { .. } => "exhausted",
        }
    }

    /// The call's own error, if it (or the last of its attempts) was made and failed.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_policy::Error::Inner("refused").inner(), Some(&"refused"));
    /// ```
    pub fn inner(&self) -> Option<&E> {
        match self {
            Self::Inner(error) | Self::Exhausted { last: Last::Inner(error), .. } => Some(error),
            _ => None,
        }
    }

    /// The call's own error, taken out.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_policy::Error::Inner("refused").into_inner(), Some("refused"));
    /// ```
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) | Self::Exhausted { last: Last::Inner(error), .. } => Some(error),
            _ => None,
        }
    }

    /// How long to stay away, if the policy that rejected the call knows.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_policy::Error::Inner("refused").retry_after(), None);
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        self.rejection().and_then(|rejection| rejection.retry_after)
    }
}

impl<E> From<Rejection> for Error<E> {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl<E> From<TimedOut> for Error<E> {
    fn from(timed_out: TimedOut) -> Self {
        Self::Timeout(timed_out)
    }
}

impl<E> From<breaker::Rejection> for Error<E> {
    fn from(rejection: breaker::Rejection) -> Self {
        Self::Rejected(rejection.into())
    }
}

impl<E> From<breaker::CallError<E>> for Error<E> {
    fn from(error: breaker::CallError<E>) -> Self {
        match error {
            breaker::CallError::Inner(error) => Self::Inner(error),
            breaker::CallError::Rejected(rejection) => rejection.into(),
            breaker::CallError::TimedOut(after) => Self::Timeout(TimedOut::after(after)),
            _ => Self::Timeout(TimedOut::before_start()),
        }
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(_) => f.write_str("the protected call failed"),
            Self::Rejected(_) => f.write_str("the call was not made"),
            Self::Timeout(_) => f.write_str("the call did not finish in time"),
            Self::Exhausted { last: Last::Unaccepted, attempts } => {
                write!(f, "no attempt of {attempts} gave an accepted value")
            }
            Self::Exhausted { attempts, .. } => write!(f, "all {attempts} attempts failed"),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Inner(error) | Self::Exhausted { last: Last::Inner(error), .. } => Some(error),
            Self::Rejected(rejection) | Self::Exhausted { last: Last::Rejected(rejection), .. } => {
                Some(rejection)
            }
            Self::Timeout(timed_out) | Self::Exhausted { last: Last::Timeout(timed_out), .. } => {
                Some(timed_out)
            }
            Self::Exhausted { last: Last::Unaccepted, .. } => None,
        }
    }
}

impl<E: Recoverable> Recoverable for Error<E> {
    /// As the error inside; a time-out is worth another try, an unaccepted value is not known to be.
    fn recovery(&self) -> Recovery {
        match self {
            Self::Inner(error) | Self::Exhausted { last: Last::Inner(error), .. } => {
                error.recovery()
            }
            Self::Rejected(rejection) | Self::Exhausted { last: Last::Rejected(rejection), .. } => {
                rejection.recovery()
            }
            Self::Timeout(_) | Self::Exhausted { last: Last::Timeout(_), .. } => Recovery::Retry,
            Self::Exhausted { last: Last::Unaccepted, .. } => Recovery::Unknown,
        }
    }
}
