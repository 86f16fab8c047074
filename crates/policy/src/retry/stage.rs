//! A retry at work: makes attempts, waits between them, counts and tells.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use steadfast_base::{ConfigError, Instant, Outlined, RetryMark, Sleep, Stream, Time, Value};

use crate::budget::Budget;
use crate::error::{Error, Last};
use crate::events::Events;
use crate::names;
use crate::pipeline::{
    Call, Done, Environment, Later, Leaf, LeafSync, Next, NextSync, Source, Stage, attempt,
};
use crate::retry::condition::{Condition, Verdict, judge};
use crate::retry::settings::RetrySettings;
use crate::retry::statistics::{Counters, RetryStatistics, count};
use crate::retry::step::{Attempts, Decision, Stop};
use crate::waiting::block_on;

/// No total deadline, in nanoseconds.
const OFF: u64 = u64::MAX;

/// A retry at work; clones share settings, budget and statistics.
///
/// A call whose first attempt is accepted costs a few loads: no clock is read (unless a total deadline is
/// set), no settings are looked at and nothing is counted.
#[derive(Debug)]
pub struct Retrier<C> {
    shared: Arc<Shared<C>>,
}

impl<C> Clone for Retrier<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<C> {
    /// The total deadline in nanoseconds, the one setting that a first attempt needs.
    total: AtomicU64,
    budget: Option<Budget>,
    condition: C,
    settings: Mutex<RetrySettings>,
    random: Mutex<Stream>,
    counters: Counters,
    time: Time,
    events: Events,
}

