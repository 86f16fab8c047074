//! The limit on simulated latency curves, and the limiter around it.

use steadfast_base::VirtualClock;

use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A callee that serves `capacity` calls at once in `latency`, and more of them in proportion slower.
struct Callee {
    capacity: u32,
    latency: Duration,
    now: Instant,
}

impl Callee {
    fn latency(&self, running: u32) -> Duration {
        self.latency * running.max(self.capacity) / self.capacity
    }

    /// So many rounds of as many calls as the limit and the demand allow; the limits seen.
    fn serve(&mut self, limit: &mut AdaptiveLimit, demand: u32, rounds: u32) -> Vec<u32> {
        let mut seen = Vec::new();
        for _ in 0..rounds {
            let running = limit.current().min(demand);
            let started = self.now;
            self.now = started + self.latency(running);
            for _ in 0..running {
                let sample =
                    Sample { started, ended: self.now, running, outcome: SampleOutcome::Success };
                limit.observe(&sample);
            }
            seen.push(limit.current());
        }
        seen
    }
}

fn callee(capacity: u32) -> Callee {
    Callee { capacity, latency: millis(10), now: Instant::ZERO }
}

fn gradient() -> AdaptiveLimit {
    AdaptiveLimit::new(AdaptiveConfig::gradient()).expect("valid")
}

#[test]
fn the_gradient_first_measures_with_few_calls_and_then_finds_the_capacity() {
    for capacity in [20, 50, 200] {
        let (mut callee, mut limit) = (callee(capacity), gradient());
        assert_eq!(limit.current(), 3);
        callee.serve(&mut limit, u32::MAX, 17);
        assert_eq!(limit.least_latency(), Some(millis(10)));
        let seen = callee.serve(&mut limit, u32::MAX, 1_000);
        let settled = seen.get(500..).expect("a thousand rounds");
        // The formula rests where limit x (1.25 x capacity / limit) + sqrt(limit) = limit.
        let greatest = f64::from(capacity) * 1.25 + f64::from(capacity * 2).sqrt() + 1.0;
        for limit in settled {
            assert!(*limit >= capacity && f64::from(*limit) <= greatest, "{limit} of {capacity}");
        }
    }
}

#[test]
fn the_gradient_follows_a_callee_that_loses_capacity_and_gets_it_back() {
    let (mut callee, mut limit) = (callee(100), gradient());
    callee.serve(&mut limit, u32::MAX, 1_000);
    assert!(limit.current() >= 100);
    callee.capacity = 20;
    callee.serve(&mut limit, u32::MAX, 300);
    assert!(limit.current() <= 33, "{}", limit.current());
    callee.capacity = 100;
    callee.serve(&mut limit, u32::MAX, 1_000);
    assert!(limit.current() >= 100);
}

#[test]
fn the_gradient_measures_again_and_ignores_calls_from_before() {
    let (mut callee, mut limit) = (callee(50), gradient());
    callee.serve(&mut limit, u32::MAX, 100);
    // The callee is slower for good: only a new measurement can tell that from load.
    callee.latency = millis(40);
    let before = callee.now;
    while limit.least_latency().is_some() {
        callee.serve(&mut limit, u32::MAX, 1);
    }
    assert_eq!(limit.current(), 3);
    let stale = Sample {
        started: before,
        ended: callee.now + millis(1),
        running: 3,
        outcome: SampleOutcome::Success,
    };
    (0..100).for_each(|_| _ = limit.observe(&stale));
    assert_eq!(limit.least_latency(), None);
    callee.serve(&mut limit, u32::MAX, 17);
    assert_eq!(limit.least_latency(), Some(millis(40)));
}

#[test]
fn a_limit_that_is_not_used_does_not_grow() {
    for config in [AdaptiveConfig::gradient(), AdaptiveConfig::aimd(millis(100))] {
        let mut limit = AdaptiveLimit::new(config).expect("valid");
        callee(50).serve(&mut limit, 2, 2_000);
        assert!(limit.current() <= 20, "{}", limit.current());
    }
}

