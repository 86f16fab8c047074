//! Delays before restarts.

use std::time::Duration;

use proptest::prelude::*;

use steadfast_supervision::{Backoff, Budget, Choice, Directive, ExitKind, Input, SupervisorRules};

use crate::stage::{Stage, exit, plan_with, transient};

const SECOND: Duration = Duration::from_secs(1);

fn slow() -> Stage {
    let backoff =
        Backoff::exponential(SECOND).with_cap(SECOND * 10).with_jitter(0.0).with_reset(SECOND * 20);
    let own = SupervisorRules::default().with_budget(Budget::unlimited());
    Stage::started(plan_with(own, &[("a", transient().with_backoff(backoff))]))
}

/// Fails the child and measures the time until it is started again.
fn delay(stage: &mut Stage) -> u64 {
    stage.panics("a");
    let at = stage.core.next_wake().expect("a restart is due");
    let delay = at - stage.now;
    stage.advance(delay.saturating_sub(Duration::from_nanos(1)));
    assert_eq!(stage.told(), "");
    stage.advance(Duration::from_nanos(1));
    assert_eq!(stage.told(), "start a");
    delay.as_secs()
}

#[test]
fn s37_delays_double_up_to_the_cap_and_return_to_the_base_after_a_healthy_period() {
    let mut stage = slow();
    let delays: Vec<u64> = (0..6).map(|_| delay(&mut stage)).collect();
    assert_eq!(delays, [1, 2, 4, 8, 10, 10]);
    stage.advance(SECOND * 20);
    assert_eq!(delay(&mut stage), 1);
}

#[test]
fn s37_time_up_before_a_newer_failure_does_not_count() {
    let mut stage = slow();
    assert_eq!(delay(&mut stage), 1);
    stage.advance(SECOND * 15);
    assert_eq!(delay(&mut stage), 2);
    stage.advance(SECOND * 10);
    assert_eq!(delay(&mut stage), 4);
    assert_eq!(stage.core.next_wake(), None, "no reset timer exists");
}

#[test]
fn the_default_delay_is_a_tenth_of_a_second_with_jitter_below_a_tenth() {
    let backoff = Backoff::default();
    assert_eq!(backoff.delay(0, 0.0), Duration::from_millis(100));
    assert_eq!(backoff.delay(0, 0.5), Duration::from_millis(105));
    assert_eq!(backoff.delay(2, 0.0), Duration::from_millis(400));
    assert_eq!(backoff.delay(9, 0.9), Duration::from_secs(30));
    assert_eq!(backoff.delay(u32::MAX, 0.9), Duration::from_secs(30));
}

#[test]
fn constant_and_linear_delays() {
    let constant = Backoff::constant(SECOND).with_jitter(0.0);
    let linear = Backoff::linear(SECOND).with_jitter(0.0).with_cap(SECOND * 3);
    let seconds = |backoff: Backoff| [0, 1, 2, 9].map(|n| backoff.delay(n, 0.0).as_secs());
    assert_eq!(seconds(constant), [1, 1, 1, 1]);
    assert_eq!(seconds(linear), [1, 2, 3, 3]);
    assert_eq!(Backoff::exponential(Duration::ZERO).delay(u32::MAX, 0.5), Duration::ZERO);
}

#[test]
fn a_reported_error_ends_the_child_at_once_and_starts_it_after_the_delay() {
    let mut stage = slow();
    let a = stage.key("a");
    stage.feed(Input::Reported(a, exit(ExitKind::Error), Choice::from(Directive::Restart)));
    assert_eq!(stage.told(), "end a");
    stage.advance(SECOND);
    assert_eq!(stage.told(), "start a");
}

proptest! {
    #[test]
    fn a_delay_is_never_above_the_cap_nor_below_the_one_without_jitter(
        base in 0_u64..10_000,
        cap in 0_u64..100_000,
        failures: u32,
        sample in 0.0_f64..1.0,
    ) {
        let backoff = Backoff::exponential(Duration::from_millis(base))
            .with_cap(Duration::from_millis(cap));
        let delay = backoff.delay(failures, sample);
        prop_assert!(delay <= backoff.cap);
        prop_assert!(delay >= backoff.delay(failures, 0.0));
    }
}
