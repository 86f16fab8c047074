//! Defaults, faults, and the serialized form.

use super::*;

#[test]
fn defaults_are_those_of_the_table() {
    let text = serde_json::to_string(&Config::default()).expect("serializes");
    let pinned = concat!(
        r#"{"window":{"calls":100},"min_calls":10,"failure_rate":0.5,"slow_rate":0.5,"#,
        r#""slow_call":1.0,"consecutive_failures":5,"failure_limit":"off","#,
        r#""open_wait":{"initial":60.0,"factor":1.0,"max":3600.0},"#,
        r#""half_open":{"calls":3,"verdict":{"successes":3},"max_wait":"open_wait","then":"open"},"#,
        r#""recovery":"lazy","on_drop":"slow_is_failure","call_timeout":"off"}"#,
    );
    assert_eq!(text, pinned);
}

#[test]
fn serialized_settings_come_back_equal() {
    let mut config = Config::failure_limit(7, Duration::from_millis(1_500));
    config.window = Window::Time(Duration::from_secs(20));
    config.half_open.verdict = ProbeVerdict::Successes(2);
    config.half_open.max_wait = ProbeWait::For(Duration::from_millis(10));
    config.call_timeout = Some(Duration::from_secs(2));
    let text = serde_json::to_string(&config).expect("serializes");
    assert_eq!(serde_json::from_str::<Config>(&text).expect("deserializes"), config);
}

#[test]
fn seconds_may_be_whole_numbers() {
    let text = r#"{"slow_call":2,"call_timeout":3,"failure_limit":{"failures":1,"within":60}}"#;
    let config: Config = serde_json::from_str(text).expect("deserializes");
    assert_eq!(config.slow_call, Duration::from_secs(2));
    assert_eq!(config.call_timeout, Some(Duration::from_secs(3)));
    assert!(config.failure_limit.is_some_and(|limit| limit.within == Duration::from_mins(1)));
}

#[test]
fn absent_settings_are_defaults_and_unknown_ones_are_refused() {
    let config: Config = serde_json::from_str(r#"{"slow_rate":"off"}"#).expect("deserializes");
    assert_eq!(config, Config { slow_rate: None, ..Config::default() });
    assert!(serde_json::from_str::<Config>(r#"{"failure_ratio":0.5}"#).is_err());
}

#[test]
fn every_fault_is_listed_at_once() {
    let config = Config {
        window: Window::Calls(0),
        min_calls: 0,
        failure_rate: Some(f64::NAN),
        slow_rate: Some(0.0),
        slow_call: Duration::ZERO,
        consecutive_failures: Some(0),
        failure_limit: None,
        open_wait: OpenWait {
            initial: Duration::from_secs(2),
            factor: 0.5,
            max: Duration::from_secs(1),
        },
        half_open: HalfOpen {
            calls: 0,
            verdict: ProbeVerdict::Successes(0),
            ..HalfOpen::default()
        },
        call_timeout: Some(Duration::ZERO),
        ..Config::default()
    };
    let error = config.validate().expect_err("faults");
    let fields: Vec<_> = error.faults().iter().map(ConfigFault::field).collect();
    let expected = [
        "window",
        "min_calls",
        "failure_rate",
        "slow_rate",
        "slow_call",
        "consecutive_failures",
        "open_wait.factor",
        "open_wait.max",
        "half_open.calls",
        "half_open.verdict",
        "call_timeout",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn a_breaker_that_could_never_open_is_refused() {
    let error = Config { consecutive_failures: None, ..Config::consecutive(1) }.validate();
    assert!(error.expect_err("no rule").to_string().contains("turn on at least one"));
}

#[test]
fn open_wait_grows_to_its_maximum() {
    let wait =
        OpenWait { initial: Duration::from_secs(5), factor: 1.5, max: Duration::from_secs(10) };
    let waits: Vec<_> = [0, 1, 2, u32::MAX].map(|attempt| wait.after(attempt).as_millis()).into();
    assert_eq!(waits, [5_000, 7_500, 10_000, 10_000]);
}