impl<C> Retrier<C> {
    pub(super) fn new(
        settings: RetrySettings,
        condition: C,
        budget: Option<Budget>,
        environment: &Environment,
    ) -> Self {
        let shared = Shared {
            total: AtomicU64::new(total_nanos(&settings)),
            budget,
            condition,
            settings: Mutex::new(settings),
            random: Mutex::new(environment.seed.stream("policy.retry")),
            counters: Counters::default(),
            time: environment.time.clone(),
            events: environment.events.clone(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Makes a call, again if need be, on this thread; waits by parking it.
    ///
    /// # Errors
    ///
    /// The last error unchanged, or [`Error::Exhausted`] where `fail_after_max` is set.
    #[inline]
    pub fn call<T, E>(&self, make: impl Fn(Call) -> Result<T, E>) -> Result<T, Error<E>>
    where
        C: Condition<T, E>,
    {
        Stage::call(self, Call::from_context(), LeafSync::new(&self.source(make))).result
    }

    /// Makes an asynchronous call, again if need be.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt that is running, or ends the wait; no further attempt is made.
    #[inline]
    pub async fn call_async<T, E, F, Fut>(&self, make: F) -> Result<T, Error<E>>
    where
        C: Condition<T, E>,
        F: Fn(Call) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let (call, source) = (Call::from_context(), self.source(make));
        if call.retry() == RetryMark::Forbidden {
            return Outlined::new(Leaf::new(&source).run(call)).await.result;
        }
        // As `run`, whose first attempt is not as quick to make because it may be anything.
        let first = self.first(call);
        match attempt(&first, &source).await {
            Ok(value) if self.accepts_first::<T, E>(&value) => Ok(value),
            result => {
                let go_on = self.go_on(first, Done::new(result), Leaf::new(&source));
                Outlined::new(go_on).await.result
            }
        }
    }

    /// What makes the attempts of a call.
    #[inline]
    fn source<F>(&self, make: F) -> Source<'_, F> {
        Source::new(make, &self.shared.time, &self.shared.events)
    }

    /// Makes the attempts after the first one, as far as there are any.
    async fn go_on<T, E, N>(&self, mut attempt: Call, mut done: Done<T, E>, next: N) -> Done<T, E>
    where
        C: Condition<T, E>,
        N: Next<T, E>,
    {
        let mut attempts = Attempts::first();
        while let Some(at) = self.ended(&mut attempts, attempt.deadline(), &mut done) {
            // What the attempt left behind does not outlive it.
            drop(done);
            self.shared.time.sleep_until(at).await;
            attempt = attempt.as_attempt(attempts.made());
            done = next.run(attempt).await;
        }
        done
    }

    /// What the retries came to so far.
    pub fn statistics(&self) -> RetryStatistics {
        self.shared.counters.snapshot()
    }

    /// Sets the statistics to zero and gives back what they were.
    pub fn reset_statistics(&self) -> RetryStatistics {
        self.shared.counters.reset()
    }

    /// The settings in force.
    pub fn settings(&self) -> RetrySettings {
        *self.shared.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The budget, if there is one.
    pub fn budget(&self) -> Option<&Budget> {
        self.shared.budget.as_ref()
    }

    /// Puts new settings in force, also for calls under way.
    ///
    /// # Errors
    ///
    /// Fails if the settings have faults and keeps the old ones.
    pub fn reconfigure(&self, settings: RetrySettings) -> Result<(), ConfigError> {
        settings.validate()?;
        let mut current = self.shared.settings.lock().unwrap_or_else(PoisonError::into_inner);
        *current = settings;
        self.shared.total.store(total_nanos(&settings), Ordering::Relaxed);
        Ok(())
    }

    /// The first attempt of a call that this retry may repeat; the others keep to its deadline.
    #[inline]
    fn first(&self, call: Call) -> Call {
        let mut attempt = call.as_attempt(1);
        let total = self.shared.total.load(Ordering::Relaxed);
        if total != OFF {
            let now = attempt.now(&self.shared.time);
            attempt.shorten_deadline(Instant::from_nanos(now.as_nanos().saturating_add(total)));
        }
        if let Some(budget) = &self.shared.budget {
            budget.deposit();
        }
        attempt
    }

    /// What the first attempt came to, if it ended the call, as nearly all do.
    #[inline]
    fn accept_first<T, E>(&self, done: Done<T, E>) -> Result<Done<T, E>, Done<T, E>>
    where
        C: Condition<T, E>,
    {
        let Done { result, ended } = done;
        match result {
            // A value that is known to be one is moved as such, and not as a result of any kind.
            Ok(value) if self.accepts_first::<T, E>(&value) => {
                Ok(Done { result: Ok(value), ended })
            }
            result => Err(Done { result, ended }),
        }
    }

    #[inline]
    fn accepts_first<T, E>(&self, value: &T) -> bool
    where
        C: Condition<T, E>,
    {
        let accepted = self.shared.condition.judge(Ok(value)) == Verdict::Accept;
        if accepted && let Some(budget) = &self.shared.budget {
            budget.succeeded();
        }
        accepted
    }

    /// Takes in the result of an attempt; says when to make the next one, if any.
    #[cold]
    #[inline(never)]
    fn ended<T, E>(
        &self,
        attempts: &mut Attempts,
        deadline: Option<Instant>,
        done: &mut Done<T, E>,
    ) -> Option<Instant>
    where
        C: Condition<T, E>,
    {
        let shared = &*self.shared;
        let settings = self.settings();
        let verdict = judge(&shared.condition, &done.result, &settings);
        if verdict == Verdict::Accept {
            self.accepted(*attempts, done.result.is_ok());
            return None;
        }
        if let Some(budget) = &shared.budget {
            budget.failed();
        }
        let now = done.ended(&shared.time);
        let random = {
            let mut random = shared.random.lock().unwrap_or_else(PoisonError::into_inner);
            [random.unit_f64(), random.unit_f64()]
        };
        let budget = shared.budget.as_ref();
        match attempts.step(&settings, verdict, now, deadline, random, budget) {
            Decision::Again { at, wait } => {
                count(&shared.counters.retries);
                shared.events.emit(names::RETRY_SCHEDULED, || {
                    [
                        ("attempt", Value::from(attempts.made())),
                        ("wait", Value::Duration(wait)),
                        ("kind", Value::Str(kind(&done.result))),
                    ]
                });
                Some(at)
            }
            Decision::GiveUp(stop) => {
                self.give_up(*attempts, stop, settings.fail_after_max, done);
                None
            }
        }
    }

    fn accepted(&self, attempts: Attempts, good: bool) {
        let Shared { budget, counters, events, .. } = &*self.shared;
        if !good {
            count(&counters.not_retryable);
            return;
        }
        if let Some(budget) = budget {
            budget.succeeded();
        }
        if attempts.made() > 1 {
            count(&counters.recovered);
            events.emit(names::RETRY_SUCCEEDED, || [("attempts", Value::from(attempts.made()))]);
        }
    }

    fn give_up<T, E>(&self, attempts: Attempts, stop: Stop, say_so: bool, done: &mut Done<T, E>) {
        self.shared.counters.gave_up(stop);
        self.shared.events.emit(names::RETRY_GAVE_UP, || {
            [("attempts", Value::from(attempts.made())), ("why", Value::Str(stop.name()))]
        });
        if say_so && stop == Stop::Attempts {
            done.map_result(|result| {
                let last = match result {
                    Ok(_) => Last::Unaccepted,
                    Err(Error::Inner(error)) => Last::Inner(error),
                    Err(Error::Rejected(rejection)) => Last::Rejected(rejection),
                    Err(Error::Timeout(timed_out)) => Last::Timeout(timed_out),
                    Err(Error::Exhausted { last, .. }) => last,
                };
                Err(Error::Exhausted { last, attempts: attempts.made() })
            });
        }
    }
}

fn kind<T, E>(result: &Result<T, Error<E>>) -> &'static str {
    result.as_ref().map_or_else(Error::kind, |_| "unaccepted")
}

fn total_nanos(settings: &RetrySettings) -> u64 {
    settings.total_deadline.map_or(OFF, |total| u64::try_from(total.as_nanos()).unwrap_or(OFF))
}

impl<T, E, C: Condition<T, E>> Stage<T, E> for Retrier<C> {
    #[inline]
    fn run<N: Next<T, E>>(&self, call: Call, next: N) -> impl Future<Output = Done<T, E>> {
        let next = Later::new(move |call| next.run(call));
        let (attempt, attempts) = (call, Attempts::first());
        RetryRun { retrier: self, attempt, attempts, progress: Progress::New, next }
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        let forbidden = call.retry() == RetryMark::Forbidden;
        let mut attempt = if forbidden { call } else { self.first(call) };
        let mut attempts = Attempts::first();
        loop {
            let mut done = next.call(attempt);
            if forbidden {
                return done;
            }
            if attempts.made() == 1 {
                done = match self.accept_first(done) {
                    Ok(accepted) => return accepted,
                    Err(done) => done,
                };
            }
            let Some(at) = self.ended(&mut attempts, attempt.deadline(), &mut done) else {
                return done;
            };
            // What the attempt left behind does not outlive it.
            drop(done);
            block_on(self.shared.time.sleep_until(at));
            attempt = attempt.as_attempt(attempts.made());
        }
    }
}

/// How far a run with retries has come.
enum Progress {
    New,
    /// Another retry around this one makes the attempts.
    Forbidden,
    Attempting,
    Waiting {
        sleep: Sleep,
    },
}

pin_project! {
    /// A run that makes attempts and waits between them.
    struct RetryRun<'a, C, M, F> {
        retrier: &'a Retrier<C>,
        attempt: Call,
        attempts: Attempts,
        progress: Progress,
        #[pin]
        next: Later<M, F>,
    }
}

