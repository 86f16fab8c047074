//! The tests of a trend against published values and slow, obvious implementations.

use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::{Instant, Seed};

use super::*;

fn series(values: &[f64]) -> Series {
    let mut series = Series::new(values.len());
    for (second, value) in (0..).zip(values) {
        series.record(Instant::ZERO + Duration::from_secs(second), *value).expect("later, finite");
    }
    series
}

fn independent() -> TrendConfig {
    TrendConfig { correlation_lags: 0, ..TrendConfig::default() }
}

fn close(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

#[test]
fn five_years_of_cloud_seeding_give_the_published_tail_and_slope() {
    // Hollander and Wolfe, Nonparametric Statistical Methods, example 9.1: K = -6, one-sided p = 0.117,
    // slope -0.056.
    let ratios = [1.26, 1.27, 1.12, 1.16, 1.03];
    let test = mann_kendall(&ratios);
    assert_eq!(test.score, -6);
    close(test.p_value / 2.0, 14.0 / 120.0);
    let points = points(&series(&ratios));
    close(Slopes::new(&points).estimate(test.variance, 1.96).value, -0.056_25);
}

#[test]
fn two_equal_values_among_three_have_the_variance_of_the_tie_formula() {
    // Kendall (1975): (3 * 2 * 11 - 2 * 1 * 9) / 18.
    let test = mann_kendall(&[1.0, 1.0, 2.0]);
    close(test.variance, 48.0 / 18.0);
    assert_eq!(test.score, 2);
    close(test.z, 1.0 / (48.0_f64 / 18.0).sqrt());
}

#[test]
fn equal_values_have_no_trend() {
    let test = mann_kendall(&[4.0; 30]);
    assert_eq!((test.score, test.variance, test.z), (0, 0.0, 0.0));
    close(test.p_value, 1.0);
    assert!(matches!(trend(&series(&[4.0; 30]), &TrendConfig::default()), Trend::NoTrend(_)));
}

#[test]
fn the_exact_p_value_is_the_share_of_orders_at_least_as_far() {
    // All 720 orders of six values, counted one by one.
    let mut scores = Vec::new();
    orders(&mut vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0, &mut |order| {
        scores.push(slow_score(order));
    });
    for (order, score) in
        [([1.0, 2.0, 3.0, 4.0, 6.0, 5.0], 13), ([3.0, 1.0, 2.0, 4.0, 6.0, 5.0], 9)]
    {
        let test = mann_kendall(&order);
        assert_eq!(test.score, score);
        let far = scores.iter().filter(|other| other.abs() >= score).count();
        close(test.p_value, real_share(far, scores.len()));
    }
}

#[test]
fn few_samples_are_an_answer_of_their_own() {
    let nine = series(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    let answer = trend(&nine, &TrendConfig::default());
    assert_eq!(answer, Trend::TooFewSamples { have: 9, need: 10 });
}

#[test]
fn a_wild_sample_does_not_move_the_slope() {
    let mut values: Vec<f64> = (0..40).map(|step| 5.0 - 0.25 * f64::from(step)).collect();
    values[20] = 1e12;
    values[3] = -1e12;
    let Trend::Falling(line) = trend(&series(&values), &TrendConfig::default()) else {
        panic!("it falls");
    };
    close(line.slope_per_second.value, -0.25);
    close(line.level, 5.0 - 0.25 * 39.0);
}

#[test]
fn a_single_jump_is_no_steady_growth() {
    let values: Vec<f64> = (0..40).map(|step| if step < 20 { 1.0 } else { 2.0 }).collect();
    // The middle slope is 0: most pairs are on the same side of the jump or as good as.
    let answer = trend(&series(&values), &independent());
    assert!(!matches!(answer, Trend::Falling(_)));
    let late: Vec<f64> = (0..40).map(|step| if step < 36 { 1.0 } else { 2.0 }).collect();
    assert!(matches!(trend(&series(&late), &independent()), Trend::NoTrend(_)));
}

#[test]
fn uneven_times_count_as_they_are() {
    let mut uneven = Series::new(20);
    for step in 1..=15_u64 {
        let second = step * step;
        let value = 7.0 * f64::from(u32::try_from(second).expect("small"));
        uneven.record(Instant::ZERO + Duration::from_secs(second), value).expect("later");
    }
    let Trend::Rising(line) = trend(&uneven, &TrendConfig::default()) else { panic!("it rises") };
    close(line.slope_per_second.value, 7.0);
}

/// How many of so many series without a trend are said to have one.
fn false_alarms(config: &TrendConfig, memory: f64) -> u32 {
    let mut noise = Seed::new(11).stream("noise");
    let mut alarms = 0;
    for _ in 0..200 {
        let mut level = 0.0;
        let values: Vec<f64> = (0..50)
            .map(|_| {
                level = memory * level + noise.unit_f64() - 0.5;
                level
            })
            .collect();
        alarms += u32::from(trend(&series(&values), config).line().is_some());
    }
    alarms
}

#[test]
fn independent_noise_is_called_a_trend_as_rarely_as_the_confidence_says() {
    // 5 % of 200 is 10; five standard deviations are 15.
    assert!(false_alarms(&independent(), 0.0) < 25);
    let strict = TrendConfig { confidence: 0.99, ..independent() };
    assert!(false_alarms(&strict, 0.0) < 9);
}

#[test]
fn samples_that_resemble_their_neighbors_raise_far_fewer_alarms_when_that_is_allowed_for() {
    let plain = false_alarms(&independent(), 0.6);
    let corrected = false_alarms(&TrendConfig::default(), 0.6);
    assert!(plain > 40 && corrected * 2 < plain, "{corrected} instead of {plain}");
}

#[test]
fn the_interval_of_the_slope_covers_the_true_slope_as_often_as_promised() {
    let mut noise = Seed::new(5).stream("noise");
    let mut covered = 0;
    for _ in 0..300 {
        let values: Vec<f64> =
            (0..30).map(|step| 0.02 * f64::from(step) + noise.unit_f64()).collect();
        let points = points(&series(&values));
        let test = mann_kendall(&values);
        let found = Slopes::new(&points).estimate(test.variance, 1.96);
        covered += u32::from(found.lower <= 0.02 && 0.02 <= found.upper);
    }
    // 95 % of 300 is 285.
    assert!(covered > 270, "{covered} of 300");
}

/// S by its definition.
fn slow_score(values: &[f64]) -> i64 {
    let mut score = 0;
    for later in 0..values.len() {
        for earlier in 0..later {
            score += i64::from(values[later] > values[earlier]);
            score -= i64::from(values[later] < values[earlier]);
        }
    }
    score
}

fn real_share(part: usize, whole: usize) -> f64 {
    crate::real(part) / crate::real(whole)
}

/// Visits all orders of the values from `fixed` on.
fn orders(values: &mut Vec<f64>, fixed: usize, visit: &mut impl FnMut(&[f64])) {
    if fixed == values.len() {
        return visit(values);
    }
    for other in fixed..values.len() {
        values.swap(fixed, other);
        orders(values, fixed + 1, visit);
        values.swap(fixed, other);
    }
}

proptest! {
    #[test]
    fn the_test_agrees_with_its_definition(steps in prop::collection::vec(-6_i32..6, 2..60)) {
        let values: Vec<f64> = steps.iter().map(|step| f64::from(*step)).collect();
        let test = mann_kendall(&values);
        prop_assert_eq!(test.score, slow_score(&values));
        prop_assert!((0.0..=1.0).contains(&test.p_value));
        // The variance is that of S over all orders; for ties by the count of each value.
        let count = crate::real(values.len());
        let mut variance = count * (count - 1.0) * (2.0 * count + 5.0);
        for step in -6..6 {
            let ties = crate::real(steps.iter().filter(|other| **other == step).count());
            variance -= ties * (ties - 1.0) * (2.0 * ties + 5.0);
        }
        prop_assert!((test.variance - variance / 18.0).abs() < 1e-6);
    }

    #[test]
    fn turning_the_values_around_turns_the_answer_around(
        values in prop::collection::vec(-1e3..1e3_f64, 10..40),
    ) {
        let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
        let config = TrendConfig::default();
        match (trend(&series(&values), &config), trend(&series(&mirrored), &config)) {
            (Trend::Rising(up), Trend::Falling(down)) | (Trend::Falling(up), Trend::Rising(down)) => {
                let (up, down) = (up.slope_per_second, down.slope_per_second);
                prop_assert!((up.value + down.value).abs() < 1e-6);
                prop_assert!((up.lower + down.upper).abs() < 1e-6);
            }
            (Trend::NoTrend(one), Trend::NoTrend(other)) => prop_assert_eq!(one.score, -other.score),
            (one, other) => prop_assert!(false, "{one:?} and {other:?}"),
        }
    }

    #[test]
    fn a_line_holds_its_value_between_its_ends(
        values in prop::collection::vec(-1e3..1e3_f64, 6..40),
        tilt in -50.0..50.0_f64,
    ) {
        let tilted: Vec<f64> =
            (0..).zip(&values).map(|(step, value)| value + tilt * f64::from(step)).collect();
        if let Some(line) = trend(&series(&tilted), &TrendConfig::default()).line() {
            let slope = line.slope_per_second;
            prop_assert!(slope.lower <= slope.value && slope.value <= slope.upper);
            prop_assert!(line.level.is_finite() && line.test.p_value < 0.05);
        }
    }
}
