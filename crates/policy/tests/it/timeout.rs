//! Time-outs and deadlines.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use steadfast_base::{CallContext, Instant, context};
use steadfast_policy::{Error, names};

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