impl<T, E, C, M, F> Future for RetryRun<'_, C, M, F>
where
    C: Condition<T, E>,
    M: Fn(Call) -> F,
    F: Future<Output = Done<T, E>>,
{
    type Output = Done<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        let mut this = self.project();
        loop {
            match this.progress {
                Progress::New if this.attempt.retry() == RetryMark::Forbidden => {
                    this.next.as_mut().start(*this.attempt);
                    *this.progress = Progress::Forbidden;
                }
                Progress::New => {
                    let first = this.retrier.first(*this.attempt);
                    this.next.as_mut().start(first);
                    *this.attempt = first;
                    *this.progress = Progress::Attempting;
                }
                Progress::Waiting { sleep } => {
                    ready!(Pin::new(sleep).poll(cx));
                    *this.attempt = this.attempt.as_attempt(this.attempts.made());
                    this.next.as_mut().start(*this.attempt);
                    *this.progress = Progress::Attempting;
                }
                Progress::Forbidden | Progress::Attempting => {}
            }
            let mut done = ready!(this.next.as_mut().poll(cx));
            if matches!(this.progress, Progress::Forbidden) {
                return Poll::Ready(done);
            }
            if this.attempts.made() == 1 {
                done = match this.retrier.accept_first(done) {
                    Ok(accepted) => return Poll::Ready(accepted),
                    Err(done) => done,
                };
            }
            let ended = this.retrier.ended(this.attempts, this.attempt.deadline(), &mut done);
            let Some(at) = ended else { return Poll::Ready(done) };
            // What the attempt left behind does not outlive it.
            this.next.as_mut().clear();
            drop(done);
            let sleep = this.retrier.shared.time.sleep_until(at);
            *this.progress = Progress::Waiting { sleep };
        }
    }
}

impl<C> fmt::Debug for Shared<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrier")
            .field("settings", &self.settings)
            .field("budget", &self.budget)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
