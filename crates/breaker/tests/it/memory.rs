//! Allocations of the closed path, and the memory of many keyed breakers.

#![expect(
    unsafe_code,
    reason = "counting allocations takes a global allocator of this test binary"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::ready;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use steadfast_base::VirtualClock;
use steadfast_breaker::{CircuitBreaker, Config, KeyedBreakers, State, Window};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(allocations: u64, bytes: i64) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    LIVE_BYTES.set(LIVE_BYTES.get() + bytes);
}

fn bytes(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, bytes(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -bytes(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, bytes(size) - bytes(layout.size()));
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
fn the_closed_path_allocates_nothing() {
    for config in [
        Config::default(),
        Config::builder().no_slow_rate().build().expect("valid"),
        Config::builder().window(Window::Calls(10)).build().expect("valid"),
        Config::builder().window(Window::Time(Duration::from_secs(10))).build().expect("valid"),
    ] {
        let clock = VirtualClock::new();
        let breaker = CircuitBreaker::new("lean", config, clock.time()).expect("valid");
        let call = |ok: bool| breaker.call(|| if ok { Ok(()) } else { Err(()) }).is_ok();
        assert!((0..200).all(|_| call(true)));
        assert!(!call(false));
        let counted = allocations(|| {
            for number in 0..10_000 {
                assert_eq!(call(number % 100 != 0), number % 100 != 0);
                let future = pin!(breaker.call_async(|| ready(Ok::<_, ()>(()))));
                let polled = future.poll(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(polled, Poll::Ready(Ok(()))));
                breaker.acquire().expect("closed").succeed();
            }
        });
        assert_eq!(counted, 0);
        assert_eq!(breaker.state(), State::Closed);
    }
}

#[test]
fn rejections_allocate_nothing() {
    let clock = VirtualClock::new();
    let breaker = CircuitBreaker::new("shut", Config::default(), clock.time()).expect("valid");
    for state in [State::Open, State::ForcedOpen] {
        breaker.set_state(state).expect("legal");
        let counted = allocations(|| {
            for _ in 0..1_000 {
                assert!(breaker.call(|| Ok::<_, ()>(())).is_err());
            }
        });
        assert_eq!(counted, 0);
    }
}

#[test]
fn a_hundred_thousand_keyed_breakers_take_bounded_memory() {
    const KEYS: usize = 100_000;
    let time = VirtualClock::new().time();
    let before = LIVE_BYTES.get();
    let capacity = NonZeroUsize::new(KEYS).expect("not zero");
    let keyed =
        KeyedBreakers::<u64>::new("hosts", Config::default(), capacity, time).expect("valid");
    for key in 0..KEYS as u64 + 20_000 {
        let fails = key % 10 == 0;
        let result = keyed.call(&key, || if fails { Err(()) } else { Ok(()) });
        assert_eq!(result.is_err(), fails);
    }
    assert_eq!(keyed.len(), KEYS);
    let each = (LIVE_BYTES.get() - before) / bytes(KEYS);
    assert!(each <= 700, "{each} bytes per key");
}

#[test]
fn a_hit_of_a_keyed_breaker_allocates_nothing() {
    let time = VirtualClock::new().time();
    let capacity = NonZeroUsize::new(100).expect("not zero");
    let keyed =
        KeyedBreakers::<String>::new("hosts", Config::default(), capacity, time).expect("valid");
    let call = || assert!(keyed.call("10.0.0.1", || Ok::<_, ()>(())).is_ok());
    call();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| call())), 0);
}
