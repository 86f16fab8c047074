//! Drills find what they should, and touch nothing.

use steadfast_assembly::drill::{self, Drill, Options, Report, Verdict};

use crate::support::{config, on};

const SOUND: &str = r#"
[components.inventory]
total_deadline = 2.0
retry = { max_attempts = 3 }
breaker = {}
bulkhead = { max_concurrent_calls = 10, max_wait_duration = 0.1, queue_calls_max = 20 }
rate_limit = { limit = 100 }
attempt_timeout = 0.5

[components.slow]
breaker = { failure_rate = "off", consecutive_failures = "off", min_calls = 4 }

[components.throttled]
retry = { max_attempts = 5 }
retry_budget = { throttle = { max_tokens = 10, token_ratio = 0.1 } }

[components.plain]

[healing.components.inventory]
approval = {}
"#;

fn run(text: &str) -> Report {
    drill::run(&config(text), &Options::default()).unwrap()
}

#[test]
fn a_sound_configuration_passes_every_drill() {
    let report = run(SOUND);
    assert!(report.passed(), "{report}");
    for drill in Drill::ALL {
        let outcome = report.outcome("inventory", drill).unwrap();
        assert_eq!(outcome.verdict, Verdict::Passed, "{report}");
    }
    let found = &report.outcome("slow", Drill::Breaker).unwrap().found;
    assert_eq!(found, "opened after 4 bad calls, rejected, closed after 3 good calls");
    let plain = |drill| report.outcome("plain", drill).unwrap().verdict;
    assert_eq!(plain(Drill::Breaker), Verdict::Skipped);
    assert_eq!(plain(Drill::ManyCallers), Verdict::Passed);
}

#[test]
fn a_breaker_that_the_rate_limit_keeps_from_opening_fails_its_drill() {
    let report = run("[components.mail]\nrate_limit = { limit = 1, period = 10.0 }\n\
         breaker = { window = { time = 5.0 }, consecutive_failures = \"off\", min_calls = 10 }\n");
    let outcome = report.outcome("mail", Drill::Breaker).unwrap();
    assert_eq!(outcome.verdict, Verdict::Failed, "{report}");
    assert_eq!(outcome.found, "closed after 10 bad calls");
    assert!(
        !report.passed() && report.to_string().contains("FAILED   mail breaker: expected open")
    );
}

#[test]
fn a_component_without_a_time_limit_is_told_of() {
    let report = run("[components.mail]\nretry = {}\n");
    let outcome = report.outcome("mail", Drill::TimeLimit).unwrap();
    assert_eq!(outcome.verdict, Verdict::Skipped);
    assert!(outcome.found.contains("for ever"), "{report}");
}

#[test]
fn the_same_seed_gives_the_same_report() {
    assert_eq!(run(SOUND), run(SOUND));
}

#[test]
fn a_report_is_data() {
    let json = serde_json::to_value(run("[components.plain]\n")).unwrap();
    assert_eq!(json["outcomes"][5]["drill"], "many-callers");
    assert_eq!(json["outcomes"][5]["verdict"], "passed");
}

#[test]
fn a_bad_configuration_is_refused_and_not_drilled() {
    let bad = config("[components.mail]\nretry = { max_attempts = 0 }\n");
    assert!(drill::run(&bad, &Options::default()).is_err());
}

#[test]
fn drills_of_a_running_system_touch_nothing_that_is_live() {
    let text = SOUND.split("[healing").next().unwrap_or_default();
    on(
        text,
        |builder| builder,
        |system| async move {
            let before = system.health();
            let mut options = Options::default();
            options.components = vec!["inventory".to_owned()];
            let report = system.drill(&options).unwrap();
            assert!(report.passed() && report.outcomes.len() == 6, "{report}");
            assert_eq!(system.health(), before);
        },
    );
}
