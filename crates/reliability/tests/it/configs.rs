//! Settings: defaults, faults, serialized form.

use std::time::Duration;

use steadfast_reliability::{ConfigFault, EstimateConfig, RatePrior, TrendConfig};

#[test]
fn the_defaults_are_the_documented_ones() {
    let trend = serde_json::to_value(TrendConfig::default()).expect("plain data");
    let expected = serde_json::json!({
        "samples_min": 10, "confidence": 0.95, "correlation_lags": 3, "horizon": 2_592_000.0
    });
    assert_eq!(trend, expected);
    let estimate = serde_json::to_value(EstimateConfig::default()).expect("plain data");
    let jeffreys = serde_json::json!({ "events": 0.5, "exposure": 0.0 });
    let expected = serde_json::json!({
        "credibility": 0.95, "failures": jeffreys, "repairs": jeffreys,
        "shares": { "hits": 0.5, "misses": 0.5 }
    });
    assert_eq!(estimate, expected);
}

#[test]
fn what_is_not_set_keeps_its_default_and_unknown_settings_are_refused() {
    let config: TrendConfig = serde_json::from_str(r#"{"horizon": 60.5}"#).expect("valid");
    assert_eq!((config.horizon, config.samples_min), (Duration::from_millis(60_500), 10));
    assert!(serde_json::from_str::<TrendConfig>(r#"{"horizont": 1}"#).is_err());
    assert!(serde_json::from_str::<TrendConfig>(r#"{"horizon": -1}"#).is_err());
}

#[test]
fn every_fault_is_listed() {
    let mut trend = TrendConfig::default();
    trend.samples_min = 5;
    trend.confidence = f64::NAN;
    trend.correlation_lags = 21;
    trend.horizon = Duration::ZERO;
    let error = trend.validate().unwrap_err();
    let fields: Vec<_> = error.faults().iter().map(ConfigFault::field).collect();
    assert_eq!(fields, ["samples_min", "confidence", "correlation_lags", "horizon"]);

    let mut estimate = EstimateConfig::default();
    estimate.credibility = 1.0;
    estimate.failures = RatePrior { events: 0.0, exposure: Duration::ZERO };
    estimate.shares.misses = f64::INFINITY;
    let error = estimate.validate().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid reliability configuration: credibility is 1; it must be in 0.5..=0.999; \
         failures.events is 0; it must be a number above 0; \
         shares.misses is inf; it must be a number above 0"
    );
}
