//! Scheduled checks: hangs and panics, the whole, probes over HTTP, events, the end.

use std::sync::Arc;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::{Health, MemorySink};
use steadfast_breaker::{CircuitBreaker, Config, State};
use steadfast_health::{
    BreakerCheck, BulkheadCheck, CheckSettings, CheckState, HealthChecker, HealthSummary, names,
};
use steadfast_policy::{Bulkhead, BulkheadConfig};

use crate::support::{Does, Told, secs};

fn state(summary: &HealthSummary, check: &str) -> CheckState {
    summary.check(check).unwrap().state
}

#[test]
fn hanging_and_panicking_checks_fail_and_hold_up_nobody() {
    let test = TestSystem::new();
    let [fine, hangs, panics] = [
        Told::new("fine", Does::Pass),
        Told::new("hangs", Does::Hang),
        Told::new("panics", Does::Panic),
    ];
    let checker = HealthChecker::builder()
        .check(hangs.clone())
        .check(panics.clone())
        .check(fine.clone())
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(1)).await;
        assert_eq!(state(&checker.overall(), "fine"), CheckState::Healthy);
        test.advance(secs(70)).await;
        let summary = checker.overall();
        assert_eq!([fine.runs(), hangs.runs(), panics.runs()], [3, 3, 3]);
        let failed = summary.failed_checks();
        let reasons: Vec<(&str, &str)> =
            failed.iter().map(|check| (check.name.as_str(), check.reason.as_str())).collect();
        assert_eq!(reasons, [("hangs", "did not answer within 5s"), ("panics", "panicked: boom")]);
        assert_eq!(checker.stop().await, 0);
    });
}

#[test]
fn a_failed_whole_is_an_error_that_lists_the_failed_checks() {
    let test = TestSystem::new();
    let [db, cache, api] =
        [Told::new("db", Does::Fail), Told::new("cache", Does::Fail), Told::new("api", Does::Fail)];
    let checker = HealthChecker::builder()
        .check(db)
        .check_with(cache, CheckSettings::default().critical(false))
        .check_with(api, CheckSettings::default().needs("db"))
        .start(test.system())
        .unwrap();
    test.run(async {
        assert_eq!(checker.health(), Health::Unknown);
        assert!(checker.verify().is_ok(), "not yet known to have failed");
        test.advance(secs(61)).await;
        let error = checker.verify().unwrap_err();
        let names: Vec<&str> =
            error.failed_checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, ["db", "cache"], "api is behind db");
        assert_eq!(error.to_string(), "health checks failed: db (refused), cache (refused)");
        let summary = checker.overall();
        assert_eq!(summary.reason.as_deref(), Some("db is unhealthy: refused"));
        assert_eq!(state(&summary, "api"), CheckState::Blocked);
    });
}

#[test]
fn a_check_that_is_not_critical_degrades_the_whole_and_keeps_it_ready() {
    let test = TestSystem::new();
    let [db, cache] = [Told::new("db", Does::Pass), Told::new("cache", Does::Fail)];
    let checker = HealthChecker::builder()
        .check(db.clone())
        .check_with(cache, CheckSettings::default().critical(false))
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(61)).await;
        assert_eq!(checker.health(), Health::Degraded);
        assert_eq!(checker.readiness().status, 200);
        db.set(Does::Limp);
        checker.check_now().await;
        assert_eq!(
            checker.overall().reason.unwrap(),
            "db is degraded: limps; cache is unhealthy: refused"
        );
    });
}

#[test]
fn probes_answer_over_http_what_an_orchestrator_should_do() {
    let test = TestSystem::new();
    let [db, core] = [Told::new("db", Does::Fail), Told::new("core", Does::Pass)];
    let checker = HealthChecker::builder()
        .check(db.clone())
        .check_with(core.clone(), CheckSettings::default().liveness())
        .start(test.system())
        .unwrap();
    let probes = || [checker.liveness(), checker.readiness(), checker.startup()].map(|a| a.status);
    test.run(async {
        assert_eq!(probes(), [200, 503, 503], "nothing is known yet");
        test.advance(secs(61)).await;
        assert_eq!(probes(), [200, 503, 503], "a dependency is down: a restart would not help");
        db.set(Does::Pass);
        test.advance(secs(60)).await;
        assert_eq!(probes(), [200, 200, 200]);
        core.set(Does::Fail);
        test.advance(secs(90)).await;
        assert_eq!(probes(), [503, 503, 200], "restart; the start stays over");

        let answer = checker.readiness();
        assert_eq!(answer.content_type, "application/json");
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["probe"], "readiness");
        assert_eq!(body["pass"], false);
        assert_eq!(body["health"], "critical");
        assert_eq!(body["reason"], "core is unhealthy: refused");
        assert_eq!(body["checks"][1]["state"], "unhealthy");
        assert_eq!(body["checks"][1]["failures_in_a_row"], 3);
        assert_eq!(body["checks"][0]["reason"], serde_json::Value::Null);
    });
}

