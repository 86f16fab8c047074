//! Fallbacks: what to answer when everything else has failed.

mod last_good;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use steadfast_base::Value;

use crate::error::Error;
use crate::events::Events;
use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};

pub use self::last_good::{LastGood, LastGoodSettings, LastGoodStage};

/// A fallback, described: what answers instead of an error.
///
/// Belongs outside of retries and breakers, so that these see the errors first.
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`FALLBACK_ANSWERED`](crate::names::FALLBACK_ANSWERED) | the fallback answered | `kind` of the error |
/// | [`FALLBACK_FAILED`](crate::names::FALLBACK_FAILED) | it had no answer either | `kind` of the error |
///
/// # Example
///
/// ```
/// use steadfast_policy::{Error, Fallback, Pipeline};
///
/// let pipeline = Pipeline::builder()
///     .fallback(Fallback::with(|error: Error<&str>| match error {
///         Error::Inner("unknown item") => Err(error),
///         _ => Ok(0),
///     }))
///     .build()?;
/// assert_eq!(pipeline.call(|_| Err("timed out")), Ok(0));
/// assert_eq!(pipeline.call(|_| Err("unknown item")), Err(Error::Inner("unknown item")));
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fallback does nothing outside of a pipeline"]
pub struct Fallback<A> {
    answer: A,
}

impl<T: Clone> Fallback<ByValue<T>> {
    /// Answers every error with a value.
    pub fn value(value: T) -> Self {
        Self { answer: ByValue(value) }
    }
}

impl<F> Fallback<ByFunction<F>> {
    /// Answers with what a function makes of the error; it may give the error back, or another one.
    pub fn with<T, E>(function: F) -> Self
    where
        F: Fn(Error<E>) -> Result<T, Error<E>>,
    {
        Self { answer: ByFunction(function) }
    }
}

impl<A> Fallback<A> {
    /// An answer of one's own.
    pub fn new(answer: A) -> Self {
        Self { answer }
    }

    pub(crate) fn into_answer(self) -> A {
        self.answer
    }
}

/// What answers instead of an error.
pub trait Answer<T, E> {
    /// The answer, or the error if there is none.
    ///
    /// # Errors
    ///
    /// The given error or another one, if there is no answer.
    fn answer(&self, call: &Call, error: Error<E>) -> Result<T, Error<E>>;

    /// Whether it ever answers; one that does not is not told of in events.
    fn answers(&self) -> bool {
        true
    }
}

/// The same value for every error; made by [`Fallback::value`].
#[derive(Clone, Copy, Debug)]
pub struct ByValue<T>(T);

impl<T: Clone, E> Answer<T, E> for ByValue<T> {
    fn answer(&self, _call: &Call, _error: Error<E>) -> Result<T, Error<E>> {
        Ok(self.0.clone())
    }
}

/// What a function makes of the error; made by [`Fallback::with`].
#[derive(Clone, Copy, Debug)]
pub struct ByFunction<F>(F);

impl<T, E, F: Fn(Error<E>) -> Result<T, Error<E>>> Answer<T, E> for ByFunction<F> {
    fn answer(&self, _call: &Call, error: Error<E>) -> Result<T, Error<E>> {
        (self.0)(error)
    }
}

/// No answer: the error is passed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAnswer;

impl<T, E> Answer<T, E> for NoAnswer {
    #[inline]
    fn answer(&self, _call: &Call, error: Error<E>) -> Result<T, Error<E>> {
        Err(error)
    }

    #[inline]
    fn answers(&self) -> bool {
        false
    }
}

impl<A> Layer for Fallback<A> {
    type Stage = FallbackStage<A>;

    fn profile(&self) -> Profile {
        Profile::new(names::FALLBACK)
    }

    fn into_stage(self, environment: &Environment) -> FallbackStage<A> {
        FallbackStage { answer: self.answer, events: environment.events.clone() }
    }
}

/// A fallback at work.
#[derive(Clone, Debug)]
pub struct FallbackStage<A> {
    answer: A,
    events: Events,
}

impl<A> FallbackStage<A> {
    #[inline]
    fn mend<T, E>(&self, call: &Call, done: &mut Done<T, E>)
    where
        A: Answer<T, E>,
    {
        if done.result.is_err() {
            answer(&self.answer, &self.events, call, done);
        }
    }
}

/// Puts the answer in the place of an error, and tells.
#[cold]
pub(crate) fn answer<T, E>(
    answer: &impl Answer<T, E>,
    events: &Events,
    call: &Call,
    done: &mut Done<T, E>,
) {
    if !answer.answers() {
        return;
    }
    let kind = done.result.as_ref().err().map_or("error", Error::kind);
    done.map_result(|result| result.or_else(|error| answer.answer(call, error)));
    tell(events, kind, done.result.is_ok());
}

pub(crate) fn tell(events: &Events, kind: &'static str, answered: bool) {
    let name = if answered { names::FALLBACK_ANSWERED } else { names::FALLBACK_FAILED };
    events.emit(name, || [("kind", Value::Str(kind))]);
}

impl<T, E, A: Answer<T, E>> Stage<T, E> for FallbackStage<A> {
    #[inline]
    fn run<N: Next<T, E>>(&self, call: Call, next: N) -> impl Future<Output = Done<T, E>> {
        FallbackRun { stage: self, call, next: next.run(call) }
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        let mut done = next.call(call);
        self.mend(&call, &mut done);
        done
    }
}

pin_project! {
    /// A run with an answer for its errors.
    struct FallbackRun<'a, A, F> {
        stage: &'a FallbackStage<A>,
        call: Call,
        #[pin]
        next: F,
    }
}

impl<T, E, A: Answer<T, E>, F: Future<Output = Done<T, E>>> Future for FallbackRun<'_, A, F> {
    type Output = Done<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        let this = self.project();
        match ready!(this.next.poll(cx)) {
            // A success is moved as one: as a whole it would be read at once after it was written in
            // parts, and the processor would wait.
            Done { result: Ok(value), ended } => Poll::Ready(Done { result: Ok(value), ended }),
            mut done => {
                this.stage.mend(this.call, &mut done);
                Poll::Ready(done)
            }
        }
    }
}
