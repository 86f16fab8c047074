//! Child processes: described, printed, run, and their reason of failure kept.

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Lines of output kept to explain a failure.
const TAIL_LINES_MAX: usize = 200;
/// Lines shown from the first error on.
const REASON_LINES_MAX: usize = 12;
/// Starts of the variables that cargo sets for the program that it runs.
const OWN_VARIABLES: &[&str] = &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
/// How long a command gets to end by itself after its time limit.
const KILL_AFTER: &str = "--kill-after=10s";

/// A command line, not yet run.
#[derive(Debug, Clone)]
pub(crate) struct Cmd {
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    dir: PathBuf,
    limit: Option<Duration>,
}

impl Cmd {
    pub(crate) fn new(workspace: &Workspace, program: &str, args: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: Vec::new(),
            dir: workspace.root().to_path_buf(),
            limit: None,
        }
    }

    pub(crate) fn cargo(workspace: &Workspace, args: &[&str]) -> Self {
        Self::new(workspace, "cargo", args)
    }

    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.env.push((key.to_owned(), value.into()));
        self
    }

    /// Ends the command and its children after `limit` (where `timeout` is installed).
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// What the command prints; its error output goes to ours.
    pub(crate) fn output(&self) -> Result<String> {
        let output = self
            .command()
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start `{self}`"))?;
        if !output.status.success() {
            bail!("`{self}` failed: {}", output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs with our terminal and gives back its exit code.
    pub(crate) fn run_attached(&self) -> Result<ExitCode> {
        let status = self.command().status().with_context(|| format!("cannot start `{self}`"))?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
    }

    /// Runs, passes the output through, and on failure answers with the first reason in it.
    pub(crate) fn run(&self) -> Result<()> {
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{self}`"))?;
        let tail = Arc::new(Mutex::new(Tail::default()));
        let readers = [
            child.stdout.take().map(|out| pass_through(out, Arc::clone(&tail), false)),
            child.stderr.take().map(|err| pass_through(err, Arc::clone(&tail), true)),
        ];
        let status = child.wait().with_context(|| format!("lost `{self}`"))?;
        for reader in readers.into_iter().flatten() {
            anyhow::ensure!(reader.join().is_ok(), "lost the output of `{self}`");
        }
        if status.success() {
            return Ok(());
        }
        let reason = tail.lock().unwrap_or_else(PoisonError::into_inner).reason();
        bail!("`{self}` failed ({status}){reason}")
    }

    fn command(&self) -> Command {
        let mut command = match self.limit {
            Some(limit) if crate::tools::on_path("timeout") => {
                let mut command = Command::new("timeout");
                command.arg(KILL_AFTER).arg(format!("{}s", limit.as_secs())).arg(&self.program);
                command
            }
            _ => Command::new(&self.program),
        };
        command.args(&self.args).current_dir(&self.dir);
        // What `cargo run` told us of xtask is not true of the child, and some tools ask for it.
        for (key, _) in std::env::vars_os() {
            let key = key.to_string_lossy();
            if OWN_VARIABLES.iter().any(|start| key.starts_with(start)) {
                command.env_remove(key.as_ref());
            }
        }
        if std::io::stdout().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in self.env.iter().filter(|(key, _)| key != "PATH") {
            write!(f, "{key}={} ", quoted(value))?;
        }
        write!(f, "{}", self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

fn quoted(word: &str) -> String {
    if word.contains(char::is_whitespace) { format!("\"{word}\"") } else { word.to_owned() }
}

#[derive(Debug, Default)]
struct Tail {
    first_error: Vec<String>,
    last: VecDeque<String>,
}

impl Tail {
    fn push(&mut self, line: &str) {
        let started = !self.first_error.is_empty();
        if (started && self.first_error.len() < REASON_LINES_MAX) || (!started && is_error(line)) {
            self.first_error.push(line.to_owned());
        }
        if self.last.len() == TAIL_LINES_MAX {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    fn reason(&self) -> String {
        let skipped = self.last.len().saturating_sub(REASON_LINES_MAX);
        let lines: Vec<&String> = if self.first_error.is_empty() {
            self.last.iter().skip(skipped).collect()
        } else {
            self.first_error.iter().collect()
        };
        lines.iter().fold(String::new(), |text, line| text + "\n    " + line)
    }
}

/// Whether a line of compiler, test or tool output is the start of an error.
fn is_error(line: &str) -> bool {
    let plain = strip_color(line);
    let plain = plain.trim_start();
    ["error", "Error", "FAIL ", "TIMEOUT ", "Diff in ", "FAILED"]
        .iter()
        .any(|start| plain.starts_with(start))
        || plain.contains("panicked at")
        || plain.contains("found the following unused")
}

fn strip_color(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut escaped = false;
    for c in line.chars() {
        match c {
            '\u{1b}' => escaped = true,
            'm' if escaped => escaped = false,
            _ if escaped => {}
            _ => plain.push(c),
        }
    }
    plain
}

fn pass_through(
    stream: impl Read + Send + 'static,
    tail: Arc<Mutex<Tail>>,
    to_stderr: bool,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let line = String::from_utf8_lossy(&bytes);
            let line = line.trim_end_matches(['\n', '\r']);
            if to_stderr {
                eprintln!("{line}");
            } else {
                println!("{line}");
            }
            tail.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            bytes.clear();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{REASON_LINES_MAX, Tail, is_error};

    #[test]
    fn the_reason_starts_at_the_first_error() {
        let mut tail = Tail::default();
        for line in ["   Compiling a", "error[E0308]: mismatched types", " --> src/lib.rs:1:1"] {
            tail.push(line);
        }
        tail.push("error: could not compile");
        assert!(tail.reason().starts_with("\n    error[E0308]"), "{}", tail.reason());
    }

    #[test]
    fn without_an_error_line_the_reason_is_the_end_of_the_output() {
        let mut tail = Tail::default();
        for n in 0..100 {
            tail.push(&format!("line {n}"));
        }
        assert!(tail.reason().ends_with("line 99"));
        assert_eq!(tail.reason().trim().lines().count(), REASON_LINES_MAX);
    }

    #[test]
    fn color_does_not_hide_an_error() {
        assert!(is_error("\u{1b}[1m\u{1b}[91merror\u{1b}[0m: unused"));
        assert!(!is_error("   Compiling thiserror v2"));
    }
}
