//! The program as a user meets it: exit codes, what goes where, errors.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flights")).args(arguments).output().expect("it starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn json_is_one_object_with_the_promised_fields() {
    let output =
        run(&["--flights", "2000", "--faults", "0.01", "--kills", "1", "--headless", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("nothing but one JSON object");
    assert_eq!(report["verdict"], "equal");
    assert_eq!(report["flights"], 2_000);
    for field in [
        "events",
        "actors",
        "faults_injected",
        "faults_absorbed",
        "restarts",
        "dead_letters",
        "kills",
        "actor_kills",
    ] {
        assert!(report[field].is_u64(), "{field}: {}", report[field]);
    }
    for service in ["weather", "registry"] {
        let calls = &report["services"][service];
        let count = |name: &str| calls[name].as_u64().expect(name);
        assert!(count("calls") > 0 && calls["breaker_history"].is_array(), "{calls}");
        let ended = ["answered", "not_found", "unanswered"].map(count);
        assert_eq!(count("calls"), ended.iter().sum::<u64>(), "{calls}");
        for name in ["requests", "failed", "retried", "rejected_by_breaker", "outages"] {
            count(name);
        }
        assert!(calls["fallbacks"]["last_good"].is_u64() && calls["fallbacks"]["unknown"].is_u64());
    }
    assert_eq!(report["briefings"]["flights"], 2_000);
    assert_eq!(report["kills"], 1);
    assert_eq!(report["lives"].as_array().map(Vec::len), Some(2));
    let log = &report["log"];
    assert!(
        log["bytes_on_disk"].as_u64() > Some(0) && log["log_events"].as_u64() > Some(0),
        "{log}"
    );
    assert_eq!(
        (&log["replay"]["hashes_equal"], &log["travel"]["equal"]),
        (&true.into(), &true.into())
    );
    assert!(report["elapsed_s"].is_f64());
    assert!(report["faults_injected"].as_u64() > Some(20));
    assert_eq!(report["faults_injected"], report["faults_absorbed"]);
}

#[test]
fn tables_end_with_the_verdict() {
    let output = run(&["--flights", "500", "--no-faults", "--kills", "0", "--headless"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("saved by breaker") && text.contains("500 briefings"), "{text}");
    assert!(text.contains("United Air Lines Inc.") && text.contains("Newark Liberty Intl"));
    assert!(text.lines().last().is_some_and(|line| line.starts_with("  verdict EQUAL")), "{text}");
}

#[test]
fn bad_arguments_end_with_code_two_and_say_what_is_allowed() {
    for (arguments, allowed) in
        [(["--faults", "2"], "from 0 (no faults) to 1"), (["--flights", "0"], "at least 1")]
    {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(allowed), "{}", stderr(&output));
    }
}

#[test]
fn a_missing_data_folder_ends_with_code_two_and_a_way_out() {
    let output = run(&["--flights-from", "no/such/folder"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("no/such/folder") && text.contains("--flights-from DIR"), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_log_directory_that_cannot_be_used_is_a_bad_argument_said_once() {
    let file = env!("CARGO_BIN_EXE_flights");
    for data in [file, &format!("{file}/below")] {
        let output = run(&["--flights", "5", "--headless", "--data", data]);
        assert_eq!(output.status.code(), Some(2));
        let text = stderr(&output);
        assert!(text.contains("is no directory that can be used"), "{text}");
        assert_eq!(text.matches("error: ").count(), 1, "{text}");
        assert!(text.contains("give --data a directory"), "{text}");
    }
}
