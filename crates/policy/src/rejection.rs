//! Why a policy did not let a call through.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use steadfast_base::{Recoverable, Recovery};
use steadfast_breaker as breaker;

use crate::names;

/// A policy did not let a call through; the callee never saw it.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::{Reason, Rejection, names};
///
/// let full = Rejection::new(names::BULKHEAD, Reason::Full);
/// assert_eq!(full.to_string(), "rejected by the bulkhead: full");
/// let open = Rejection::new(names::BREAKER, Reason::Open).with_retry_after(Duration::from_secs(5));
/// assert_eq!(open.retry_after, Some(Duration::from_secs(5)));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The kind of policy that rejected, one of [`names`].
    pub policy: &'static str,
    /// Why it rejected.
    pub reason: Reason,
    /// The state of the breaker, if a breaker rejected.
    pub state: Option<breaker::State>,
    /// How long to stay away; `None` if the policy cannot know.
    pub retry_after: Option<Duration>,
}

/// Why a policy rejected a call.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A breaker is open, forced open, or half-open with all its probes under way.
    Open,
    /// All places and the whole queue are taken.
    Full,
    /// The longest wait for a place or a token passed.
    WaitOver,
    /// The rate is used up.
    RateLimited,
    /// The measured limit of concurrent calls is reached.
    LimitReached,
    /// The callee turns so many calls down that this one was not sent.
    Throttled,
    /// Load of this priority or age is shed.
    Shed,
    /// The host is ejected as an outlier.
    Ejected,
    /// The policy was closed.
    Closed,
}

impl Reason {
    /// The name in events and metrics.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_policy::Reason::WaitOver.name(), "wait-over");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Full => "full",
            Self::WaitOver => "wait-over",
            Self::RateLimited => "rate-limited",
            Self::LimitReached => "limit-reached",
            Self::Throttled => "throttled",
            Self::Shed => "shed",
            Self::Ejected => "ejected",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Rejection {
    /// A rejection by a kind of policy, one of [`names`].
    pub const fn new(policy: &'static str, reason: Reason) -> Self {
        Self { policy, reason, state: None, retry_after: None }
    }

    /// Says how long to stay away.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<breaker::Rejection> for Rejection {
    fn from(rejection: breaker::Rejection) -> Self {
        Self {
            policy: names::BREAKER,
            reason: Reason::Open,
            state: Some(rejection.state),
            retry_after: Some(rejection.retry_after),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rejected by the {}: {}", self.policy, self.reason)?;
        match self.retry_after {
            Some(wait) => write!(f, "; retry after {wait:?}"),
            None => Ok(()),
        }
    }
}

impl Error for Rejection {}

impl Recoverable for Rejection {
    /// Always worth another try, after the wait if one is known.
    fn recovery(&self) -> Recovery {
        self.retry_after.map_or(Recovery::Retry, Recovery::RetryAfter)
    }
}
