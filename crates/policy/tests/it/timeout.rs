//! Time-outs and deadlines.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use steadfast_base::{CallContext, Instant, Time, context};
use steadfast_breaker::{CircuitBreaker, Config};
use steadfast_policy::{
    Bulkhead, BulkheadConfig, Error, Pipeline, RateLimiterConfig, Retry, Stage, TimedOut, names,
};

use crate::bench::{Bench, ms, poll};

/// Sets a flag when it is dropped.
struct Dropped(Rc<Cell<bool>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[test]
fn s47_a_call_that_takes_too_long_is_dropped_at_the_limit() {
    let bench = Bench::new();
    let pipeline = bench.builder().attempt_timeout(ms(2_000)).build().unwrap();
    let time = bench.clock.time();
    let dropped = Rc::new(Cell::new(false));
    let result = bench.block_on(pipeline.run(|_| {
        let guard = Dropped(Rc::clone(&dropped));
        async {
            let _guard = guard;
            time.sleep(ms(4_000)).await;
            Ok::<_, ()>(())
        }
    }));
    let Err(Error::Timeout(timed_out)) = result else { panic!("{result:?}") };
    assert_eq!((timed_out.after, timed_out.started), (ms(2_000), true));
    assert_eq!(bench.elapsed(), 2_000);
    assert!(dropped.get());
    assert_eq!(bench.named(names::TIMED_OUT).len(), 1);
    assert_eq!(bench.clock.pending(), 0);
}

#[test]
fn s47_a_caller_that_cancels_is_not_a_timeout() {
    let bench = Bench::new();
    let pipeline = bench.builder().attempt_timeout(ms(2_000)).build().unwrap();
    {
        let mut call = pin!(pipeline.run(|_| std::future::pending::<Result<(), ()>>()));
        assert!(poll(call.as_mut()).is_pending());
        bench.clock.advance(ms(1_000));
        assert!(poll(call.as_mut()).is_pending());
    }
    assert!(bench.sink.events().is_empty());
    assert_eq!(bench.clock.pending(), 0);
}

#[test]
fn s47_the_parents_deadline_shortens_the_limit() {
    let bench = Bench::new();
    bench.clock.advance(ms(700));
    let pipeline = bench.builder().attempt_timeout(ms(500)).build().unwrap();
    let parent = CallContext::new().with_deadline(Instant::ZERO + ms(1_000));
    let seen = Cell::new(None);
    let result = bench.block_on(context::scope(parent, async {
        let work = |call: steadfast_policy::Call| {
            seen.set(call.deadline());
            std::future::pending::<Result<(), ()>>()
        };
        pipeline.run(work).await
    }));
    assert!(result.is_err_and(|error| error.is_timeout()));
    assert_eq!(bench.elapsed(), 1_000);
    assert_eq!(seen.get(), Some(Instant::ZERO + ms(1_000)));
}

#[test]
fn s47_without_time_left_the_call_is_never_made() {
    let bench = Bench::new();
    bench.clock.advance(ms(1_000));
    let parent = CallContext::new().with_deadline(Instant::ZERO + ms(1_000));
    let _guard = context::enter(parent);
    let pipeline = bench.builder().attempt_timeout(ms(500)).build().unwrap();
    let made = Cell::new(0);
    let count = || made.set(made.get() + 1);
    let result = bench.block_on(pipeline.run(|_| {
        count();
        async { Ok::<_, ()>(()) }
    }));
    let Err(Error::Timeout(timed_out)) = result else { panic!("{result:?}") };
    assert!(!timed_out.started);
    let result = pipeline.call(|_| {
        count();
        Ok::<_, ()>(())
    });
    assert!(result.is_err_and(|error| error.is_timeout()));
    assert_eq!(made.get(), 0);
    assert_eq!(bench.named(names::DEADLINE_PASSED).len(), 2);
}

#[test]
fn a_call_that_is_ready_at_once_registers_no_timer() {
    let bench = Bench::new();
    let pipeline = bench.builder().attempt_timeout(ms(500)).build().unwrap();
    let mut call = pin!(pipeline.run(|_| async {
        assert_eq!(bench.clock.pending(), 0);
        Ok::<_, ()>(1)
    }));
    assert!(poll(call.as_mut()).is_ready());
    assert_eq!(bench.clock.pending(), 0);
}

#[test]
fn a_result_at_the_limit_wins_over_the_limit() {
    let bench = Bench::new();
    let pipeline = bench.builder().attempt_timeout(ms(500)).build().unwrap();
    let time = bench.clock.time();
    let result = bench.block_on(pipeline.run(|_| async {
        time.sleep(ms(500)).await;
        Ok::<_, ()>(1)
    }));
    assert_eq!(result, Ok(1));
}

#[test]
fn each_attempt_has_its_own_timeout_and_all_share_the_total() {
    let bench = Bench::new();
    let retry = steadfast_policy::Retry::constant(ms(100)).jitter(0.0).max_attempts(10);
    let builder = bench.builder().total_deadline(ms(1_000)).retry(retry);
    let pipeline = builder.attempt_timeout(ms(400)).build().unwrap();
    let made = Cell::new(0);
    let result = bench.block_on(pipeline.run(|_| {
        made.set(made.get() + 1);
        std::future::pending::<Result<(), ()>>()
    }));
    // Attempts at 0 to 400 and 500 to 900 ms; a third one would start at the deadline.
    assert!(result.is_err_and(|error| error.is_timeout()));
    assert_eq!((made.get(), bench.elapsed()), (2, 900));
}

#[test]
fn a_late_result_of_a_synchronous_call_counts() {
    let bench = Bench::new();
    let pipeline = bench.builder().attempt_timeout(ms(500)).build().unwrap();
    let result = pipeline.call(|call| {
        bench.clock.advance(ms(900));
        Ok::<_, ()>(call.deadline())
    });
    assert_eq!(result, Ok(Some(Instant::ZERO + ms(500))));
}

/// Runs a call without time left, in both ways; it must not be made.
fn assert_not_made<S: Stage<u32, &'static str>>(bench: &Bench, pipeline: &Pipeline<S>) {
    let made = Cell::new(0);
    let make = |_| {
        made.set(made.get() + 1);
        Ok::<_, &str>(1)
    };
    let late = Err(Error::Timeout(TimedOut::before_start()));
    assert_eq!(pipeline.call(make), late);
    assert_eq!(bench.block_on(pipeline.run(|call| async move { make(call) })), late);
    assert_eq!(made.get(), 0);
}

