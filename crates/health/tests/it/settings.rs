//! Defaults as promised, configurations as data, every fault at once.

use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_health::{
    CheckSettings, ChecksConfig, ConfigError, ConfigFault, Degradation, DegradationConfig, HealBy,
    HealingConfig, HealingRule, HealthChecker, Level, Resource, SelfHealing,
};

use crate::support::{Does, Gauge, Told, secs};

fn fields(error: &ConfigError) -> Vec<&str> {
    error.faults().iter().map(ConfigFault::field).collect()
}

#[test]
fn the_defaults_are_those_that_are_promised() {
    let check = CheckSettings::default();
    assert_eq!((check.interval, check.timeout), (secs(30), secs(5)));
    assert_eq!((check.failure_threshold, check.success_threshold), (3, 2));
    let healing = HealingConfig::default();
    assert_eq!((healing.interval, healing.default.cooldown), (secs(60), secs(300)));
    let degradation = DegradationConfig::default();
    let levels: Vec<(&str, Vec<(&str, f64)>)> = degradation
        .levels
        .iter()
        .map(|level| {
            let above = level.above.iter();
            (level.name.as_str(), above.map(|(name, share)| (name.as_str(), *share)).collect())
        })
        .collect();
    assert_eq!(
        levels,
        [
            ("normal", vec![]),
            ("degraded", vec![("cpu", 0.7), ("memory", 0.8)]),
            ("minimal", vec![("cpu", 0.9), ("disk", 0.95), ("memory", 0.9)]),
        ]
    );
}

#[test]
fn configurations_survive_being_written_and_read() {
    let mut checks = ChecksConfig::default();
    checks
        .checks
        .insert("db".to_owned(), CheckSettings::every(secs(7)).needs("net").critical(false));
    let written = serde_json::to_string(&checks).unwrap();
    assert_eq!(serde_json::from_str::<ChecksConfig>(&written).unwrap(), checks);
    let mut healing = HealingConfig::default();
    healing.components.insert("db".to_owned(), healing.default.clone());
    let written = serde_json::to_string(&healing).unwrap();
    assert_eq!(serde_json::from_str::<HealingConfig>(&written).unwrap(), healing);
    let degradation = DegradationConfig::default().feature("ads", "normal");
    let written = serde_json::to_string(&degradation).unwrap();
    assert_eq!(serde_json::from_str::<DegradationConfig>(&written).unwrap(), degradation);
    assert!(serde_json::from_str::<HealingConfig>(r#"{"cooldwon": 3}"#).is_err());
}

#[test]
fn every_fault_of_the_checks_is_listed_at_once() {
    let test = TestSystem::new();
    let mut config = ChecksConfig::default();
    config.default.interval = Duration::ZERO;
    config.checks.insert("nobody".to_owned(), CheckSettings::default());
    let error = HealthChecker::builder()
        .config(config)
        .check_with(Told::new("a", Does::Pass), CheckSettings::default().needs("b"))
        .check_with(
            Told::new("b", Does::Pass),
            CheckSettings::default().needs("a").thresholds(0, 0),
        )
        .start(test.system())
        .unwrap_err();
    assert_eq!(
        fields(&error),
        [
            "default.interval",
            "checks.b.failure_threshold",
            "checks.b.success_threshold",
            "checks.nobody",
            "checks.needs",
        ]
    );
    assert!(error.to_string().contains("go round in a circle"), "{error}");
    assert_eq!(test.task_count(), TestSystem::new().task_count(), "nothing was started");
}

#[test]
fn every_fault_of_healing_is_listed_at_once() {
    let test = TestSystem::new();
    let mut config = HealingConfig::default();
    config.governor.share_max = 1.5;
    config.governor.actions_max = 0;
    config.components.insert("nobody".to_owned(), config.default.clone());
    let rule = || HealingRule::new("db", || None, HealBy::new("nothing", || async { Ok(()) }));
    let error = SelfHealing::builder()
        .config(config)
        .rule(rule().timeout(Duration::ZERO))
        .rule(rule())
        .start(test.system())
        .unwrap_err();
    assert_eq!(
        fields(&error),
        [
            "governor.actions_max",
            "governor.share_max",
            "components.db.timeout",
            "components.db",
            "components.nobody",
        ]
    );
}

#[test]
fn every_fault_of_degradation_is_listed_at_once() {
    let test = TestSystem::new();
    let mut config = DegradationConfig::default().feature("ads", "nirvana");
    config.levels[0] = Level::new("normal").above(Resource::DISK, 0.99);
    config
        .levels
        .push(Level::new("minimal").above(Resource::CPU, 0.5).above(Resource::MEMORY, 1.5));
    config.margin = 0.6;
    config.stale_after = Duration::ZERO;
    let gauge = || Gauge::new("cpu", Resource::CPU, 0.1);
    let error = Degradation::builder()
        .config(config)
        .monitor(gauge())
        .monitor(gauge())
        .start(test.system())
        .unwrap_err();
    assert_eq!(
        fields(&error),
        [
            "levels.minimal",
            "levels.normal.above",
            "levels.minimal.above.disk",
            "levels.minimal.above.cpu",
            "levels.minimal.above.memory",
            "margin",
            "features.ads",
            "stale_after",
            "monitors.cpu",
        ]
    );
}
