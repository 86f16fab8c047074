//! A guarded call: admitted, limited in time, judged.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use steadfast_base::{Instant, Time};
use steadfast_breaker::{
    self as breaker, CallError, CircuitBreaker, Classify, Config, Outcome, Permit,
};

use crate::error::{Error, TimedOut};
use crate::events::Events;
use crate::fallback::{self, Answer};
use crate::guard::{Breakers, is_timed};
use crate::names;
use crate::pipeline::{Call, Done, Environment, Later, Next, NextSync, Stage};
use crate::rejection::Rejection;
use crate::timeout::TimeLimitStage;

/// A breaker at work in a pipeline.
#[derive(Clone, Debug)]
pub struct GuardStage<B, C, A> {
    breakers: B,
    classify: C,
    answer: A,
    live: Arc<Live>,
    time: Time,
    events: Events,
}

/// What follows the breaker's settings.
#[derive(Debug)]
struct Live {
    /// Whether the breaker looks at the time of every call.
    timed: AtomicBool,
    limit: TimeLimitStage,
}

/// What a whole result means, told to a breaker that makes the call itself; shares its reading of the clock.
struct Judge<'a, C> {
    classify: &'a C,
    time: &'a Time,
    /// When the call ended, in nanoseconds; the maximum while nobody has read the clock.
    ended: AtomicU64,
}

impl<'a, C> Judge<'a, C> {
    #[inline]
    fn new<B, A>(stage: &'a GuardStage<B, C, A>) -> Self {
        let GuardStage { classify, time, .. } = stage;
        Self { classify, time, ended: AtomicU64::new(u64::MAX) }
    }

    #[inline]
    fn ended(&self) -> Option<Instant> {
        let nanos = self.ended.load(Ordering::Relaxed);
        (nanos != u64::MAX).then(|| Instant::from_nanos(nanos))
    }

    /// What the breaker made of the call, with the time that was read for it.
    #[inline]
    fn done<T, E>(
        &self,
        made: Result<Done<T, E>, CallError<Infallible>>,
    ) -> Result<Done<T, E>, CallError<Infallible>> {
        let mut done = made?;
        if let Some(ended) = self.ended() {
            done.ended = ended;
        }
        Ok(done)
    }
}

impl<T, E, C: Classify<T, Error<E>>> Classify<Done<T, E>, Infallible> for Judge<'_, C> {
    #[inline]
    fn classify(&self, result: &Result<Done<T, E>, Infallible>) -> Outcome {
        let done = match result {
            Ok(done) => done,
            Err(never) => match *never {},
        };
        let outcome = self.classify.classify(&done.result);
        if !matches!(outcome, Outcome::Success) {
            // The breaker will need the time, and so may others further out.
            let ended = done.ended_if_known().unwrap_or_else(|| self.time.now_relaxed());
            self.ended.store(ended.as_nanos(), Ordering::Relaxed);
        }
        outcome
    }

    #[inline]
    fn ended(&self) -> Option<Instant> {
        self.ended()
    }
}

impl<B: Breakers, C, A> GuardStage<B, C, A> {
    pub(super) fn new(breakers: B, classify: C, answer: A, environment: &Environment) -> Self {
        let config = breakers.config();
        let limit = TimeLimitStage::new(names::BREAKER, config.call_timeout, environment);
        let live = Arc::new(Live { timed: AtomicBool::new(is_timed(&config)), limit });
        let Environment { time, events, .. } = environment.clone();
        Self { breakers, classify, answer, live, time, events }
    }

    /// Puts new settings in force in the breaker and around it.
    pub(crate) fn reconfigure(&self, config: &Config) -> Result<(), breaker::ConfigError> {
        self.breakers.reconfigure(config)?;
        self.live.timed.store(is_timed(config), Ordering::Relaxed);
        Ok(())
    }
}

impl<B, C, A> GuardStage<B, C, A> {
    #[inline]
    fn is_timed(&self) -> bool {
        self.live.timed.load(Ordering::Relaxed)
    }

    /// Takes on the call time-out, which may have been changed by the breaker's own handle.
    #[inline]
    fn follow(&self, breaker: &CircuitBreaker) {
        self.live.limit.follow(breaker.__call_timeout_nanos());
    }

    #[cold]
    fn rejected<T, E>(&self, rejection: breaker::Rejection) -> Done<T, E> {
        let rejection = Rejection::from(rejection);
        self.events.rejected(&rejection);
        Done::err(rejection)
    }

    #[cold]
    fn not_done<T, E>(&self, error: CallError<Infallible>) -> Done<T, E> {
        match error {
            CallError::Inner(never) => match never {},
            CallError::Rejected(rejection) => self.rejected(rejection),
            CallError::TimedOut(after) => Done::err(TimedOut::after(after)),
            // No other error exists so far; one that will is closest to a call that did not start.
            _ => Done::err(TimedOut::before_start()),
        }
    }

