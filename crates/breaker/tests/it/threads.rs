//! Real threads: stampedes, lost results, stress.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use steadfast_base::VirtualClock;
use steadfast_breaker::{
    CircuitBreaker, Config, Event, EventKind, Outcome, Permit, ProbeVerdict, Recovery, State,
    Window,
};

use crate::bench::{config_a, secs};

/// Runs `body` on so many threads at once, with the thread's number.
fn on_threads<T: Send>(threads: usize, body: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(threads);
    let body = |number| {
        start.wait();
        body(number)
    };
    thread::scope(|scope| {
        let handles: Vec<_> =
            (0..threads).map(|number| scope.spawn(move || body(number))).collect();
        handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
    })
}

#[test]
fn s18_a_stampede_at_the_end_of_the_open_wait_admits_exactly_the_probes() {
    for recovery in [Recovery::Lazy, Recovery::Automatic] {
        let clock = VirtualClock::new();
        let config = config_a().probes(3, ProbeVerdict::Rate).recovery(recovery);
        let breaker = CircuitBreaker::new("rush", config.build().expect("valid"), clock.time())
            .expect("valid");
        let transitions = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&transitions);
        breaker.set_state(State::Open).expect("legal");
        breaker
            .on_event(move |event: &Event| {
                let transition = matches!(event.kind, EventKind::Transition { .. });
                count.fetch_add(usize::from(transition), Ordering::Relaxed);
            })
            .expect("room");
        clock.advance(secs(5.0));
        let permits = on_threads(100, |_| breaker.acquire_owned().ok());
        let admitted = permits.iter().flatten().count();
        assert_eq!(admitted, 3);
        assert_eq!(breaker.metrics().not_permitted, 97);
        assert_eq!(transitions.load(Ordering::Relaxed), 1);
        permits.into_iter().flatten().for_each(Permit::cancel);
    }
}

#[test]
fn s32_many_threads_lose_no_result() {
    for window in [10, 64, 1_000] {
        let mut config = Config::builder().window(Window::Calls(window)).build().expect("valid");
        config.consecutive_failures = None;
        let breaker =
            CircuitBreaker::new("busy", config, VirtualClock::new().time()).expect("valid");
        breaker.set_state(State::MetricsOnly).expect("legal");
        on_threads(50, |_| {
            for record in 0..1_000 {
                let outcome = if record % 2 == 0 { Outcome::Success } else { Outcome::error() };
                breaker.acquire().expect("never rejects").finish(outcome);
            }
        });
        let metrics = breaker.metrics();
        assert_eq!(metrics.window.total, window);
        assert_eq!(metrics.window.succeeded() + metrics.window.failed, window);
        assert_eq!((metrics.totals.successes, metrics.totals.failures), (25_000, 25_000));
    }
}

#[test]
fn successes_of_many_threads_are_all_counted() {
    let config = Config::builder().no_slow_rate().build().expect("valid");
    let breaker =
        CircuitBreaker::new("healthy", config, VirtualClock::new().time()).expect("valid");
    on_threads(24, |number| {
        for call in 0..5_000_u32 {
            // Now and then a failure, so that successes are held back in a window that is not clean.
            let fails = call % 1_000 == 0 && number % 4 == 0;
            let result = breaker.call(|| if fails { Err(()) } else { Ok(()) });
            assert_eq!(result.is_err(), fails);
        }
    });
    let metrics = breaker.metrics();
    assert_eq!((metrics.totals.successes, metrics.totals.failures), (24 * 5_000 - 30, 30));
    assert_eq!((metrics.state, metrics.window.total), (State::Closed, 100));
}

#[test]
fn under_stress_probes_stay_bounded_and_every_call_is_accounted_for() {
    let clock = VirtualClock::new();
    let config = Config::builder()
        .consecutive_failures(3)
        .open_wait(Duration::from_millis(2))
        .probes(2, ProbeVerdict::Successes(2))
        .build()
        .expect("valid");
    let breaker = CircuitBreaker::new("stress", config, clock.time()).expect("valid");
    let (admitted, rejected) = (AtomicU64::new(0), AtomicU64::new(0));
    // Probes under way by epoch: those of an ended probing may linger, none may be one too many.
    let probing = Mutex::new(HashMap::<u32, u32>::new());
    let most = AtomicU32::new(0);
    on_threads(4, |number| {
        for call in 0..20_000_usize {
            if number == 0 && call % 16 == 0 {
                clock.advance(Duration::from_millis(1));
            }
            let Ok(permit) = breaker.acquire() else {
                rejected.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            admitted.fetch_add(1, Ordering::Relaxed);
            let (epoch, is_probe) = (permit.epoch(), permit.is_probe());
            if is_probe {
                let mut probes = probing.lock().expect("not poisoned");
                let count = probes.entry(epoch).or_default();
                *count += 1;
                most.fetch_max(*count, Ordering::Relaxed);
                drop(probes);
                thread::yield_now();
                *probing.lock().expect("not poisoned").entry(epoch).or_default() -= 1;
            }
            permit.finish(if (call + number) % 7 < 4 {
                Outcome::error()
            } else {
                Outcome::Success
            });
        }
    });
    let metrics = breaker.metrics();
    let (admitted, rejected) = (admitted.into_inner(), rejected.into_inner());
    assert_eq!(metrics.totals.successes + metrics.totals.failures, admitted);
    assert_eq!(metrics.totals.rejected, rejected);
    assert!(metrics.totals.opened > 1, "the breaker opened again and again");
    assert!(most.into_inner() <= 2, "never more probes than places");
}