fn breaker(time: Time) -> CircuitBreaker {
    CircuitBreaker::new("b", Config::default(), time).expect("valid")
}

#[test]
fn s47_without_time_left_no_policy_at_all_makes_the_call() {
    let bench = Bench::new();
    bench.clock.advance(ms(1_000));
    let parent = CallContext::new().with_deadline(Instant::ZERO + ms(1_000));
    let _guard = context::enter(parent);
    let time = bench.clock.time();
    assert_not_made(&bench, &bench.builder().build().unwrap());
    assert_not_made(&bench, &bench.builder().retry(Retry::default()).build().unwrap());
    let limited = bench.builder().rate_limit(RateLimiterConfig::default());
    assert_not_made(&bench, &limited.build().unwrap());
    assert_eq!(bench.named(names::DEADLINE_PASSED).len(), 6);

    // What was not made says nothing about the callee.
    let (breaker, bulkhead) =
        (breaker(time.clone()), Bulkhead::new(BulkheadConfig::new(1), time.clone()).unwrap());
    let guarded = bench.builder().breaker(&breaker).bulkhead(bulkhead.clone()).build().unwrap();
    assert_not_made(&bench, &guarded);
    assert_eq!(breaker.metrics().window.total, 0);
    let statistics = bulkhead.statistics();
    assert_eq!((statistics.failed, statistics.dropped, statistics.running), (0, 2, 0));

    let retry = Retry::default().build(time).unwrap();
    let late = Err(Error::Timeout(TimedOut::before_start()));
    assert_eq!(retry.call(|_| Ok::<_, ()>(1)), late);
    assert_eq!(
        bench.block_on(retry.call_async(|_| async { Ok::<_, ()>(1) })),
        Err(Error::Timeout(TimedOut::before_start()))
    );
}

#[test]
fn a_place_that_is_given_in_time_but_taken_too_late_is_not_used() {
    let bench = Bench::new();
    let config = BulkheadConfig::new(1).with_wait(ms(500), 10);
    let bulkhead = Bulkhead::new(config, bench.clock.time()).unwrap();
    let pipeline =
        bench.builder().total_deadline(ms(100)).bulkhead(bulkhead.clone()).build().unwrap();
    let holder = bulkhead.try_acquire().unwrap();
    let made = Cell::new(0);
    let mut run = pin!(pipeline.run(|_| {
        made.set(made.get() + 1);
        async { Ok::<_, ()>(1) }
    }));
    assert!(poll(run.as_mut()).is_pending());
    bench.clock.advance(ms(50));
    drop(holder);
    bench.clock.advance(ms(100));
    let late = Err(Error::Timeout(TimedOut::before_start()));
    assert_eq!(poll(run.as_mut()), std::task::Poll::Ready(late));
    assert_eq!((made.get(), bulkhead.available()), (0, 1));
}

#[test]
fn a_retry_that_wakes_up_after_the_deadline_makes_no_attempt() {
    let bench = Bench::new();
    let retry = Retry::constant(ms(50)).jitter(0.0).total_deadline(ms(100));
    let pipeline = bench.builder().retry(retry).build().unwrap();
    let made = Cell::new(0);
    let mut run = pin!(pipeline.run(|_| {
        made.set(made.get() + 1);
        async { Err::<(), _>("no") }
    }));
    assert!(poll(run.as_mut()).is_pending());
    bench.clock.advance(ms(150));
    let late = Err(Error::Timeout(TimedOut::before_start()));
    assert_eq!(poll(run.as_mut()), std::task::Poll::Ready(late));
    assert_eq!(made.get(), 1);
}
