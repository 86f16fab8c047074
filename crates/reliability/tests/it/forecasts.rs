//! Time to a threshold.

use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::{Instant, Seed};
use steadfast_reliability::{Forecast, SampleError, Series, Threshold, TrendConfig, time_to};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn series(values: impl IntoIterator<Item = f64>) -> Series {
    let mut series = Series::new(1_000);
    for (second, value) in (0..).zip(values) {
        series.record(at(second), value).expect("later, finite");
    }
    series
}

fn line(from: f64, slope: f64) -> Series {
    series((0..30).map(|step| from + slope * f64::from(step)))
}

fn forecast(series: &Series, threshold: Threshold) -> Forecast {
    time_to(series, threshold, &TrendConfig::default())
}

#[test]
fn a_straight_line_reaches_its_threshold_exactly() {
    let Forecast::Within(time) = forecast(&line(0.0, 2.0), Threshold::Above(100.0)) else {
        panic!("it rises");
    };
    // 58 at the last sample, 42 to go at 2 a second; the line has no spread.
    let expected = Duration::from_secs(21);
    assert_eq!((time.earliest, time.expected, time.latest), (expected, expected, Some(expected)));
}

#[test]
fn what_falls_reaches_a_threshold_below_and_runs_out() {
    let Forecast::Within(time) = forecast(&line(100.0, -2.0), Threshold::EXHAUSTED) else {
        panic!("it falls");
    };
    assert_eq!(time.expected, Duration::from_secs(21));
}

#[test]
fn without_a_trend_there_is_no_time() {
    let mut noise = Seed::new(1).stream("noise");
    let flat = series((0..60).map(|_| noise.unit_f64()));
    assert_eq!(forecast(&flat, Threshold::Above(2.0)), Forecast::NoTrend);
}

#[test]
fn each_reason_for_no_time_is_told_apart() {
    let rising = line(0.0, 1.0);
    assert_eq!(forecast(&rising, Threshold::Below(-5.0)), Forecast::MovingAway);
    assert_eq!(forecast(&rising, Threshold::Above(29.0)), Forecast::Reached);
    assert_eq!(forecast(&rising, Threshold::Above(1e9)), Forecast::BeyondHorizon);
    assert_eq!(forecast(&rising, Threshold::Above(f64::INFINITY)), Forecast::BeyondHorizon);
    assert_eq!(forecast(&rising, Threshold::Above(f64::NAN)), Forecast::BeyondHorizon);
    let few = series([1.0, 2.0]);
    let need = Forecast::TooFewSamples { have: 2, need: 10 };
    assert_eq!(forecast(&few, Threshold::Above(9.0)), need);
    assert_eq!(
        forecast(&Series::new(9), Threshold::Above(9.0)),
        Forecast::TooFewSamples { have: 0, need: 10 }
    );
}

#[test]
fn the_interval_holds_the_true_time_most_of_the_time() {
    let mut noise = Seed::new(3).stream("noise");
    let (mut held, mut given) = (0, 0);
    for _ in 0..200 {
        // From 0 by 0.05 a second with noise of 1: 3 at the last sample, 10 reached 140 s later.
        let noisy = series((0..=60).map(|step| 0.05 * f64::from(step) + noise.unit_f64() - 0.5));
        if let Forecast::Within(time) = forecast(&noisy, Threshold::Above(10.0)) {
            let truth = Duration::from_secs(140);
            let latest = time.latest.unwrap_or(Duration::MAX);
            given += 1;
            held += u32::from(time.earliest <= truth && truth <= latest);
        }
    }
    assert!(given >= 195 && held * 100 >= given * 90, "{held} of {given}");
}

#[test]
fn a_full_series_drops_its_oldest_sample() {
    let mut short = Series::new(3);
    for second in 0..10 {
        short.record(at(second), 1.0).expect("later, finite");
    }
    let kept: Vec<_> = short.samples().map(|sample| sample.at).collect();
    assert_eq!(kept, [at(7), at(8), at(9)]);
}

#[test]
fn a_sample_that_makes_no_sense_changes_nothing() {
    let mut one = Series::new(3);
    one.record(at(5), 1.0).expect("the first");
    assert_eq!(one.record(at(5), 2.0), Err(SampleError::NotLater));
    assert_eq!(one.record(at(4), 2.0), Err(SampleError::NotLater));
    assert_eq!(one.record(at(6), f64::INFINITY), Err(SampleError::NotFinite));
    assert_eq!(one.last().map(|sample| (sample.at, sample.value)), Some((at(5), 1.0)));
    one.clear();
    assert!(one.is_empty());
}

proptest! {
    #[test]
    fn the_times_are_in_order_and_within_the_horizon(
        noise in prop::collection::vec(-1.0..1.0_f64, 6..80),
        slope in -0.5..0.5_f64,
        limit in -50.0..50.0_f64,
    ) {
        let tilted = series((0..).zip(&noise).map(|(step, noise)| slope * f64::from(step) + noise));
        for threshold in [Threshold::Above(limit), Threshold::Below(limit)] {
            if let Forecast::Within(time) = forecast(&tilted, threshold) {
                prop_assert!(time.earliest <= time.expected);
                prop_assert!(time.latest.is_none_or(|latest| time.expected <= latest));
                prop_assert!(time.expected <= TrendConfig::default().horizon);
            }
        }
    }
}
