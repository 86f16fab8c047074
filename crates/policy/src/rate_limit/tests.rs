//! Turns given, booked and refused, in virtual time; numbers are those of the scenarios.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use proptest::prelude::*;

use steadfast_base::{CallContext, Clock, Timestamp, VirtualClock, context};

use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn limiter(config: RateLimiterConfig) -> (VirtualClock, RateLimiter) {
    let clock = VirtualClock::new();
    clock.advance(millis(12_345));
    let limiter = RateLimiter::new(config, clock.time()).expect("valid");
    (clock, limiter)
}

/// The same settings by both algorithms.
fn both(config: RateLimiterConfig) -> [(VirtualClock, RateLimiter); 2] {
    [limiter(config), limiter(config.in_fixed_windows())]
}

#[test]
fn s48_turns_are_booked_at_most_one_cycle_ahead() {
    let cycle = millis(100);
    for (clock, limiter) in both(RateLimiterConfig::per(1, cycle).with_wait(cycle)) {
        assert_eq!(limiter.reserve(1).expect("free").wait, Duration::ZERO);
        let second = limiter.reserve(1).expect("within a cycle");
        assert!(second.wait > Duration::ZERO && second.wait <= cycle);
        assert_eq!(limiter.available(), -1);
        let refused = limiter.reserve(1).expect_err("two cycles ahead");
        assert_eq!((refused.reason, refused.retry_after), (Reason::RateLimited, Some(cycle)));
        assert_eq!(limiter.available(), -1);
        clock.advance(cycle * 6);
        assert_eq!(limiter.available(), 1);
    }
}

#[test]
fn s48_an_idle_period_refills_all_tokens() {
    for (clock, limiter) in both(RateLimiterConfig::per(3, millis(100))) {
        for round in 0..3 {
            for _ in 0..3 {
                assert!(limiter.try_acquire().is_ok(), "round {round}");
            }
            assert!(limiter.try_acquire().is_err());
            clock.advance(millis(100));
            assert_eq!(limiter.available(), 3);
            clock.advance(millis(900));
            assert_eq!(limiter.available(), 3, "never more than the limit");
        }
    }
}

#[test]
fn a_rejection_says_exactly_when_the_same_call_is_let_through() {
    for (clock, limiter) in both(RateLimiterConfig::per(4, millis(100))) {
        (0..4).for_each(|_| limiter.try_acquire().expect("free"));
        clock.advance(millis(7));
        let wait = limiter.try_acquire().expect_err("used up").retry_after.expect("known");
        clock.advance(wait.saturating_sub(Duration::from_nanos(1)));
        assert!(limiter.try_acquire().is_err());
        clock.advance(Duration::from_nanos(1));
        assert!(limiter.try_acquire().is_ok());
    }
}

#[test]
fn gcra_gives_tokens_back_one_by_one_and_a_window_all_at_once() {
    let [(gcra_clock, gcra), (window_clock, window)] = both(RateLimiterConfig::per(4, millis(100)));
    for limiter in [&gcra, &window] {
        (0..4).for_each(|_| limiter.try_acquire().expect("free"));
    }
    gcra_clock.advance(millis(25));
    window_clock.advance(millis(25));
    assert_eq!((gcra.available(), window.available()), (1, 0));
    gcra_clock.advance(millis(75));
    window_clock.advance(millis(75));
    assert_eq!((gcra.available(), window.available()), (4, 4));
}

#[test]
fn a_burst_smaller_than_the_limit_spreads_calls() {
    let (clock, limiter) = limiter(RateLimiterConfig::per(10, millis(1_000)).with_burst(2));
    assert!(limiter.try_acquire_many(2).is_ok());
    assert_eq!(limiter.try_acquire().expect_err("burst").retry_after, Some(millis(100)));
    clock.advance(millis(100));
    assert!(limiter.try_acquire().is_ok());
    let never = limiter.try_acquire_many(3).expect_err("more than the burst");
    assert_eq!(never.retry_after, None);
}