#[test]
fn a_schedule_that_stands_still_is_not_alive() {
    let test = TestSystem::builder().manual_time().build();
    let checker =
        HealthChecker::builder().check(Told::new("db", Does::Pass)).start(test.system()).unwrap();
    // Nobody runs the tasks: as if all threads of the runtime were blocked.
    test.clock().advance(secs(30));
    assert_eq!(checker.liveness().status, 200);
    test.clock().advance(secs(1));
    let answer = checker.liveness();
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("no check ran for 31s though due"), "{}", answer.body);
}

#[test]
fn asking_for_a_run_now_waits_for_the_results_and_counts_them() {
    let test = TestSystem::new();
    let [db, hangs] = [Told::new("db", Does::Fail), Told::new("hangs", Does::Hang)];
    let checker =
        HealthChecker::builder().check(db.clone()).check(hangs).start(test.system()).unwrap();
    test.run(async {
        for _ in 0..3 {
            checker.check_now().await;
        }
        // The first runs were under way already; each that hangs takes its time-out.
        assert_eq!(checker.overall().check("hangs").unwrap().failures_in_a_row, 3);
        assert_eq!(state(&checker.overall(), "db"), CheckState::Unhealthy);
        assert!(test.elapsed() <= secs(20), "{:?}", test.elapsed());
    });
}

#[test]
fn changes_of_verdicts_are_told_once_with_their_reason() {
    let test = TestSystem::new();
    let sink = Arc::new(MemorySink::new(100));
    let db = Told::new("db", Does::Pass);
    let checker =
        HealthChecker::builder().check(db.clone()).sink(sink.clone()).start(test.system()).unwrap();
    test.run(async {
        test.advance(secs(20)).await;
        db.set(Does::Fail);
        test.advance(secs(200)).await;
        let told: Vec<String> = sink.events().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "health.check-changed check=db from=unknown to=healthy reason=",
                "health.overall-changed from=unknown to=healthy reason=",
                "health.check-changed check=db from=healthy to=unhealthy reason=refused",
                "health.overall-changed from=healthy to=critical reason=db is unhealthy: refused",
            ]
        );
        assert_eq!(sink.names()[0], names::CHECK_CHANGED);
    });
    drop(checker);
}

#[test]
fn stopping_leaves_nothing_running_and_what_was_known_readable() {
    let test = TestSystem::new();
    let before = test.task_count();
    let checker = HealthChecker::builder()
        .check(Told::new("db", Does::Pass))
        .check(Told::new("hangs", Does::Hang))
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(1)).await;
        assert_eq!(test.task_count(), before + 2);
        assert_eq!(checker.stop().await, 0);
        assert_eq!(test.task_count(), before);
        assert_eq!(test.clock().pending(), 0, "no timer is left");
        assert_eq!(state(&checker.overall(), "db"), CheckState::Healthy);
        assert_eq!([checker.liveness().status, checker.readiness().status], [200, 503]);
        let again = checker.check_now().await;
        assert_eq!(state(&again, "hangs"), CheckState::Unknown);
    });
}

#[test]
fn dropping_the_last_handle_ends_the_checks() {
    let test = TestSystem::new();
    let before = test.task_count();
    let checker = HealthChecker::builder()
        .check(Told::new("hangs", Does::Hang))
        .start(test.system())
        .unwrap();
    let other = checker.clone();
    test.run(async {
        test.settle().await;
        drop(checker);
        test.settle().await;
        assert_eq!(test.task_count(), before + 2);
        drop(other);
        test.settle().await;
        assert_eq!(test.task_count(), before);
    });
}

