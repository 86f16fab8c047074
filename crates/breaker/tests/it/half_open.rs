//! Half-open: places, verdicts, probes that never answer, late results.

use steadfast_breaker::{
    AfterProbeWait, Cause, Config, EventKind, OnDrop, Outcome, Permit, ProbeVerdict, ProbeWait,
    State,
};

use crate::bench::{Bench, config_a, secs};

#[test]
fn s09_places_are_counted_and_given_back() {
    let bench = Bench::a().half_opened();
    let mut permits: Vec<_> = (0..4).map(|_| bench.breaker.acquire().expect("a place")).collect();
    assert!(bench.breaker.acquire().is_err());
    assert!(bench.breaker.acquire().is_err());
    permits.pop().expect("four").cancel();
    let _again = bench.breaker.acquire().expect("the free place");
    assert!(bench.breaker.acquire().is_err());
}

#[test]
fn s10_a_bad_failure_rate_opens_again() {
    let bench = Bench::a().half_opened();
    bench.probes("eese");
    let metrics = bench.breaker.metrics();
    assert_eq!((metrics.state, metrics.failure_rate), (State::Open, Some(0.75)));
}

#[test]
fn s11_a_bad_slow_rate_opens_again() {
    let bench =
        Bench::new(config_a().probe_wait(ProbeWait::Unlimited, AfterProbeWait::Open)).half_opened();
    for seconds in [5.0, 5.0, 5.0, 0.1] {
        bench.call(Outcome::Success, seconds);
    }
    let metrics = bench.breaker.metrics();
    assert_eq!(metrics.state, State::Open);
    assert_eq!((metrics.slow_rate, metrics.failure_rate), (Some(0.75), Some(0.0)));
}

#[test]
fn s12_a_good_rate_closes_with_an_empty_window() {
    let bench = Bench::a().half_opened();
    bench.probes("esss");
    assert_eq!((bench.state(), bench.window()), (State::Closed, (0, 0, 0)));
    bench.calls("s");
    assert_eq!(bench.window(), (1, 0, 0));
}

