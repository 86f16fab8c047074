//! Degradation with monitors that rise, fall, fail and hang.

use std::sync::Arc;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::MemorySink;
use steadfast_health::{Degradation, DegradationConfig, Resource, names};

use crate::support::{Gauge, secs};

fn config() -> DegradationConfig {
    DegradationConfig::default()
        .feature("ads", "normal")
        .feature("search", "degraded")
        .feature("checkout", "minimal")
}

#[test]
fn features_follow_the_use_of_resources_with_hysteresis() {
    let test = TestSystem::new();
    let sink = Arc::new(MemorySink::new(100));
    let cpu = Gauge::new("cpu", Resource::CPU, 0.3);
    let memory = Gauge::new("memory", Resource::MEMORY, 0.3);
    let degradation = Degradation::builder()
        .config(config())
        .monitor(cpu.clone())
        .monitor(memory.clone())
        .sink(sink.clone())
        .start(test.system())
        .unwrap();
    let switches = ["ads", "search", "checkout"].map(|name| degradation.feature(name).unwrap());
    let on = || switches.clone().map(|switch| switch.is_on());
    test.run(async {
        test.advance(secs(1)).await;
        assert_eq!((degradation.level(), on()), ("normal", [true, true, true]));
        cpu.read(0.95);
        test.advance(secs(5)).await;
        assert_eq!((degradation.level(), on()), ("minimal", [false, false, true]));
        cpu.read(0.75);
        test.advance(secs(59)).await;
        assert_eq!(degradation.level(), "minimal");
        test.advance(secs(6)).await;
        assert_eq!((degradation.level(), on()), ("degraded", [false, true, true]));
        cpu.read(0.1);
        test.advance(secs(65)).await;
        assert_eq!((degradation.level(), on()), ("normal", [true, true, true]));
        let told: Vec<String> = sink.events().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "health.level-changed from=normal to=minimal cause=cpu is at 0.95, above 0.9",
                "health.level-changed from=minimal to=degraded cause=calm for long enough",
                "health.level-changed from=degraded to=normal cause=calm for long enough",
            ]
        );
    });
}

#[test]
fn a_level_applied_by_hand_holds_until_released() {
    let test = TestSystem::new();
    let sink = Arc::new(MemorySink::new(100));
    let cpu = Gauge::new("cpu", Resource::CPU, 0.95);
    let degradation = Degradation::builder()
        .config(config())
        .monitor(cpu.clone())
        .sink(sink.clone())
        .start(test.system())
        .unwrap();
    let ads = degradation.feature("ads").unwrap();
    test.run(async {
        degradation.apply_level("normal").unwrap();
        test.advance(secs(60)).await;
        let status = degradation.status();
        assert_eq!((status.level.as_str(), status.automatic_level.as_str()), ("normal", "minimal"));
        assert!(status.pinned && ads.is_on());
        degradation.release();
        assert_eq!(degradation.level(), "minimal");
        assert!(!ads.is_on());
        degradation.release();
        let error = degradation.apply_level("turbo").unwrap_err();
        assert_eq!(error.to_string(), "there is no level \"turbo\"");
        assert_eq!(
            sink.names(),
            [names::LEVEL_PINNED, names::LEVEL_RELEASED, names::LEVEL_CHANGED]
        );
    });
}

#[test]
fn the_highest_reading_of_a_resource_counts() {
    let test = TestSystem::new();
    let degradation = Degradation::builder()
        .monitor(Gauge::new("disk a", Resource::DISK, 0.99))
        .monitor(Gauge::new("disk b", Resource::DISK, 0.1))
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(1)).await;
        assert_eq!(degradation.level(), "minimal");
        assert_eq!(degradation.status().readings[0].reading, Some(0.99));
    });
}

#[test]
fn a_monitor_that_fails_or_hangs_is_believed_for_a_while_and_holds_up_nobody() {
    let test = TestSystem::new();
    let sink = Arc::new(MemorySink::new(100));
    let cpu = Gauge::new("cpu", Resource::CPU, 0.95);
    let memory = Gauge::new("memory", Resource::MEMORY, 0.1);
    let degradation = Degradation::builder()
        .monitor(cpu.clone())
        .monitor(memory.clone())
        .sink(sink.clone())
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(1)).await;
        cpu.hang();
        test.advance(secs(60)).await;
        assert_eq!(degradation.level(), "minimal");
        let status = degradation.status();
        assert_eq!(status.readings[0].error.as_deref(), Some("did not answer in time"));
        assert!(status.readings[1].age.unwrap() <= secs(7), "the other is read all the same");
        cpu.fail();
        test.advance(secs(20)).await;
        assert!(degradation.status().readings[0].stale);
        test.advance(secs(60)).await;
        assert_eq!(degradation.level(), "degraded", "what is not known any more is taken for calm");
        cpu.read(0.95);
        test.advance(secs(10)).await;
        assert_eq!(degradation.level(), "minimal");
        assert_eq!(
            sink.names(),
            [
                names::LEVEL_CHANGED,
                names::MONITOR_SILENT,
                names::LEVEL_CHANGED,
                names::MONITOR_BACK,
                names::LEVEL_CHANGED,
            ]
        );
        assert_eq!(degradation.stop().await, 0);
    });
}

#[test]
fn stopping_leaves_nothing_running_and_levels_can_still_be_applied() {
    let test = TestSystem::new();
    let before = test.task_count();
    let cpu = Gauge::new("cpu", Resource::CPU, 0.1);
    cpu.hang();
    let degradation =
        Degradation::builder().config(config()).monitor(cpu).start(test.system()).unwrap();
    let ads = degradation.feature("ads").unwrap();
    test.run(async {
        test.advance(secs(1)).await;
        assert_eq!(test.task_count(), before + 2);
        assert_eq!(degradation.stop().await, 0);
        assert_eq!((test.task_count(), test.clock().pending()), (before, 0));
        degradation.apply_level("degraded").unwrap();
        assert!(!ads.is_on());
        assert_eq!(ads.name(), "ads");
    });
}

#[test]
fn asking_for_a_feature_that_is_not_there_is_an_error() {
    let test = TestSystem::new();
    let degradation = Degradation::builder().config(config()).start(test.system()).unwrap();
    assert!(degradation.feature("adds").is_err());
}
