//! Which results are worth another attempt.

use std::time::Duration;

use steadfast_base::{Recoverable, Recovery};

use crate::error::Error;
use crate::retry::settings::RetrySettings;

/// What a result means to a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Pass it on: a success, or a failure that another attempt will not change.
    Accept,
    /// Try again.
    Retry,
    /// Try again, but not before this wait.
    RetryAfter(Duration),
}

/// Decides which results of the protected call are worth another attempt.
///
/// Rejections and time-outs are not asked about: the settings `retry_rejections` and `retry_timeouts`
/// decide on them. Implemented by closures over the result; [`ErrorsRetry`] and [`ByRecovery`] are ready
/// made.
///
/// # Example
///
/// ```
/// use steadfast_policy::{Condition, Verdict};
///
/// let busy = |result: Result<&u16, &std::io::Error>| match result {
///     Ok(503) | Err(_) => Verdict::Retry,
///     Ok(_) => Verdict::Accept,
/// };
/// assert_eq!(busy.judge(Ok(&503)), Verdict::Retry);
/// ```
pub trait Condition<T, E> {
    /// What `result` means.
    fn judge(&self, result: Result<&T, &E>) -> Verdict;
}

impl<T, E, F: Fn(Result<&T, &E>) -> Verdict> Condition<T, E> for F {
    #[inline]
    fn judge(&self, result: Result<&T, &E>) -> Verdict {
        self(result)
    }
}

/// Every value is accepted and every error tried again.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorsRetry;

impl<T, E> Condition<T, E> for ErrorsRetry {
    #[inline]
    fn judge(&self, result: Result<&T, &E>) -> Verdict {
        if result.is_ok() { Verdict::Accept } else { Verdict::Retry }
    }
}

/// Errors say themselves whether another attempt helps, and when; see [`Recoverable`].
///
/// What an error does not know ([`Recovery::Unknown`]) is not tried again.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByRecovery;

impl<T, E: Recoverable> Condition<T, E> for ByRecovery {
    #[inline]
    fn judge(&self, result: Result<&T, &E>) -> Verdict {
        match result.map_err(Recoverable::recovery) {
            Ok(_) | Err(Recovery::Never | Recovery::Unknown) => Verdict::Accept,
            Err(Recovery::Retry) => Verdict::Retry,
            Err(Recovery::RetryAfter(wait)) => Verdict::RetryAfter(wait),
        }
    }
}

/// Only the errors that a test picks are tried again; made by [`Retry::when`](crate::Retry::when).
#[derive(Clone, Copy, Debug)]
pub struct When<F>(pub(super) F);

impl<T, E, F: Fn(&E) -> bool> Condition<T, E> for When<F> {
    #[inline]
    fn judge(&self, result: Result<&T, &E>) -> Verdict {
        match result {
            Err(error) if (self.0)(error) => Verdict::Retry,
            _ => Verdict::Accept,
        }
    }
}

/// Values that a test picks are tried again too; made by [`Retry::unless_ok`](crate::Retry::unless_ok).
#[derive(Clone, Copy, Debug)]
pub struct UnlessOk<C, F>(pub(super) C, pub(super) F);

impl<T, E, C: Condition<T, E>, F: Fn(&T) -> bool> Condition<T, E> for UnlessOk<C, F> {
    #[inline]
    fn judge(&self, result: Result<&T, &E>) -> Verdict {
        match result {
            Ok(value) if !(self.1)(value) => Verdict::Retry,
            other => self.0.judge(other),
        }
    }
}

/// What a whole result means, policies further in included.
pub(super) fn judge<T, E>(
    condition: &impl Condition<T, E>,
    result: &Result<T, Error<E>>,
    settings: &RetrySettings,
) -> Verdict {
    let retry_if = |allowed: bool| if allowed { Verdict::Retry } else { Verdict::Accept };
    match result {
        Ok(value) => condition.judge(Ok(value)),
        Err(Error::Inner(error)) => condition.judge(Err(error)),
        Err(Error::Timeout(timed_out)) => retry_if(settings.retry_timeouts && timed_out.started),
        Err(Error::Rejected(rejection)) if settings.retry_rejections => {
            rejection.retry_after.map_or(Verdict::Retry, Verdict::RetryAfter)
        }
        Err(Error::Rejected(_) | Error::Exhausted { .. }) => Verdict::Accept,
    }
}
