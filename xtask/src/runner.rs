//! Runs steps one after another, all of them, and ends with a table.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::process::Cmd;
use crate::tools::{self, Need};
use crate::workspace::Workspace;

/// What a step does.
pub(crate) enum Work {
    /// Runs these commands until one fails.
    Commands(Vec<Cmd>),
    /// Runs a check inside this program; the answer is one line of summary.
    Check(Box<dyn Fn() -> Result<String>>),
    /// Nothing, for this reason.
    Skip(&'static str),
}

/// One line of the summary table.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) work: Work,
    /// What must be installed before it runs.
    pub(crate) needs: Vec<Need>,
}

impl Step {
    pub(crate) fn commands(name: impl Into<String>, commands: Vec<Cmd>) -> Self {
        Self { name: name.into(), work: Work::Commands(commands), needs: vec![tools::CC] }
    }

    pub(crate) fn check(name: &str, check: impl Fn() -> Result<String> + 'static) -> Self {
        Self { name: name.to_owned(), work: Work::Check(Box::new(check)), needs: Vec::new() }
    }

    pub(crate) fn skip(name: &str, reason: &'static str) -> Self {
        Self { name: name.to_owned(), work: Work::Skip(reason), needs: Vec::new() }
    }

    pub(crate) fn needing(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    /// The command lines of the step, for people.
    pub(crate) fn describe(&self) -> Vec<String> {
        match &self.work {
            Work::Commands(commands) => commands.iter().map(ToString::to_string).collect(),
            Work::Check(_) => vec!["(inside xtask)".to_owned()],
            Work::Skip(reason) => vec![format!("(skipped: {reason})")],
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed(String),
    Skipped(&'static str),
}

#[derive(Debug)]
struct Row {
    name: String,
    verdict: Verdict,
    took: Duration,
}

/// Installs what the steps need, then runs every step, also after a failure.
///
/// The exit code is 1 if any failed.
pub(crate) fn run_all(workspace: &Workspace, steps: &[Step]) -> Result<ExitCode> {
    let needs: Vec<Need> = steps.iter().flat_map(|step| step.needs.iter().copied()).collect();
    tools::ensure(workspace, &needs)?;
    let clock = stopwatch();
    let mut rows = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        println!("\n==> [{}/{}] {}", index + 1, steps.len(), step.name);
        let started = clock();
        let verdict = run_one(step);
        let took = clock().saturating_sub(started);
        println!("    {} in {} (since start: {})", word(&verdict), human(took), human(clock()));
        rows.push(Row { name: step.name.clone(), verdict, took });
    }
    println!("{}", summary(&rows, clock()));
    let failed = rows.iter().any(|row| matches!(row.verdict, Verdict::Failed(_)));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_one(step: &Step) -> Verdict {
    let result = match &step.work {
        Work::Skip(reason) => return Verdict::Skipped(reason),
        Work::Check(check) => check().map(|line| println!("    {line}")),
        Work::Commands(commands) => commands.iter().try_for_each(|command| {
            println!("    $ {command}");
            command.run()
        }),
    };
    match result {
        Ok(()) => Verdict::Passed,
        Err(error) => {
            let reason = format!("{error:#}");
            println!("    {reason}");
            Verdict::Failed(reason)
        }
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Failed(_) => "FAILED",
        Verdict::Skipped(_) => "skipped",
    }
}

fn summary(rows: &[Row], total: Duration) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("total".len());
    let mut lines = vec![String::new(), format!("{:width$}  result   {:>8}", "step", "time")];
    for row in rows {
        let remark = if let Verdict::Skipped(reason) = row.verdict { reason } else { "" };
        let line = format!(
            "{:width$}  {:7}  {:>8}  {remark}",
            row.name,
            word(&row.verdict),
            human(row.took)
        );
        lines.push(line.trim_end().to_owned());
    }
    lines.push(format!("{:width$}  {:7}  {:>8}", "total", "", human(total)));
    let failures = rows.iter().filter_map(|row| match &row.verdict {
        Verdict::Failed(reason) => Some((&row.name, reason)),
        _ => None,
    });
    for (index, (name, reason)) in failures.enumerate() {
        let title = if index == 0 { "first failure" } else { "also failed" };
        lines.push(format!("\n{title}: {name}: {reason}"));
    }
    let count = |wanted: &str| rows.iter().filter(|row| word(&row.verdict) == wanted).count();
    lines.push(String::new());
    lines.push(format!(
        "steps: {} passed, {} failed, {} skipped",
        count("ok"),
        count("FAILED"),
        count("skipped")
    ));
    lines.join("\n")
}

fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 {
        format!("{}m {:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1}s", time.as_secs_f64())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a build tool has no injected clock, and only prints what this one says"
)]
fn stopwatch() -> impl Fn() -> Duration {
    let origin = Instant::now();
    move || origin.elapsed()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Row, Step, Verdict, human, run_one, summary};

    fn row(name: &str, verdict: Verdict) -> Row {
        Row { name: name.to_owned(), verdict, took: Duration::from_millis(1_500) }
    }

    #[test]
    fn the_summary_names_the_first_reason_and_ends_with_the_counts() {
        let rows = [
            row("tidy", Verdict::Passed),
            row("clippy", Verdict::Failed("error: unused".to_owned())),
            row("test", Verdict::Failed("FAIL it".to_owned())),
            row("loom", Verdict::Skipped("no loom tests")),
        ];
        let text = summary(&rows, Duration::from_secs(75));
        let first = text.find("first failure: clippy: error: unused");
        assert!(first.is_some() && first < text.find("also failed: test"), "{text}");
        assert!(text.contains("\ntotal              1m 15s\n"), "{text}");
        assert!(text.ends_with("\nsteps: 1 passed, 2 failed, 1 skipped"), "{text}");
    }

    #[test]
    fn a_check_that_errs_fails_its_step_with_the_whole_reason() {
        let step = Step::check("x", || Err(anyhow::anyhow!("inner").context("outer")));
        assert_eq!(run_one(&step), Verdict::Failed("outer: inner".to_owned()));
    }

    #[test]
    fn times_read_well_below_and_above_a_minute() {
        assert_eq!(human(Duration::from_millis(59_940)), "59.9s");
        assert_eq!(human(Duration::from_mins(1)), "1m 00s");
    }
}
