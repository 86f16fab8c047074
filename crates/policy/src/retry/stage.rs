//! A retry at work: makes attempts, decides on each, counts and tells.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use steadfast_base::{ConfigError, Instant, RetryMark, Stream, Time, Value, context};

use crate::budget::Budget;
use crate::error::{Error, Last};
use crate::events::Events;
use crate::names;
use crate::pipeline::{
    Call, Done, Environment, Later, LeafSync, Next, NextSync, Source, Stage, within,
};
use crate::retry::condition::{Condition, Verdict, judge};
use crate::retry::run::{CallRun, RetryRun};
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
        let source = self.source(make);
        if context::is_set() || !self.is_plain() {
            return self.call_in_context(LeafSync::new(&source));
        }
        // As `Stage::call`, with all of the attempt known beforehand.
        let first = Call::new().as_attempt(1);
        match within(&mut first.scope(), || source.make(first)) {
            Ok(value) if self.accepts::<T, E>(&value) => Ok(value),
            result => {
                let done = Done::new(result.map_err(Error::Inner));
                self.go_on(first, done, LeafSync::new(&source)).result
            }
        }
    }

    #[inline(never)]
    fn call_in_context<T, E>(&self, next: impl NextSync<T, E>) -> Result<T, Error<E>>
    where
        C: Condition<T, E>,
    {
        Stage::call(self, Call::from_context(), next).result
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
    pub fn call_async<T, E, F, Fut>(&self, make: F) -> impl Future<Output = Result<T, Error<E>>>
    where
        C: Condition<T, E>,
        F: Fn(Call) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        CallRun::new(self, make)
    }

    /// Makes the attempts after the first one, as far as there are any, on this thread.
    #[cold]
    #[inline(never)]
    fn go_on<T, E>(
        &self,
        mut attempt: Call,
        mut done: Done<T, E>,
        next: impl NextSync<T, E>,
    ) -> Done<T, E>
    where
        C: Condition<T, E>,
    {
        let mut attempts = Attempts::first();
        while let Some(at) = self.ended(&mut attempts, attempt.deadline(), &mut done) {
            // What the attempt left behind does not outlive it.
            drop(done);
            block_on(self.time().sleep_until(at));
            attempt = attempt.as_attempt(attempts.made());
            done = next.call(attempt);
        }
        done
    }

    /// What makes the attempts of a call.
    #[inline]
    fn source<F>(&self, make: F) -> Source<'_, F> {
        Source::new(make, self.time(), self.events())
    }

    /// The clock and timer.
    #[inline]
    pub(super) fn time(&self) -> &Time {
        &self.shared.time
    }

    #[inline]
    pub(super) fn events(&self) -> &Events {
        &self.shared.events
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
    pub(super) fn first(&self, call: Call) -> Call {
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
    pub(super) fn accept_first<T, E>(&self, done: Done<T, E>) -> Result<Done<T, E>, Done<T, E>>
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

    /// Whether a first attempt needs neither a clock nor a budget.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.shared.total.load(Ordering::Relaxed) == OFF && self.shared.budget.is_none()
    }

    #[inline]
    pub(super) fn accepts<T, E>(&self, value: &T) -> bool
    where
        C: Condition<T, E>,
    {
        self.shared.condition.judge(Ok(value)) == Verdict::Accept
    }

    #[inline]
    pub(super) fn accepts_first<T, E>(&self, value: &T) -> bool
    where
        C: Condition<T, E>,
    {
        let accepted = self.accepts::<T, E>(value);
        if accepted && let Some(budget) = &self.shared.budget {
            budget.succeeded();
        }
        accepted
    }

    /// Takes in the result of an attempt; says when to make the next one, if any.
    #[cold]
    #[inline(never)]
    pub(super) fn ended<T, E>(
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
        RetryRun::new(self, call, Later::new(move |call| next.run(call)))
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        if call.retry() == RetryMark::Forbidden {
            return next.call(call);
        }
        let first = self.first(call);
        match self.accept_first(next.call(first)) {
            Ok(done) => done,
            Err(done) => self.go_on(first, done, next),
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
