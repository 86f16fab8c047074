//! MTBF, MTTR, availability and chances, against published examples and slow integration.

use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::Seed;
use steadfast_reliability::{
    Estimate, EstimateConfig, Observed, RatePrior, Reliability, SharePrior, share,
};

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

fn config(credibility: f64) -> EstimateConfig {
    let mut config = EstimateConfig::default();
    config.credibility = credibility;
    config
}

fn observed(up: Duration, failures: u64, down: Duration, repairs: u64) -> Observed {
    Observed { up, down, failures, repairs }
}

fn in_hours(time: Duration) -> f64 {
    time.as_secs_f64() / 3_600.0
}

fn near(left: f64, right: f64, error: f64) {
    assert!((left - right).abs() <= error, "{left} is not {right} +- {error}");
}

#[test]
fn the_handbook_example_of_an_mtbf_comes_out() {
    // NIST/SEMATECH e-Handbook, 8.4.6: prior gamma(2, 1400 h), 2 failures in 1909 h; the median MTBF is 901 h
    // and 600 h is confirmed at 80 %, the lower end of an interval of 60 %.
    let mut config = config(0.6);
    config.failures = RatePrior { events: 2.0, exposure: hours(1_400) };
    let reliability = Reliability::new(observed(hours(1_909), 2, Duration::ZERO, 0), config);
    let mtbf = reliability.mtbf().expect("time was observed");
    near(in_hours(mtbf.value), 901.0, 0.5);
    near(in_hours(mtbf.lower), 600.0, 0.5);
}

#[test]
fn one_event_in_six_years_has_the_interval_of_its_chi_square() {
    // Jeffreys: gamma(1.5, 6 years); twice the rate times the exposure is chi-square with 3 degrees, whose
    // 5 % and 95 % points are 0.352 and 7.815 (NIST/SEMATECH e-Handbook, 1.3.6.7.4).
    let year = hours(24 * 365);
    let reliability = Reliability::new(observed(year * 6, 1, Duration::ZERO, 0), config(0.9));
    let rate = reliability.failure_rate().expect("time was observed");
    let per_year = year.as_secs_f64();
    near(rate.lower * per_year, 0.352 / 12.0, 1e-4);
    near(rate.upper * per_year, 7.815 / 12.0, 1e-4);
}

#[test]
fn before_the_first_failure_the_time_so_far_already_speaks() {
    let of = |up| Reliability::new(observed(up, 0, Duration::ZERO, 0), config(0.95));
    let (day, month) = (of(hours(24)).mtbf(), of(hours(720)).mtbf());
    let (day, month) = (day.expect("time passed"), month.expect("time passed"));
    // Chi-square with one degree: median 0.455, 97.5 % point 5.024.
    near(in_hours(day.value), 24.0 * 2.0 / 0.454_94, 0.1);
    near(in_hours(day.lower), 24.0 * 2.0 / 5.023_89, 0.01);
    assert!(month.lower > day.lower * 29 && month.value > day.value * 29);
}

#[test]
fn where_nothing_is_known_nothing_is_said() {
    let nothing = Reliability::new(Observed::default(), config(0.95));
    assert_eq!((nothing.mtbf(), nothing.mttr(), nothing.availability()), (None, None, None));
    assert_eq!(nothing.failure_probability(hours(1)), None);
    assert_eq!(nothing.expected_failure_probability(hours(1)), None);
    // Never down: nothing is known of repairs, so nothing of the share of time in the long run.
    let healthy = Reliability::new(observed(hours(9), 0, Duration::ZERO, 0), config(0.95));
    assert!(healthy.mtbf().is_some());
    assert_eq!((healthy.mttr(), healthy.availability()), (None, None));
    // A prior belief in repairs is enough.
    let mut believing = config(0.95);
    believing.repairs = RatePrior { events: 1.0, exposure: hours(1) };
    let healthy = Reliability::new(observed(hours(9), 0, Duration::ZERO, 0), believing);
    assert!(healthy.availability().expect("believed").value > 0.9);
}

#[test]
fn a_repair_that_does_not_come_makes_mttr_grow() {
    let after = |down| Reliability::new(observed(hours(100), 1, down, 0), config(0.95));
    let early = after(hours(1)).mttr().expect("time passed");
    let late = after(hours(10)).mttr().expect("time passed");
    assert!(late.lower > early.lower * 9);
}

