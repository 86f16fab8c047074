//! Real processes, really killed: the run goes on where it was, and comes to the same.

use std::path::Path;
use std::process::{Command, Output};

use flights::life::TemporaryDirectory;

fn run(arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flights"));
    command.args(["--headless", "--json", "--data"]).arg(data).args(arguments);
    command.output().expect("it starts")
}

fn report(output: &Output) -> serde_json::Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn a_run_that_is_killed_comes_to_the_same() {
    let data = TemporaryDirectory::new("killed");
    let killed =
        report(&run(&["--flights", "400", "--faults", "0.01", "--kills", "2"], data.path()));
    assert_eq!((&killed["verdict"], &killed["kills"]), (&"equal".into(), &2.into()));
    let lives = killed["lives"].as_array().expect("one for each start");
    assert_eq!(lives.len(), 3);
    assert!(lives.iter().skip(1).any(|life| life["logged"].as_u64() > Some(0)), "{lives:?}");
    assert_eq!(killed["faults_injected"], killed["faults_absorbed"]);
}

#[test]
fn a_finished_run_is_only_looked_at_and_another_one_leaves_its_log_alone() {
    let data = TemporaryDirectory::new("other");
    let first = report(&run(&["--flights", "50", "--kills", "0"], data.path()));
    let again = report(&run(&["--flights", "50", "--kills", "0"], data.path()));
    assert_eq!(again["lives"][0]["resumed_at"], again["events"]);
    for field in ["faults", "deliveries", "airports", "views", "briefings"] {
        assert_eq!(first[field], again[field], "{field}");
    }
    let other = run(&["--flights", "60", "--kills", "0"], data.path());
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("holds the log of another run") && said.contains("help: "), "{said}");
    assert_ne!(other.status.code(), Some(0));
}