#[test]
fn the_end_of_the_system_ends_the_checks_and_every_wait_for_them() {
    let test = TestSystem::new();
    let checker = HealthChecker::builder()
        .check(Told::new("hangs", Does::Hang))
        .start(test.system())
        .unwrap();
    test.run(async {
        test.settle().await;
        let waiting = checker.clone();
        let (sender, answered) = tokio::sync::oneshot::channel();
        drop(test.spawn_task(async move {
            let _ = sender.send(waiting.check_now().await.health);
        }));
        test.settle().await;
        test.system().shutdown().await;
        assert!(checker.is_stopped());
        // Aborted with the system, or answered before.
        drop(answered.await);
        assert_eq!(checker.check_now().await.health, Health::Unknown);
        assert_eq!(test.task_count(), 0);
    });
}

#[test]
fn an_open_breaker_is_critical_and_a_half_open_one_degraded() {
    let test = TestSystem::new();
    let breaker = CircuitBreaker::new("mail", Config::default(), test.time().clone()).unwrap();
    let checker = HealthChecker::builder()
        .check_with(Arc::new(BreakerCheck::new(breaker.clone())), CheckSettings::immediate())
        .start(test.system())
        .unwrap();
    test.run(async {
        for (state, health) in [
            (State::Closed, Health::Healthy),
            (State::Open, Health::Critical),
            (State::HalfOpen, Health::Degraded),
            (State::ForcedOpen, Health::Critical),
            (State::Disabled, Health::Healthy),
            (State::MetricsOnly, Health::Healthy),
        ] {
            breaker.set_state(state).unwrap();
            assert_eq!(checker.check_now().await.health, health, "{state}");
        }
    });
}

#[test]
fn an_open_breaker_whose_own_checks_are_scheduled_probes_as_soon_as_they_pass() {
    let test = TestSystem::new();
    let config = Config::builder().open_wait(secs(100_000)).build().unwrap();
    let breaker = CircuitBreaker::new("mail", config, test.time().clone()).unwrap();
    let smtp = Told::new("smtp", Does::Fail);
    breaker.add_health_check(smtp.clone()).unwrap();
    let check = Arc::new(BreakerCheck::new(breaker.clone()).probing());
    let checker = HealthChecker::builder()
        .check_with(check, CheckSettings::immediate())
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(61)).await;
        assert_eq!(smtp.runs(), 0, "a closed breaker is left alone");
        breaker.set_state(State::Open).unwrap();
        test.advance(secs(90)).await;
        assert_eq!((breaker.state(), smtp.runs()), (State::Open, 3));
        assert_eq!(checker.health(), Health::Critical);
        smtp.set(Does::Pass);
        test.advance(secs(30)).await;
        assert_eq!((breaker.state(), smtp.runs()), (State::HalfOpen, 4));
        assert_eq!(checker.health(), Health::Degraded);
        (0..3).for_each(|_| breaker.acquire().unwrap().succeed());
        assert_eq!(breaker.state(), State::Closed);
        breaker.set_state(State::ForcedOpen).unwrap();
        test.advance(secs(30)).await;
        assert_eq!((breaker.state(), smtp.runs()), (State::ForcedOpen, 4));
    });
}

#[test]
fn a_bulkhead_is_judged_by_the_calls_since_the_check_before() {
    let test = TestSystem::new();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(2), test.time().clone()).unwrap();
    let check = Arc::new(BulkheadCheck::new("uploads", bulkhead.clone()));
    let checker = HealthChecker::builder()
        .check_with(check, CheckSettings::immediate())
        .start(test.system())
        .unwrap();
    let calls = |failed: u32, succeeded: u32| {
        (0..failed).for_each(|_| bulkhead.try_acquire().unwrap().fail());
        (0..succeeded).for_each(|_| bulkhead.try_acquire().unwrap().succeed());
    };
    test.run(async {
        checker.check_now().await;
        for (failed, succeeded, health) in [
            (0, 0, Health::Healthy),
            (0, 100, Health::Healthy),
            (5, 5, Health::Healthy),
            (6, 5, Health::Critical),
            (0, 1, Health::Healthy),
            (1, 0, Health::Critical),
        ] {
            calls(failed, succeeded);
            assert_eq!(checker.check_now().await.health, health, "{failed} {succeeded}");
        }
        let _held = (bulkhead.try_acquire().unwrap(), bulkhead.try_acquire().unwrap());
        assert_eq!(checker.check_now().await.health, Health::Degraded, "all places are taken");
        bulkhead.reset_statistics();
        assert_eq!(checker.check_now().await.health, Health::Degraded);
    });
}
