//! Requests held back, in virtual time; numbers are those of the scenarios.

use std::time::Duration;

use steadfast_base::VirtualClock;

use super::*;

fn throttle() -> (VirtualClock, Throttle) {
    let clock = VirtualClock::new();
    let throttle =
        Throttle::new(ThrottleConfig::default(), clock.time(), Seed::new(52)).expect("valid");
    (clock, throttle)
}

/// So many requests, of which the first are accepted.
fn window(requests: u64, accepts: u64) -> Window {
    let mut window = Window::new(&ThrottleConfig::default());
    (0..requests).for_each(|_| window.request(Instant::ZERO));
    (0..accepts).for_each(|_| window.accept(Instant::ZERO));
    window
}

#[test]
fn s52_the_probability_is_that_of_the_book() {
    for (requests, accepts, expected) in [
        (100, 40, 20.0 / 101.0),
        (100, 50, 0.0),
        (100, 100, 0.0),
        (0, 0, 0.0),
        (10, 0, 10.0 / 11.0),
    ] {
        let probability = window(requests, accepts).probability(Instant::ZERO);
        assert!((probability - expected).abs() < 1e-12, "{requests}/{accepts}: {probability}");
    }
}

#[test]
fn s52_requests_count_when_they_are_sent_not_when_they_are_answered() {
    let (_clock, throttle) = throttle();
    let permit = throttle.try_acquire().expect("nothing is known yet");
    assert_eq!((throttle.statistics().requests, throttle.statistics().accepts), (1, 0));
    assert!(throttle.statistics().rejection_probability > 0.0);
    permit.accepted();
    assert!(throttle.statistics().rejection_probability <= 0.0);
}

#[test]
fn an_accept_counts_where_its_request_does_and_is_forgotten_with_it() {
    let (clock, throttle) = throttle();
    let early = throttle.try_acquire().expect("nothing is known yet");
    clock.advance(Duration::from_secs(115));
    early.accepted();
    assert_eq!((throttle.statistics().requests, throttle.statistics().accepts), (1, 1));
    clock.advance(Duration::from_secs(6));
    assert_eq!((throttle.statistics().requests, throttle.statistics().accepts), (0, 0));
    let late = throttle.try_acquire().expect("all is forgotten");
    clock.advance(Duration::from_secs(121));
    late.accepted();
    assert_eq!((throttle.statistics().requests, throttle.statistics().accepts), (0, 0));
}

#[test]
fn a_callee_that_turns_everything_down_gets_a_trickle_and_comes_back() {
    let (clock, throttle) = throttle();
    let round = |accepts: bool| {
        clock.advance(Duration::from_mins(1));
        (0..1_000)
            .filter_map(|_| throttle.try_acquire().ok())
            .map(|permit| if accepts { permit.accepted() } else { permit.rejected() })
            .count()
    };
    let down = round(false);
    assert!((1..60).contains(&down), "{down} of 1000 sent");
    // What is accepted in one window doubles what is sent in the next.
    let recovering: Vec<_> = (0..30).map(|_| round(true)).collect();
    assert_eq!(recovering.last(), Some(&1_000), "{recovering:?}");
    assert!(throttle.statistics().held_back > 900);
    throttle.reset();
    assert_eq!(throttle.statistics().requests, 0);
}

#[test]
fn a_cancelled_request_does_not_count() {
    let (_clock, throttle) = throttle();
    throttle.try_acquire().expect("nothing is known yet").cancel();
    assert_eq!(throttle.statistics().requests, 0);
}

#[test]
fn another_multiplier_keeps_the_counts_and_faults_are_all_listed() {
    let (_clock, throttle) = throttle();
    throttle.try_acquire().expect("nothing is known yet").accepted();
    throttle.reconfigure(ThrottleConfig { multiplier: 1.5, ..throttle.config() }).expect("valid");
    assert_eq!(throttle.statistics().accepts, 1);
    let bad = ThrottleConfig { multiplier: f64::NAN, window: Duration::ZERO };
    assert_eq!(bad.validate().expect_err("faults").faults().len(), 2);
}
