//! A time limit at work.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use steadfast_base::{Instant, Time, Value};

use crate::error::TimedOut;
use crate::events::Events;
use crate::names;
use crate::pipeline::{Call, Done, Environment, Next, NextSync, Stage};

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
        call.shorten_deadline(now + Duration::from_nanos(limit));
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
    async fn run<N: Next<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let limit = match self.start(&mut call) {
            Ok(limit) => limit,
            Err(timed_out) => return Done::err(timed_out),
        };
        let mut running = pin!(Some(next.run(call)));
        let mut sleep = None;
        poll_fn(|cx| {
            if let Some(future) = running.as_mut().as_pin_mut()
                && let Poll::Ready(done) = future.poll(cx)
            {
                return Poll::Ready(done);
            }
            let Some((start, at)) = limit else { return Poll::Pending };
            let sleep = sleep.get_or_insert_with(|| self.time.sleep_until(at));
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            // The call ends before anybody hears that it timed out.
            running.set(None);
            Poll::Ready(Done::err(self.timed_out(start, at)))
        })
        .await
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        match self.start(&mut call) {
            Ok(_) => next.call(call),
            Err(timed_out) => Done::err(timed_out),
        }
    }
}