    #[inline]
    fn mend<T, E>(&self, call: &Call, done: &mut Done<T, E>)
    where
        A: Answer<T, E>,
    {
        if done.result.is_err() {
            fallback::answer(&self.answer, &self.events, call, done);
        }
    }

    /// Gives the permit back with what the call came to.
    #[inline]
    fn finish<T, E>(&self, permit: Permit<'_>, done: &mut Done<T, E>)
    where
        C: Classify<T, Error<E>>,
    {
        let outcome = self.classify.classify(&done.result);
        // What the breaker reads others share.
        match done.ended_if_known() {
            Some(ended) => permit.finish_at(outcome, ended),
            None => permit.__finish_reading(outcome, || done.ended(&self.time)),
        }
    }
}

impl<T, E, B, C, A> Stage<T, E> for GuardStage<B, C, A>
where
    B: Breakers,
    C: Classify<T, Error<E>>,
    A: Answer<T, E>,
{
    #[inline]
    #[expect(
        clippy::manual_async_fn,
        reason = "the call stays where it was captured; an async function moves it once more"
    )]
    fn run<N: Next<T, E>>(&self, call: Call, next: N) -> impl Future<Output = Done<T, E>> {
        async move {
            let picked = self.breakers.pick(call.key());
            let breaker: &CircuitBreaker = picked.borrow();
            if self.is_timed() || call.needs_time() {
                self.follow(breaker);
                let next = Later::new(move |call| Stage::run(&self.live.limit, call, next));
                let run = GuardRun { stage: self, breaker, call, next, permit: None };
                return match run.await {
                    Done { result: Ok(value), ended } => Done { result: Ok(value), ended },
                    done => done,
                };
            }
            // Nobody needs the time so far; the breaker reads it if the call turns out to be pending.
            let judge = Judge::new(self);
            let made = || async { Ok::<_, Infallible>(next.run(call).await) };
            let mut done = match judge.done(breaker.call_async_with(&judge, made).await) {
                Ok(done) => done,
                Err(error) => self.not_done(error),
            };
            self.mend(&call, &mut done);
            done
        }
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let picked = self.breakers.pick(call.key());
        let breaker: &CircuitBreaker = picked.borrow();
        if !self.is_timed() && !call.needs_time() {
            let judge = Judge::new(self);
            let made = breaker.call_with(&judge, || Ok::<_, Infallible>(next.call(call)));
            let mut done = judge.done(made).unwrap_or_else(|error| self.not_done(error));
            self.mend(&call, &mut done);
            return done;
        }
        self.follow(breaker);
        let mut done = match breaker.acquire_at(call.now(&self.time)) {
            Ok(permit) => {
                let mut done = Stage::call(&self.live.limit, call, next);
                self.finish(permit, &mut done);
                done
            }
            Err(rejection) => self.rejected(rejection),
        };
        self.mend(&call, &mut done);
        done
    }
}

pin_project! {
    /// A run whose start is known to other policies, or is needed by the breaker.
    struct GuardRun<'a, B, C, A, M, F> {
        stage: &'a GuardStage<B, C, A>,
        breaker: &'a CircuitBreaker,
        call: Call,
        #[pin]
        next: Later<M, F>,
        // From the first poll until the call has ended; dropped after the call itself.
        permit: Option<Permit<'a>>,
    }
}

impl<T, E, B, C, A, M, F> Future for GuardRun<'_, B, C, A, M, F>
where
    C: Classify<T, Error<E>>,
    A: Answer<T, E>,
    M: Fn(Call) -> F,
    F: Future<Output = Done<T, E>>,
{
    type Output = Done<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        let mut this = self.project();
        let stage = *this.stage;
        if this.permit.is_none() {
            // A copy of its own: a part changed in its place makes whoever reads it whole wait.
            let mut call = *this.call;
            let admitted = this.breaker.acquire_at(call.now(&stage.time));
            *this.call = call;
            match admitted {
                Ok(permit) => {
                    *this.permit = Some(permit);
                    this.next.as_mut().start(call);
                }
                Err(rejection) => {
                    let mut done = stage.rejected(rejection);
                    stage.mend(this.call, &mut done);
                    return Poll::Ready(done);
                }
            }
        }
        match ready!(this.next.poll(cx)) {
            // A success is moved as one, for the same reason.
            Done { result: Ok(value), ended } => {
                let mut done = Done { result: Ok(value), ended };
                if let Some(permit) = this.permit.take() {
                    stage.finish(permit, &mut done);
                }
                Poll::Ready(done)
            }
            mut done => {
                if let Some(permit) = this.permit.take() {
                    stage.finish(permit, &mut done);
                }
                stage.mend(this.call, &mut done);
                Poll::Ready(done)
            }
        }
    }
}
