//! SIGTERM, as the operating system sends it: to a process of its own.

use std::{
    future::pending,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use steadfast_actor_core::{Phase, System};

use crate::common::*;

const CHILD: &str = "STEADFAST_SIGTERM_CHILD";

/// The child process: five phases, a task of one hangs. Does nothing unless it is that process.
#[test]
fn s45_child_process() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let log = Log::default();
    let system = System::builder("child").sigterm(true).build().expect("it builds");
    system
        .add_phase(Phase::new("drain").after("before-stop").timeout(ms(200)), &["stop-actors"])
        .unwrap();
    system.add_phase(Phase::new("flush").after("after-stop"), &[]).unwrap();
    for phase in ["before-stop", "drain", "stop-actors", "after-stop", "flush"] {
        let hangs = phase == "drain";
        let task = move || async move {
            if hangs {
                pending::<()>().await;
            }
        };
        system.on_shutdown(phase, "task", task).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let actor = system.spawn("a", Worker::maker("a", &log)).await.unwrap();
        // The parent sends the signal as soon as it reads this.
        report("ready");
        let reason = system.run().await;
        let report_of_it = system.shutdown().await;
        for phase in report_of_it.phases {
            report(&format!("{} late {}", phase.phase, phase.late.len()));
        }
        let stopped = actor.exit_reason().expect("it ended");
        report(&format!("run {} actor {}", reason.name(), stopped.name()));
    });
}

/// Past the test harness, which keeps what tests print.
fn report(line: &str) {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "REPORT {line}").expect("the parent reads");
}

#[test]
#[cfg(unix)]
fn s45_sigterm_runs_the_phases_and_passes_over_the_one_that_hangs() {
    let program = std::env::current_exe().expect("the test binary");
    let mut child = Command::new(program)
        .args(["sigterm::s45_child_process", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test binary runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut reports = Vec::new();
    for line in lines {
        let line = line.expect("text");
        let Some((_, line)) = line.split_once("REPORT ") else { continue };
        if line == "ready" {
            let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
            assert!(kill.expect("kill runs").success());
        } else {
            reports.push(line.to_owned());
        }
    }
    assert!(child.wait().expect("it ends").success(), "{reports:?}");
    assert_eq!(
        reports,
        [
            "before-stop late 0",
            "drain late 1",
            "stop-actors late 0",
            "after-stop late 0",
            "flush late 0",
            "run shutdown actor shutdown",
        ]
    );
}
