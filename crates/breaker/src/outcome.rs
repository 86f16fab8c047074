//! What a call came to: success, failure with kind and severity, or nothing that counts.

use std::time::Duration;

use serde::Serialize;

use steadfast_base::{FailureKind, Instant, Severity};

/// What a finished call means to the breaker.
///
/// # Example
///
/// ```
/// use steadfast_base::FailureKind;
/// use steadfast_breaker::Outcome;
///
/// let outcome = Outcome::failure(FailureKind::ResourceExhausted);
/// assert!(outcome.is_failure());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The call did its work.
    Success,
    /// The call failed.
    Failure(Failure),
    /// Says nothing about the callee (a bad request, a cache miss): the permit is given back and
    /// nothing is recorded.
    Ignored,
    /// The call failed and the callee said for how long to stay away (`Retry-After`): counts as a
    /// failure of kind [`FailureKind::Rejection`] and opens the breaker for that time. Where this failure
    /// opens the breaker by itself, by a rule or as a probe, it does so for the open wait at least.
    StayAway(Duration),
}

impl Outcome {
    /// A failure of kind [`FailureKind::Error`].
    ///
    /// # Example
    ///
    /// ```
    /// assert!(steadfast_breaker::Outcome::error().is_failure());
    /// ```
    pub fn error() -> Self {
        Self::failure(FailureKind::Error)
    }

    /// A failure with the severity that is usual for its kind.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::FailureKind;
    /// use steadfast_breaker::Outcome;
    ///
    /// assert!(Outcome::failure(FailureKind::Timeout).is_failure());
    /// ```
    pub fn failure(kind: FailureKind) -> Self {
        Self::Failure(Failure { kind, severity: kind.severity() })
    }

    /// Whether this counts as a failure.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_breaker::Outcome;
    ///
    /// assert!(!Outcome::Ignored.is_failure());
    /// ```
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failure(_) | Self::StayAway(_))
    }

    /// The failure, if it is one.
    pub(crate) fn as_failure(&self) -> Option<Failure> {
        match self {
            Self::Failure(failure) => Some(*failure),
            Self::StayAway(_) => {
                let kind = FailureKind::Rejection;
                Some(Failure { kind, severity: kind.severity() })
            }
            Self::Success | Self::Ignored => None,
        }
    }
}

/// One failure as the breaker sees it.
///
/// Kind and severity are kept for reports and listeners; every failure weighs the same in the rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// How bad, 0 to 1.
    pub severity: Severity,
}

/// Decides what a result means to the breaker.
///
/// Implemented by closures over the result. [`ErrorsFail`] is what calls use without one.
///
/// # Example
///
/// ```
/// use steadfast_base::FailureKind;
/// use steadfast_breaker::{Classify, Outcome};
///
/// let by_status = |result: &Result<u16, std::io::Error>| match result {
///     Ok(503) => Outcome::failure(FailureKind::ResourceExhausted),
///     Ok(400..=499) => Outcome::Ignored,
///     Ok(_) => Outcome::Success,
///     Err(_) => Outcome::error(),
/// };
/// assert!(by_status.classify(&Ok(503)).is_failure());
/// ```
pub trait Classify<T, E> {
    /// What `result` means.
    fn classify(&self, result: &Result<T, E>) -> Outcome;

    /// When the call ended, if this has read the breaker's clock for it; asked after `classify`.
    ///
    /// The breaker then reads none. By default nothing was read.
    #[inline]
    fn ended(&self) -> Option<Instant> {
        None
    }
}

impl<T, E, F: Fn(&Result<T, E>) -> Outcome> Classify<T, E> for F {
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        self(result)
    }
}

/// `Ok` succeeds, `Err` fails with kind [`FailureKind::Error`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorsFail;

impl<T, E> Classify<T, E> for ErrorsFail {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        if result.is_ok() { Outcome::Success } else { Outcome::error() }
    }
}
