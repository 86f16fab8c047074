//! What the code knows of a component: answers and expected errors, by type.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use steadfast_breaker::{Classify, Outcome};
use steadfast_policy::{Answer, Call, Condition, Error, Failures, Rejection, Verdict};

/// A call that ended badly, as a fallback sees it.
///
/// # Example
///
/// ```
/// use steadfast_assembly::FailedCall;
///
/// // Answers what the policies turned away, and leaves the callee's own errors alone.
/// fn stock(failed: &FailedCall) -> Option<u32> {
///     failed.rejection.map(|_| 0)
/// }
/// # let _ = stock;
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedCall {
    /// The kind of error: `error`, `rejection`, `timeout` or `exhausted`.
    pub kind: &'static str,
    /// The rejection, if a policy turned the call away.
    pub rejection: Option<Rejection>,
}

type AnswerFn<T> = Box<dyn Fn(&FailedCall) -> Option<T> + Send + Sync>;
type ExpectFn<E> = Box<dyn Fn(&E) -> bool + Send + Sync>;
type ByType = BTreeMap<TypeId, Box<dyn Any + Send + Sync>>;

/// Answers and expected errors of one component. Looked at after a failure only.
#[derive(Default)]
pub(crate) struct Known {
    answers_on: AtomicBool,
    answers: ByType,
    expected: ByType,
}

impl Known {
    pub(crate) fn add_answer<T: 'static>(
        &mut self,
        answer: impl Fn(&FailedCall) -> Option<T> + Send + Sync + 'static,
    ) {
        let answer: AnswerFn<T> = Box::new(answer);
        self.answers.insert(TypeId::of::<T>(), Box::new(answer));
    }

    pub(crate) fn add_expected<E: 'static>(
        &mut self,
        test: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) {
        let test: ExpectFn<E> = Box::new(test);
        self.expected.insert(TypeId::of::<E>(), Box::new(test));
    }

    pub(crate) fn switch_answers(&self, on: bool) {
        self.answers_on.store(on, Ordering::Relaxed);
    }

    fn expects<E: 'static>(&self, error: &E) -> bool {
        let test = self.expected.get(&TypeId::of::<E>());
        let test = test.and_then(|test| test.downcast_ref::<ExpectFn<E>>());
        test.is_some_and(|test| test(error))
    }

    fn answer_of<T: 'static>(&self, failed: &FailedCall) -> Option<T> {
        let answer = self.answers.get(&TypeId::of::<T>())?;
        answer.downcast_ref::<AnswerFn<T>>().and_then(|answer| answer(failed))
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("answers", &self.answers.len())
            .field("expected", &self.expected.len())
            .finish_non_exhaustive()
    }
}

/// The answers as the fallback of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Answers(pub(crate) Arc<Known>);

impl<T: 'static, E: 'static> Answer<T, E> for Answers {
    fn answer(&self, _call: &Call, error: Error<E>) -> Result<T, Error<E>> {
        if error.inner().is_some_and(|error| self.0.expects(error)) {
            return Err(error);
        }
        let failed = FailedCall { kind: error.kind(), rejection: error.rejection().copied() };
        self.0.answer_of(&failed).ok_or(error)
    }

    fn answers(&self) -> bool {
        !self.0.answers.is_empty() && self.0.answers_on.load(Ordering::Relaxed)
    }
}

/// Retries every error that is not expected.
#[derive(Clone, Debug)]
pub(crate) struct Unexpected(pub(crate) Arc<Known>);

impl<T, E: 'static> Condition<T, E> for Unexpected {
    #[inline]
    fn judge(&self, result: Result<&T, &E>) -> Verdict {
        match result {
            Err(error) if !self.0.expects(error) => Verdict::Retry,
            _ => Verdict::Accept,
        }
    }
}

/// An expected error shows that the callee answers: a success to the breaker.
impl<T, E: 'static> Classify<T, Error<E>> for Unexpected {
    #[inline]
    fn classify(&self, result: &Result<T, Error<E>>) -> Outcome {
        match result {
            Err(error) if error.inner().is_some_and(|error| self.0.expects(error)) => {
                Outcome::Success
            }
            _ => Failures.classify(result),
        }
    }
}