#[test]
fn aimd_grows_by_one_per_round_and_backs_off_once_per_congestion() {
    let mut limit = AdaptiveLimit::new(AdaptiveConfig::aimd(millis(15))).expect("valid");
    let mut callee = callee(40);
    assert_eq!(callee.serve(&mut limit, u32::MAX, 2), [20, 21]);
    let seen = callee.serve(&mut limit, u32::MAX, 1_000);
    let settled = seen.get(500..).expect("a thousand rounds");
    // A latency of 15 ms is that of 60 calls at once.
    assert!(settled.iter().all(|limit| (50..=61).contains(limit)), "{settled:?}");
    assert!(settled.windows(2).any(|pair| pair[1] < pair[0]));
}

#[test]
fn an_overloaded_call_backs_off_and_an_early_abandoned_one_does_not() {
    let mut limit = AdaptiveLimit::new(AdaptiveConfig::aimd(millis(15))).expect("valid");
    let mut sample = Sample {
        started: Instant::ZERO,
        ended: Instant::ZERO + millis(1),
        running: 20,
        outcome: SampleOutcome::Abandoned,
    };
    assert!(!limit.observe(&sample));
    sample.outcome = SampleOutcome::Overload;
    assert!(limit.observe(&sample));
    assert_eq!(limit.current(), 18);
    assert!(!limit.observe(&sample), "it started before the decrease");
    let later = Instant::ZERO + millis(20);
    sample = Sample { started: Instant::ZERO + millis(2), ended: later, ..sample };
    sample.outcome = SampleOutcome::Abandoned;
    assert!(limit.observe(&sample), "it was slow when it was given up");
}

#[test]
fn the_limit_stays_in_its_range() {
    let config = AdaptiveConfig::aimd(millis(15)).with_range(4, 8);
    let mut limit = AdaptiveLimit::new(config).expect("valid");
    assert_eq!(limit.current(), 8);
    callee(1_000).serve(&mut limit, u32::MAX, 100);
    assert_eq!(limit.current(), 8);
    let mut slow = callee(1);
    slow.serve(&mut limit, u32::MAX, 100);
    assert_eq!(limit.current(), 4);
}

#[test]
fn calls_above_the_limit_are_rejected_and_every_ending_frees_a_place() {
    let clock = VirtualClock::new();
    let config = AdaptiveConfig::aimd(millis(15)).with_range(1, 3);
    let limiter = AdaptiveLimiter::new(config, clock.time()).expect("valid");
    let permits: Vec<_> = (0..3).map(|_| limiter.try_acquire_owned().expect("free")).collect();
    let rejection = limiter.try_acquire().expect_err("at the limit");
    assert_eq!(rejection.reason, Reason::LimitReached);
    for (permit, end) in permits.into_iter().zip([
        AdaptivePermit::succeed,
        AdaptivePermit::ignore,
        |permit: AdaptivePermit<'static>| drop(permit),
    ]) {
        end(permit);
    }
    let statistics = limiter.statistics();
    assert_eq!((statistics.running, statistics.permitted, statistics.rejected), (0, 3, 1));
    limiter.try_acquire().expect("free").overloaded();
    assert_eq!(limiter.statistics().limit, 2);
    limiter.reset_statistics();
    assert_eq!(limiter.statistics().permitted, 0);
}

#[test]
fn new_settings_keep_the_limit_within_the_new_range() {
    let clock = VirtualClock::new();
    let limiter =
        AdaptiveLimiter::new(AdaptiveConfig::aimd(millis(15)), clock.time()).expect("valid");
    limiter.reconfigure(AdaptiveConfig::aimd(millis(15)).with_range(1, 5)).expect("valid");
    assert_eq!(limiter.statistics().limit, 5);
    limiter.reconfigure(AdaptiveConfig::gradient()).expect("valid");
    assert_eq!(limiter.statistics().limit, 3, "the gradient measures first");
    let mut config = AdaptiveConfig::gradient().with_range(0, 0);
    config.limit_initial = 7;
    assert_eq!(config.validate().expect_err("faults").faults().len(), 2);
}