#[test]
fn s14_ignored_probes_give_their_places_back() {
    let bench = Bench::a().half_opened();
    bench.probes("iiii");
    assert_eq!((bench.state(), bench.window()), (State::HalfOpen, (0, 0, 0)));
    bench.probes("ssss");
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn s15_a_probe_that_never_answers_ends_probing() {
    let bench = Bench::a().half_opened();
    let probe = bench.breaker.acquire().expect("a place");
    bench.advance(0.999);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.advance(0.001);
    assert_eq!(bench.state(), State::Open);
    let before = bench.breaker.metrics();
    probe.succeed();
    let after = bench.breaker.metrics();
    assert_eq!(
        (after.state, after.window, after.epoch),
        (State::Open, before.window, before.epoch)
    );
    assert_eq!(after.totals.late, 1);
}

#[test]
fn s15_the_end_of_the_probe_wait_can_close() {
    let config = config_a().probe_wait(ProbeWait::For(secs(1.0)), AfterProbeWait::Closed);
    let bench = Bench::new(config).half_opened();
    let _probe = bench.breaker.acquire().expect("a place");
    bench.advance(1.0);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn s15_the_probe_wait_is_the_open_wait_by_default() {
    let bench = Bench::new(Config::builder().open_wait(secs(7.0))).half_opened();
    let _probe = bench.breaker.acquire().expect("a place");
    bench.advance(6.9);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.advance(0.1);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn s16_a_failure_of_an_earlier_state_touches_no_probe() {
    let bench = Bench::new(config_a().probes(1, ProbeVerdict::Rate));
    let late = bench.breaker.acquire_owned().expect("closed");
    let bench = bench.half_opened();
    late.fail(steadfast_base::FailureKind::Error);
    let metrics = bench.breaker.metrics();
    assert_eq!((metrics.state, metrics.window.total, metrics.probes), (State::HalfOpen, 0, 0));
    assert!(!bench.is_rejected(), "the place is free");
}

#[test]
fn s17_an_ignored_result_of_an_earlier_state_makes_no_place() {
    let bench = Bench::a();
    let late: Vec<_> = (0..3).map(|_| bench.breaker.acquire_owned().expect("closed")).collect();
    let bench = bench.half_opened();
    let permits: Vec<_> = (0..4).map(|_| bench.breaker.acquire().expect("a place")).collect();
    for permit in late {
        permit.finish(Outcome::Ignored);
    }
    assert!(bench.breaker.acquire().is_err());
    assert_eq!(bench.breaker.metrics().probes, 4);
    drop(permits);
}

#[test]
fn s19_a_dropped_probe_counts_as_nothing_and_frees_its_place() {
    let bench = Bench::new(config_a().probes(1, ProbeVerdict::Rate)).half_opened();
    let probe = bench.breaker.acquire().expect("a place");
    bench.advance(0.1);
    drop(probe);
    assert_eq!(bench.window(), (0, 0, 0));
    assert!(!bench.is_rejected());
}

#[test]
fn a_probe_dropped_after_the_slow_threshold_is_a_slow_failure() {
    let waiting = config_a().probe_wait(ProbeWait::Unlimited, AfterProbeWait::Open);
    let bench = Bench::new(waiting.probes(1, ProbeVerdict::Rate)).half_opened();
    let probe = bench.breaker.acquire().expect("a place");
    bench.advance(4.0);
    drop(probe);
    let metrics = bench.breaker.metrics();
    assert_eq!((metrics.state, metrics.window.failed, metrics.window.slow), (State::Open, 1, 1));
}

#[test]
fn the_drop_rule_can_be_changed() {
    for (rule, expected) in [(OnDrop::Release, (0, 0, 0)), (OnDrop::Failure, (1, 1, 0))] {
        let bench = Bench::new(config_a().on_drop(rule));
        let permit = bench.breaker.acquire().expect("closed");
        bench.advance(0.1);
        drop(permit);
        assert_eq!(bench.window(), expected, "{rule:?}");
    }
}

#[test]
fn by_default_the_first_bad_probe_opens_and_three_good_ones_close() {
    let bench = Bench::new(Config::builder()).half_opened();
    bench.calls("ss");
    assert_eq!(bench.state(), State::HalfOpen);
    bench.calls("s");
    assert_eq!(bench.state(), State::Closed);
    for (outcome, seconds, cause) in
        [(Outcome::error(), 0.0, Cause::ProbeFailed), (Outcome::Success, 1.001, Cause::ProbeSlow)]
    {
        let bench = Bench::new(Config::builder()).half_opened();
        bench.calls("ss");
        bench.call(outcome, seconds);
        assert_eq!(bench.state(), State::Open);
        let caused = |kind: &EventKind| matches!(kind, EventKind::Transition { cause: found, .. } if *found == cause);
        assert_eq!(bench.count(caused), 1);
    }
}

#[test]
fn a_rate_is_judged_at_the_smaller_of_minimum_and_places() {
    let bench = Bench::new(config_a().min_calls(2).probes(10, ProbeVerdict::Rate)).half_opened();
    bench.calls("s");
    assert_eq!(bench.state(), State::HalfOpen);
    bench.calls("s");
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn probes_by_hand_take_places_and_free_them() {
    let bench = Bench::new(Config::builder().probes(1, ProbeVerdict::Successes(2))).half_opened();
    assert!(bench.breaker.is_allowed());
    assert!(!bench.breaker.is_allowed());
    bench.breaker.record(Outcome::Success, secs(0.1));
    assert!(bench.breaker.is_allowed());
    bench.breaker.record(Outcome::Success, secs(0.1));
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn a_result_by_hand_that_no_probe_asked_for_feeds_the_totals_only() {
    let bench = Bench::new(Config::builder()).half_opened();
    let permit = bench.breaker.acquire().expect("a place");
    bench.breaker.record(Outcome::error(), secs(0.1));
    let metrics = bench.breaker.metrics();
    assert_eq!((metrics.state, metrics.window.total, metrics.probes), (State::HalfOpen, 0, 1));
    assert_eq!(metrics.totals.failures, 1);
    Permit::cancel(permit);
}

#[test]
fn fewer_places_in_new_settings_do_not_end_probing_for_good() {
    let wide = config_a().min_calls(10).probes(10, ProbeVerdict::Rate);
    let bench = Bench::new(wide).half_opened();
    bench.probes("sssss");
    let narrow = config_a().min_calls(10).probes(2, ProbeVerdict::Rate).build().expect("valid");
    bench.breaker.reconfigure(narrow).expect("valid");
    assert_eq!(bench.window(), (0, 0, 0), "judged in another way now");
    bench.probes("ss");
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn more_places_in_new_settings_still_lead_to_a_verdict() {
    let bench = Bench::new(config_a().probes(2, ProbeVerdict::Rate)).half_opened();
    bench.probes("s");
    let wide = config_a().probes(20, ProbeVerdict::Rate).build().expect("valid");
    bench.breaker.reconfigure(wide).expect("valid");
    bench.probes("ssss");
    assert_eq!(bench.state(), State::HalfOpen, "five results are needed now");
    bench.probes("s");
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn a_probe_under_way_counts_under_new_settings_and_keeps_its_place() {
    let bench = Bench::new(config_a().probes(2, ProbeVerdict::Rate)).half_opened();
    let under_way = bench.breaker.acquire().expect("a place");
    let one = config_a().probes(1, ProbeVerdict::Successes(1)).build().expect("valid");
    bench.breaker.reconfigure(one).expect("valid");
    assert!(bench.is_rejected(), "the only place is taken");
    under_way.succeed();
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn settings_that_judge_probes_alike_keep_their_results() {
    let bench = Bench::new(config_a().probes(3, ProbeVerdict::Successes(3))).half_opened();
    bench.probes("ss");
    let later = config_a()
        .probes(3, ProbeVerdict::Successes(3))
        .open_wait(secs(9.0))
        .build()
        .expect("valid");
    bench.breaker.reconfigure(later).expect("valid");
    bench.probes("s");
    assert_eq!(bench.state(), State::Closed);
}
