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
    assert_eq!(said.matches("error: ").count(), 1, "said once: {said}");
    assert_eq!(other.status.code(), Some(2), "as for any other bad argument");
}

/// Runs until the first sign of progress, sends a signal, and answers the exit code and the last words.
#[cfg(unix)]
fn interrupted(signal: &str, scratch: &Path) -> (Option<i32>, String) {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    std::fs::create_dir_all(scratch).expect("a place for temporary files");
    let mut program = Command::new(env!("CARGO_BIN_EXE_flights"))
        .args(["--flights", "100000", "--speed", "3600"])
        .env("TMPDIR", scratch)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    for line in BufReader::new(program.stderr.take().expect("piped")).lines() {
        let line = line.expect("text");
        if line.starts_with('[') && said.is_empty() {
            let kill = Command::new("kill").args([signal, &program.id().to_string()]).status();
            assert!(kill.expect("kill runs").success());
            said.push_str("progress\n");
        } else if !said.is_empty() && !line.starts_with('[') {
            said = said + &line + "\n";
        }
    }
    (program.wait().expect("it ends").code(), said)
}

#[test]
#[cfg(unix)]
fn a_signal_ends_the_run_at_once_and_leaves_nothing_behind() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let scratch = TemporaryDirectory::new(signal);
        let (ended, said) = interrupted(signal, scratch.path());
        assert_eq!(ended, Some(code), "{said}");
        let number = code - 128;
        assert!(said.contains(&format!("error: interrupted by signal {number}\n")), "{said}");
        assert!(said.contains("--data DIR"), "{said}");
        let left = std::fs::read_dir(scratch.path()).expect("it was made").count();
        assert_eq!(left, 0, "no event log is left");
    }
}
