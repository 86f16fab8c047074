//! Allocations on the path of a success.

#![expect(
    unsafe_code,
    reason = "counting allocations takes a global allocator of this test binary"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::ready;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use steadfast_base::{CallContext, VirtualClock, context};
use steadfast_breaker::{CircuitBreaker, Config};
use steadfast_policy::{
    Budget, BudgetSettings, Bulkhead, BulkheadConfig, Fallback, Pipeline, Retry,
};

use crate::bench::poll;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `body` runs.
fn allocations(body: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    body();
    ALLOCATIONS.get() - before
}

#[test]
fn five_policies_allocate_nothing_on_success() {
    let time = VirtualClock::new().time();
    let budget = Budget::new(BudgetSettings::default()).unwrap();
    let breaker = CircuitBreaker::new("b", Config::default(), time.clone()).unwrap();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(10), time.clone()).unwrap();
    let pipeline = Pipeline::builder()
        .time(time)
        .fallback(Fallback::value(0))
        .retry(Retry::default().budget(&budget))
        .breaker(&breaker)
        .bulkhead(bulkhead)
        .attempt_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let run = || {
        let polled = poll(pin!(pipeline.run(|_| ready(Ok::<_, ()>(1)))));
        assert_eq!(polled, Poll::Ready(Ok(1)));
        assert_eq!(pipeline.call(|_| Ok::<_, ()>(2)), Ok(2));
    };
    run();
    assert_eq!(allocations(|| (0..10_000).for_each(|_| run())), 0);
    let _guard = context::enter(CallContext::new());
    assert_eq!(allocations(|| (0..1_000).for_each(|_| run())), 0);
}

#[test]
fn a_retry_alone_allocates_nothing_on_success() {
    let retry = Retry::default().build(VirtualClock::new().time()).unwrap();
    let run = || {
        assert_eq!(retry.call(|_| Ok::<_, ()>(1)), Ok(1));
        let polled = poll(pin!(retry.call_async(|_| ready(Ok::<_, ()>(1)))));
        assert_eq!(polled, Poll::Ready(Ok(1)));
    };
    run();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| run())), 0);
}

#[test]
fn rejections_allocate_nothing() {
    let time = VirtualClock::new().time();
    let breaker = CircuitBreaker::new("b", Config::default(), time.clone()).unwrap();
    breaker.set_state(steadfast_breaker::State::ForcedOpen).unwrap();
    let pipeline = Pipeline::builder().time(time).breaker(&breaker).build().unwrap();
    let run = || assert!(pipeline.call(|_| Ok::<_, ()>(1)).is_err());
    run();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| run())), 0);
}