#[test]
fn the_last_booking_can_be_given_up_and_an_earlier_one_keeps_its_turn() {
    for (_clock, limiter) in both(RateLimiterConfig::per(1, millis(100)).with_wait(millis(500))) {
        let [_now, first, second] = [0, 1, 2].map(|_| limiter.reserve(1).expect("room"));
        limiter.cancel(first);
        assert_eq!(limiter.available(), -2);
        limiter.cancel(second);
        assert_eq!(limiter.available(), -1);
        assert_eq!(limiter.reserve(1).expect("room").wait, second.wait);
    }
}

#[test]
fn a_wait_ends_at_the_turn_and_a_dropped_one_gives_it_up() {
    for (clock, limiter) in both(RateLimiterConfig::per(1, millis(100)).with_wait(millis(100))) {
        limiter.try_acquire().expect("free");
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut dropped = pin!(limiter.acquire());
            assert!(dropped.as_mut().poll(&mut cx).is_pending());
            assert_eq!(limiter.available(), -1);
        }
        assert_eq!(limiter.available(), 0);
        let mut kept = pin!(limiter.acquire());
        assert!(kept.as_mut().poll(&mut cx).is_pending());
        clock.advance(Duration::from_nanos(99_999_999));
        assert!(kept.as_mut().poll(&mut cx).is_pending());
        clock.advance(Duration::from_nanos(1));
        assert_eq!(kept.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
        assert_eq!(limiter.available(), 0, "the turn is used");
    }
}

#[test]
fn a_turn_after_the_callers_deadline_is_refused_at_once() {
    let (clock, limiter) = limiter(RateLimiterConfig::per(1, millis(100)).with_wait(millis(500)));
    limiter.try_acquire().expect("free");
    let deadline = clock.time().now() + millis(99);
    let _guard = context::enter(CallContext::new().with_deadline(deadline));
    assert!(limiter.acquire_blocking().is_err());
    assert_eq!(limiter.available(), 0);
}

#[test]
fn new_settings_apply_to_the_next_call() {
    for (clock, limiter) in both(RateLimiterConfig::per(1, millis(100))) {
        limiter.try_acquire().expect("free");
        let algorithm = limiter.config().algorithm;
        let config = RateLimiterConfig { algorithm, ..RateLimiterConfig::per(5, millis(100)) };
        limiter.reconfigure(config.counting()).expect("valid");
        clock.advance(millis(100));
        assert_eq!((0..9).filter(|_| limiter.try_acquire().is_ok()).count(), 5);
        let statistics = limiter.statistics();
        assert_eq!((statistics.permitted, statistics.rejected), (5, 4));
        limiter.reset_statistics();
        assert_eq!(limiter.statistics().permitted, 0);
        let other = if algorithm == RateAlgorithm::Gcra {
            config.in_fixed_windows()
        } else {
            RateLimiterConfig::default()
        };
        assert!(limiter.reconfigure(other).is_err());
    }
}

#[test]
fn every_fault_is_listed_at_once() {
    let config = RateLimiterConfig::per(0, Duration::ZERO).in_fixed_windows().with_burst(0);
    assert_eq!(config.validate().expect_err("faults").faults().len(), 4);
    assert!(RateLimiterConfig::default().validate().is_ok());
    let text = serde_json::to_string(&RateLimiterConfig::default()).expect("serializes");
    assert_eq!(
        text,
        r#"{"algorithm":"gcra","limit":100,"period":1.0,"max_wait_duration":0.0,"count_calls":false}"#
    );
    let back: RateLimiterConfig = serde_json::from_str(&text).expect("deserializes");
    assert_eq!(back, RateLimiterConfig::default());
}

#[test]
fn threads_together_get_no_more_than_the_burst() {
    for (_clock, limiter) in both(RateLimiterConfig::per(1_000, Duration::from_secs(1))) {
        let granted: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| (0..1_000).filter(|_| limiter.try_acquire().is_ok()).count())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(granted, 1_000);
    }
}

/// A clock whose ticks are ten milliseconds apart.
#[derive(Debug)]
struct Ticking(VirtualClock);

impl Clock for Ticking {
    fn now(&self) -> Instant {
        self.0.time().now()
    }