/// The posterior of availability by drawing both rates, slowly.
fn drawn_availability(observed: &Observed) -> Vec<f64> {
    let mut draws = Seed::new(17).stream("draws");
    let mut gamma = |shape: u64| {
        // Gamma(n + 1/2): n exponentials and half the square of a normal.
        let exponentials: f64 = (0..shape).map(|_| -(1.0 - draws.unit_f64()).ln()).sum();
        let radius = -2.0 * (1.0 - draws.unit_f64()).ln();
        let normal = radius.sqrt() * (std::f64::consts::TAU * draws.unit_f64()).cos();
        exponentials + normal * normal / 2.0
    };
    let mut drawn: Vec<f64> = (0..20_000)
        .map(|_| {
            let failing = gamma(observed.failures) / observed.up.as_secs_f64();
            let repairing = gamma(observed.repairs) / observed.down.as_secs_f64();
            repairing / (failing + repairing)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    drawn
}

#[test]
fn availability_agrees_with_drawing_the_rates() {
    for (up, failures, down, repairs) in [(1_000, 3, 20, 3), (50, 12, 60, 11), (400, 1, 1, 0)] {
        let observed = observed(hours(up), failures, hours(down), repairs);
        let drawn = drawn_availability(&observed);
        let estimate = Reliability::new(observed, config(0.9)).availability().expect("known");
        near(estimate.lower, drawn[1_000], 0.015);
        near(estimate.value, drawn[10_000], 0.015);
        near(estimate.upper, drawn[19_000], 0.015);
    }
}

#[test]
fn the_interval_of_the_failure_rate_holds_the_true_rate_as_often_as_promised() {
    let mut draws = Seed::new(23).stream("failures");
    let held = (0..500)
        .filter(|_| {
            // Failures at one an hour over ten hours, the last up cut off.
            let (mut now, mut failures) = (0.0, 0);
            loop {
                now -= (1.0 - draws.unit_f64()).ln();
                if now > 10.0 {
                    break;
                }
                failures += 1;
            }
            let observed = observed(hours(10), failures, Duration::ZERO, 0);
            let rate = Reliability::new(observed, config(0.9)).failure_rate().expect("known");
            (rate.lower..=rate.upper).contains(&(1.0 / 3_600.0))
        })
        .count();
    // 90 % of 500 is 450; four standard deviations are 27.
    assert!((423..=485).contains(&held), "{held} of 500");
}

#[test]
fn the_chance_of_a_failure_follows_the_horizon() {
    let reliability = Reliability::new(observed(hours(100), 4, hours(1), 4), config(0.95));
    let chance = |horizon| reliability.failure_probability(horizon).expect("known");
    let none = Estimate { value: 0.0, lower: 0.0, upper: 0.0 };
    assert_eq!(chance(Duration::ZERO), none);
    assert!(chance(hours(10)).value < chance(hours(20)).value);
    near(chance(hours(1_000_000)).lower, 1.0, 1e-9);
    // Averaged over the rates: 1 - (1 + 10 / 100)^-4.5.
    let expected = reliability.expected_failure_probability(hours(10)).expect("known");
    near(expected, 1.0 - 1.1_f64.powf(-4.5), 1e-12);
}

#[test]
fn shares_agree_with_closed_forms() {
    // A uniform prior and 8 misses: beta(1, 9), whose quantile is 1 - (1 - p)^(1 / 9).
    let mut uniform = config(0.9);
    uniform.shares = SharePrior { hits: 1.0, misses: 1.0 };
    let failing = share(0, 8, &uniform);
    near(failing.upper, 1.0 - 0.05_f64.powf(1.0 / 9.0), 1e-9);
    near(failing.value, 1.0 - 0.5_f64.powf(1.0 / 9.0), 1e-9);
    // Nothing seen: Jeffreys' prior itself, the arc sine law.
    near(share(0, 0, &config(0.9)).value, 0.5, 1e-9);
    // A million calls, ten failed: the rule of thumb is 10 +- 2 roots of 10.
    let rare = share(10, 1_000_000, &config(0.95));
    assert!(rare.lower > 4.5e-6 && rare.upper < 19e-6);
    assert_eq!(share(9, 5, &config(0.95)), share(5, 5, &config(0.95)));
}

proptest! {
    #[test]
    fn every_estimate_is_in_order_and_in_range(
        up in 1_u64..10_000_000,
        down in 1_u64..10_000_000,
        failures in 0_u64..20_000,
        repairs in 0_u64..20_000,
        credibility in 0.5..0.999_f64,
    ) {
        let observed =
            observed(Duration::from_secs(up), failures, Duration::from_secs(down), repairs);
        let reliability = Reliability::new(observed, config(credibility));
        let mtbf = reliability.mtbf().expect("known");
        prop_assert!(mtbf.lower <= mtbf.value && mtbf.value <= mtbf.upper);
        let mttr = reliability.mttr().expect("known");
        prop_assert!(mttr.lower <= mttr.value && mttr.value <= mttr.upper);
        let chance = reliability.failure_probability(Duration::from_mins(1)).expect("known");
        let availability = reliability.availability().expect("known");
        let trials = failures + repairs;
        for estimate in [chance, availability, share(failures, trials, &config(credibility))] {
            prop_assert!(0.0 <= estimate.lower && estimate.lower <= estimate.value);
            prop_assert!(estimate.value <= estimate.upper && estimate.upper <= 1.0);
        }
    }

    #[test]
    fn settings_that_do_not_validate_still_give_numbers(
        credibility in prop::num::f64::ANY,
        events in prop::num::f64::ANY,
    ) {
        let mut config = config(credibility);
        config.failures.events = events;
        let observed = observed(hours(1), 2, hours(1), 2);
        let rate = Reliability::new(observed, config).failure_rate().expect("known");
        prop_assert!(rate.lower <= rate.value && rate.value <= rate.upper);
    }
}
