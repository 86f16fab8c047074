//! Configurations that are refused.

use steadfast_actor_core::testkit::TestSystem;
use steadfast_assembly::{Config, ConfigError, SetupError, Steadfast};
use steadfast_health::HealBy;

use crate::support::{Told, config};

fn refused(builder: steadfast_assembly::Builder) -> ConfigError {
    let test = TestSystem::new();
    let tasks = test.system().task_count();
    let refused = test.run(async {
        let refused = builder.start(test.system()).unwrap_err();
        test.settle().await;
        refused
    });
    assert_eq!(test.system().task_count(), tasks, "nothing is left running");
    match refused {
        SetupError::Config(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn every_fault_is_listed_with_its_component_and_the_fix() {
    let text = "
        [components.inventory]
        total_deadline = 1.0
        attempt_timeout = 3.0
        breaker = { failure_rate = 2.0 }

        [components.mail]
        retry = { max_attempts = 0, jitter = 7.0 }
        retry_budget = { ratio = { ratio = 5.0, per_second = 1.0, burst = 10 } }
        bulkhead = { queue_calls_max = 4000000000 }

        [components.web]
        retry_budget = { ratio = { ratio = 0.1, per_second = 1.0, burst = 10 } }

        [healing]
        interval = 0.0
    ";
    let error = config(text).validate().unwrap_err();
    let faults: Vec<(Option<&str>, &str)> =
        error.faults().iter().map(|fault| (fault.component(), fault.at())).collect();
    let expected = [
        (Some("inventory"), "breaker.failure_rate"),
        (Some("inventory"), "pipeline:"),
        (Some("mail"), "retry_budget.ratio"),
        (Some("mail"), "retry.max_attempts"),
        (Some("mail"), "retry.jitter"),
        (Some("mail"), "bulkhead.queue_calls_max"),
        (Some("web"), "retry_budget"),
        (None, "healing.interval"),
    ];
    assert_eq!(faults, expected, "{error}");
    assert!(error.to_string().contains("component web: retry_budget is set without a retry; add"));
}

#[test]
fn a_setting_that_does_not_exist_is_refused_with_its_place() {
    let error = Config::from_toml("[components.mail]\nretries = 3\n").unwrap_err();
    assert!(error.to_string().contains("retries"), "{error}");
}

#[test]
fn what_the_code_adds_to_no_component_is_a_fault() {
    let error = refused(Steadfast::builder().fallback("post", 1));
    assert_eq!(error.faults()[0].component(), Some("post"));
}

#[test]
fn names_that_meet_are_faults() {
    let base = config("[components.mail]\nbreaker = {}\n[healing.components.disk]\n");
    let builder = Steadfast::builder()
        .config(base)
        .check(Told::new("mail", true))
        .probe("mail", Told::new("ping", true))
        .heal_other("mail", || None, HealBy::new("nothing", || async { Ok(()) }));
    let text = refused(builder).to_string();
    for part in ["healing rule mail has two rules", "healing.components.disk", "health.checks"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn probes_need_a_breaker() {
    let builder = Steadfast::builder().config(config("[components.mail]\n"));
    let text = refused(builder.probe("mail", Told::new("ping", true))).to_string();
    assert!(text.contains("component mail: probe has probes but no breaker"), "{text}");
}

#[test]
fn a_time_limit_outside_of_a_breaker_that_ignores_drops_is_refused_where_there_is_one() {
    let with = "[components.mail]\ntotal_deadline = 1.0\nbreaker = { on_drop = \"release\" }\n";
    assert!(config(with).validate().is_err());
    let without = "[components.mail]\nbreaker = { on_drop = \"release\" }\n";
    assert!(config(without).validate().is_ok());
}

#[test]
fn a_configuration_survives_its_serialized_form() {
    let original = config("[components.mail]\nattempt_timeout = 0.5\nretry = {}\nbreaker = {}\n");
    let text = serde_json::to_string(&original).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), original);
}
