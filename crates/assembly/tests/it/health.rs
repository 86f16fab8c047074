//! Health, healing, degradation and the end of an assembled system.

use steadfast_assembly::Builder;
use steadfast_base::Health;
use steadfast_breaker::State;

use crate::support::{Told, on, secs};

const TWO: &str = r#"
[components.inventory]
breaker = { consecutive_failures = 2, open_wait = { initial = 5.0 }, recovery = "automatic" }

[components.mail]
critical = false
bulkhead = { max_concurrent_calls = 1 }
breaker = {}

[healing]
interval = 10.0

[degradation.features]
recommendations = "normal"
"#;

#[test]
fn the_whole_follows_breakers_at_once() {
    on(
        TWO,
        |builder| builder,
        |system| async move {
            assert_eq!(system.health().health, Health::Healthy);
            let breaker = system.component("inventory").unwrap().breaker().unwrap().clone();
            for _ in 0..2 {
                drop(system.protect("inventory").call(|_| Err::<(), _>("down")));
            }
            let health = system.health();
            assert_eq!(health.health, Health::Critical);
            assert_eq!(
                health.reason.as_deref(),
                Some("inventory is critical: the breaker is open")
            );
            system.system().time().sleep(secs(6)).await;
            assert_eq!(breaker.state(), State::HalfOpen, "time itself moves it on");
            assert_eq!(system.health().health, Health::Degraded);
            breaker.reset();
            assert_eq!(system.health().health, Health::Healthy);
            assert_eq!(
                system.health().component("inventory").unwrap().breaker,
                Some(State::Closed)
            );
        },
    );
}

#[test]
fn a_breaker_that_an_operator_took_out_of_service_does_no_harm() {
    on(
        TWO,
        |builder| builder,
        |system| async move {
            let breaker = system.component("inventory").unwrap().breaker().unwrap().clone();
            for state in [State::Disabled, State::MetricsOnly] {
                breaker.set_state(state).unwrap();
                assert_eq!(system.health().health, Health::Healthy, "{state}");
                system.checks().check_now().await;
                assert_eq!(system.checks().readiness().status, 200, "{state}");
            }
            breaker.set_state(State::ForcedOpen).unwrap();
            assert_eq!(system.health().health, Health::Critical);
            system.checks().check_now().await;
            assert_eq!(system.checks().readiness().status, 503);
        },
    );
}

#[test]
fn a_bulkhead_whose_calls_fail_is_critical_and_one_that_is_full_is_degraded() {
    let text = TWO.replace("critical = false", "");
    on(
        &text,
        |builder| builder,
        |system| async move {
            let bulkhead = system.component("mail").unwrap().bulkhead().unwrap().clone();
            let permit = bulkhead.try_acquire().unwrap();
            assert_eq!(system.health().health, Health::Degraded);
            permit.succeed();
            for _ in 0..8 {
                bulkhead.try_acquire().unwrap().fail();
            }
            assert_eq!(system.health().health, Health::Healthy, "nine calls are too few to judge");
            bulkhead.try_acquire().unwrap().fail();
            let health = system.health();
            assert_eq!(health.health, Health::Critical);
            assert_eq!(
                health.reason.as_deref(),
                Some("mail is critical: 9 of the last 10 calls failed")
            );
        },
    );
}

#[test]
fn what_is_not_critical_degrades_the_whole_at_most() {
    on(
        TWO,
        |builder| builder,
        |system| async move {
            let mail = system.component("mail").unwrap();
            mail.breaker().unwrap().set_state(State::Open).unwrap();
            let health = system.health();
            assert_eq!(health.health, Health::Degraded);
            assert_eq!(health.component("mail").unwrap().health, Health::Critical);
            system.checks().check_now().await;
            assert_eq!(system.checks().readiness().status, 200);
            let inventory = system.component("inventory").unwrap();
            inventory.breaker().unwrap().set_state(State::ForcedOpen).unwrap();
            system.checks().check_now().await;
            assert_eq!(system.checks().readiness().status, 503);
        },
    );
}

#[test]
fn checks_of_the_user_count_too() {
    let database = Told::new("database", false);
    let add = |builder: Builder| builder.check(database.clone());
    on(TWO, add, |system| async move {
        for _ in 0..3 {
            system.checks().check_now().await;
        }
        assert_eq!(system.health().health, Health::Critical);
        let reason = system.health().reason.unwrap();
        assert!(reason.starts_with("database is unhealthy"), "{reason}");
    });
}

#[test]
fn healing_resets_a_breaker_once_its_probe_passes_and_not_before() {
    let ping = Told::new("ping", false);
    let probe = ping.clone();
    let add = |builder: Builder| builder.probe("mail", probe);
    on(TWO, add, |system| async move {
        let time = system.system().time().clone();
        let breaker = system.component("mail").unwrap().breaker().unwrap().clone();
        breaker.open_for(secs(100_000));
        time.sleep(secs(60)).await;
        assert!(system.self_healing().is_none(), "it starts when told");

        let healing = system.start_self_healing().unwrap();
        time.sleep(secs(11)).await;
        assert_eq!((breaker.state(), healing.stats().succeeded), (State::Open, 0));
        ping.set(true);
        time.sleep(secs(320)).await;
        assert_eq!((breaker.state(), healing.stats().succeeded), (State::Closed, 1));
        let same = system.start_self_healing().unwrap();
        assert_eq!(same.stats(), healing.stats());
    });
}

#[test]
fn healing_does_not_start_after_the_stop() {
    on(
        TWO,
        |builder| builder,
        |system| async move {
            assert_eq!(system.stop().await, 0);
            assert!(system.start_self_healing().is_err());
        },
    );
}

#[test]
fn features_follow_the_level() {
    on(
        TWO,
        |builder| builder,
        |system| async move {
            let recommendations = system.feature("recommendations").unwrap();
            assert!(recommendations.is_on());
            system.degradation().apply_level("degraded").unwrap();
            assert!(!recommendations.is_on());
            assert_eq!(system.health().level, "degraded");
            assert!(system.feature("nothing").is_err());
        },
    );
}