    fn now_coarse(&self) -> Instant {
        let now = self.now().as_nanos();
        Instant::from_nanos(now - now % 10_000_000)
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

#[test]
fn a_long_denial_goes_by_the_last_tick_and_is_over_in_time() {
    let clock = VirtualClock::new();
    let time = Time::new(Arc::new(Ticking(clock.clone())), Arc::clone(clock.time().timer()));
    let limiter = RateLimiter::new(RateLimiterConfig::per(1, millis(2_000)), time).expect("valid");
    clock.advance(millis(5));
    assert!(limiter.try_acquire().is_ok());
    let retry_after = || limiter.try_acquire().unwrap_err().retry_after;
    assert_eq!(retry_after(), Some(millis(2_000)));
    clock.advance(millis(999));
    assert_eq!(retry_after(), Some(millis(1_005)), "it is 1.004 s, the tick was 4 ms ago");
    clock.advance(millis(12));
    assert_eq!(retry_after(), Some(millis(989)), "by the time itself");
    clock.advance(millis(989));
    assert!(limiter.try_acquire().is_ok(), "not one nanosecond late");
    assert_eq!(limiter.available(), 0);
}

/// GCRA as a leaky bucket that is filled by each call and leaks with time.
#[derive(Default)]
struct Bucket {
    level: u64,
    at: u64,
}

impl Bucket {
    /// Lets a call run if its nanoseconds fit, at most `wait_max` from now; gives back the wait.
    fn book(&mut self, now: u64, cost: u64, size: u64, wait_max: u64) -> Option<u64> {
        self.level = self.level.saturating_sub(now - self.at);
        self.at = now;
        let wait = (self.level + cost).saturating_sub(size);
        if wait > wait_max {
            return None;
        }
        self.level += cost;
        Some(wait)
    }
}

proptest! {
    #[test]
    fn gcra_does_what_a_leaky_bucket_does(
        (limit, burst, wait) in (1_u32..20, 1_u32..20, 0_u64..300),
        steps in prop::collection::vec((0_u64..80, 1_u32..4), 1..100),
    ) {
        let config = RateLimiterConfig::per(limit, millis(100))
            .with_burst(burst)
            .with_wait(millis(wait));
        let (clock, limiter) = limiter(config);
        let interval = 100_000_000 / u64::from(limit);
        let mut bucket = Bucket::default();
        let mut now = 0;
        for (pause, calls) in steps {
            now += pause * 1_000_000;
            clock.advance(millis(pause));
            let calls = calls.min(burst);
            let size = interval * u64::from(burst);
            let expected = bucket.book(now, interval * u64::from(calls), size, wait * 1_000_000);
            let booked = limiter.reserve(calls).ok().map(|turn| nanos(turn.wait));
            prop_assert_eq!(booked, expected);
        }
    }

    #[test]
    fn no_period_of_a_fixed_window_gets_more_than_its_limit(
        (limit, wait) in (1_u32..10, 0_u64..400),
        steps in prop::collection::vec(0_u64..70, 1..150),
    ) {
        let config = RateLimiterConfig::per(limit, millis(100)).in_fixed_windows();
        let (clock, limiter) = limiter(config.with_wait(millis(wait)));
        let made = clock.time().now();
        let mut runs = std::collections::BTreeMap::<u128, u32>::new();
        for pause in steps {
            clock.advance(millis(pause));
            // The obvious way: the first period with room, if it begins soon enough.
            let now = clock.time().now() - made;
            let this = now.as_millis() / 100;
            let last = runs.last_key_value().map_or(this, |(period, _)| (*period).max(this));
            let full = runs.get(&last).is_some_and(|calls| *calls >= limit);
            let period = if full { last + 1 } else { last };
            let wait_then = u64::try_from(period * 100).expect("small").saturating_sub(
                u64::try_from(now.as_millis()).expect("small"),
            );
            let booked = limiter.reserve(1);
            prop_assert_eq!(booked.is_ok(), wait_then <= wait);
            if let Ok(turn) = booked {
                prop_assert_eq!(turn.wait, millis(wait_then));
                *runs.entry(period).or_default() += 1;
            }
        }
        prop_assert!(runs.values().all(|calls| *calls <= limit));
    }
}
