//! A time limit at work.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use steadfast_base::{Instant, Sleep, Time, Value};

use crate::error::TimedOut;
use crate::events::Events;
use crate::names;
use crate::pipeline::{Call, Done, Environment, Later, Next, NextSync, Stage};

/// No limit, in nanoseconds.
const OFF: u64 = u64::MAX;

/// A time limit at work; clones share the limit.
#[derive(Clone, Debug)]
pub struct TimeLimitStage {
    kind: &'static str,
    /// In nanoseconds.
    limit: Arc<AtomicU64>,
    time: Time,
    events: Events,
}

impl TimeLimitStage {
    pub(crate) fn new(
        kind: &'static str,
        limit: Option<Duration>,
        environment: &Environment,
    ) -> Self {
        let Environment { time, events, .. } = environment.clone();
        let stage = Self { kind, limit: Arc::default(), time, events };
        stage.set(limit);
        stage
    }

    /// Puts a new limit, or none, in force for calls that start from now on.
    pub(crate) fn set(&self, limit: Option<Duration>) {
        let nanos = limit.map_or(OFF, |limit| u64::try_from(limit.as_nanos()).unwrap_or(OFF));
        self.limit.store(nanos, Ordering::Relaxed);
    }

    /// Takes on a limit that is kept elsewhere, in nanoseconds; the maximum stands for none.
    #[inline]
    pub(crate) fn follow(&self, nanos: u64) {
        // A store that changes nothing would take the line away from other threads.
        if self.limit.load(Ordering::Relaxed) != nanos {
            self.limit.store(nanos, Ordering::Relaxed);
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The start and the deadline of a call, which sees it as its own; `None` if there is no limit.
    #[inline]
    fn start(&self, call: &mut Call) -> Result<Option<(Instant, Instant)>, TimedOut> {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit == OFF {
            return Ok(None);
        }
        let now = call.now(&self.time);
        call.shorten_deadline(Instant::from_nanos(now.as_nanos().saturating_add(limit)));
        let at = call.deadline().unwrap_or(Instant::MAX);
        if at <= now {
            self.events.emit(names::DEADLINE_PASSED, || [("policy", Value::Str(self.kind))]);
            return Err(TimedOut::before_start());
        }
        Ok(Some((now, at)))
    }

    #[cold]
    fn timed_out(&self, start: Instant, at: Instant) -> TimedOut {
        let after = at - start;
        self.events.emit(names::TIMED_OUT, || {
            [("policy", Value::Str(self.kind)), ("after", Value::Duration(after))]
        });
        TimedOut::after(after)
    }
}

impl<T, E> Stage<T, E> for TimeLimitStage {
    #[inline]
    fn run<N: Next<T, E>>(&self, call: Call, next: N) -> impl Future<Output = Done<T, E>> {
        let next = Later::new(move |call| next.run(call));
        TimeLimitRun { stage: self, call, progress: Progress::New, next, sleep: None }
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        match self.start(&mut call) {
            Ok(_) => next.call(call),
            Err(timed_out) => Done::err(timed_out),
        }
    }
}

/// How far a run with a time limit has come.
#[derive(Clone, Copy, Debug)]
enum Progress {
    New,
    Unlimited,
    /// Since the start of the call, until its deadline.
    Limited(Instant, Instant),
}

pin_project! {
    /// A run that is dropped at its deadline.
    struct TimeLimitRun<'a, M, F> {
        stage: &'a TimeLimitStage,
        call: Call,
        progress: Progress,
        #[pin]
        next: Later<M, F>,
        sleep: Option<Sleep>,
    }
}

impl<T, E, M, F> Future for TimeLimitRun<'_, M, F>
where
    M: Fn(Call) -> F,
    F: Future<Output = Done<T, E>>,
{
    type Output = Done<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        let mut this = self.project();
        if matches!(this.progress, Progress::New) {
            // A copy of its own: a part changed in its place makes whoever reads it whole wait.
            let mut call = *this.call;
            *this.progress = match this.stage.start(&mut call) {
                Ok(Some((start, at))) => Progress::Limited(start, at),
                Ok(None) => Progress::Unlimited,
                Err(timed_out) => return Poll::Ready(Done::err(timed_out)),
            };
            this.next.as_mut().start(call);
        }
        match this.next.as_mut().poll(cx) {
            // A success is moved as one, for the same reason.
            Poll::Ready(Done { result: Ok(value), ended }) => {
                return Poll::Ready(Done { result: Ok(value), ended });
            }
            Poll::Ready(done) => return Poll::Ready(done),
            Poll::Pending => {}
        }
        let Progress::Limited(start, at) = *this.progress else { return Poll::Pending };
        let sleep = this.sleep.get_or_insert_with(|| this.stage.time.sleep_until(at));
        ready!(Pin::new(sleep).poll(cx));
        // The call ends before anybody hears that it timed out.
        this.next.clear();
        Poll::Ready(Done::err(this.stage.timed_out(start, at)))
    }
}
