//! Defaults as promised, configurations as data, every fault at once.

use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_health::{
    CheckSettings, CheckState, ChecksConfig, ConfigError, ConfigFault, Degradation,
    DegradationConfig, HealBy, HealingConfig, HealingRule, HealthChecker, Level, Resource,
    SelfHealing,
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
fn checks_follow_new_settings_while_they_run() {
    let test = TestSystem::new();
    let [db, net] = [Told::new("db", Does::Pass), Told::new("net", Does::Pass)];
    let checker =
        HealthChecker::builder().check(db.clone()).check(net.clone()).start(test.system()).unwrap();
    test.run(async {
        test.advance(secs(1)).await;
        let mut config = ChecksConfig::default();
        config.checks.insert("db".to_owned(), CheckSettings::every(secs(2)).needs("net"));
        config.checks.insert("net".to_owned(), CheckSettings::every(secs(2)).thresholds(1, 1));
        checker.reconfigure(&config).unwrap();
        net.set(Does::Fail);
        test.advance(secs(3)).await;
        let summary = checker.overall();
        assert_eq!(summary.check("db").unwrap().state, CheckState::Blocked);
        assert_eq!((db.runs(), net.runs()), (1, 2));

        config.checks.insert("net".to_owned(), CheckSettings::default().needs("db"));
        let error = checker.reconfigure(&config).unwrap_err();
        assert_eq!(fields(&error), ["checks.needs"]);
        test.advance(secs(2)).await;
        assert_eq!(net.runs(), 3, "the old settings stay");
    });
}

#[test]
fn healing_follows_new_settings_and_keeps_what_it_did() {
    let test = TestSystem::new();
    let unwell = || Some("stuck".to_owned());
    let healing = SelfHealing::builder()
        .rule(HealingRule::new("db", unwell, HealBy::new("nothing", || async { Ok(()) })))
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(1_000)).await;
        assert_eq!(healing.history().len(), 4);
        let mut config = HealingConfig::default();
        config.history_max = 2;
        config.interval = secs(10);
        config.governor.window = secs(100_000);
        config.governor.actions_max = 5;
        healing.reconfigure(&config).unwrap();
        let numbers: Vec<u64> = healing.history().iter().map(|record| record.number).collect();
        assert_eq!(numbers, [3, 4]);
        test.advance(secs(5_000)).await;
        // Two of the four acts were within the window when it grew, so three more are allowed.
        assert_eq!(healing.stats().ended, 7);
        config.history_max = 0;
        assert!(healing.reconfigure(&config).is_err());
    });
}

#[test]
fn degradation_follows_new_settings_and_its_switches_stay() {
    let test = TestSystem::new();
    let config = DegradationConfig::default().feature("ads", "normal");
    let degradation = Degradation::builder()
        .config(config.clone())
        .monitor(Gauge::new("cpu", Resource::CPU, 0.65))
        .start(test.system())
        .unwrap();
    let ads = degradation.feature("ads").unwrap();
    test.run(async {
        test.advance(secs(1)).await;
        assert_eq!(degradation.level(), "normal");
        let mut stricter = config.clone();
        stricter.levels[1].above.insert(Resource::CPU, 0.6);
        degradation.reconfigure(&stricter).unwrap();
        test.settle().await;
        assert_eq!((degradation.level(), ads.is_on()), ("degraded", false));
        degradation.reconfigure(&stricter.clone().feature("ads", "minimal")).unwrap();
        assert!(ads.is_on());
        let error = degradation.reconfigure(&config.clone().feature("more", "normal")).unwrap_err();
        assert_eq!(fields(&error), ["features"]);
        test.advance(secs(100)).await;
        assert_eq!(degradation.level(), "degraded", "0.65 is too close to 0.6");
    });
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
