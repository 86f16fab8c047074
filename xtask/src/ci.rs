//! `cargo xtask ci` and `check`: which steps there are, in which order, with which commands.
//!
//! Cheap steps come first. Steps share one target folder, one profile and one set of features where
//! they can: a flag that changes rebuilds every dependency. Only loom has compiler flags of its own,
//! and so a folder of its own.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::Cmd;
use crate::runner::{Step, run_all};
use crate::tools::{self, Need};
use crate::workspace::Workspace;
use crate::{layers, tidy};

/// Crates that may have loom models.
const LOOM_CRATES: &[&str] = &["breaker", "actor-core"];
/// Flights in the end-to-end run of the demo: every kind of event, in seconds.
const DEMO_FLIGHTS: &str = "5000";
/// The program in which everything starts and stops once.
const SMOKE: &str = "integration/src/bin/smoke.rs";
const NO_SMOKE: &str = "integration has no program `smoke`";
/// A step that runs programs of ours ends after this, build included.
const RUN_LIMIT: Duration = Duration::from_mins(15);
/// Models explore many schedules: a busy machine takes a multiple of the usual time.
const LOOM_LIMIT: Duration = Duration::from_mins(30);

/// Every step but fuzzing.
pub(crate) fn run(workspace: &Workspace, only: &[String], list: bool) -> Result<ExitCode> {
    let plan = Plan::new(workspace)?;
    let mut steps = plan.fast();
    steps.extend(plan.thorough());
    if !only.is_empty() {
        if let Some(unknown) =
            only.iter().find(|name| !steps.iter().any(|step| step.name == **name))
        {
            bail!("no step is called {unknown}; `cargo xtask ci --list` names them");
        }
        steps.retain(|step| only.contains(&step.name));
    }
    if list {
        let lines = steps
            .iter()
            .map(|step| [&step.name, "\n    ", &step.describe().join("\n    ")].concat());
        // A reader that has seen enough (`| head`) is no fault.
        writeln!(io::stdout().lock(), "{}", lines.collect::<Vec<_>>().join("\n")).ok();
        return Ok(ExitCode::SUCCESS);
    }
    run_all(workspace, &steps)
}

/// The fast part.
pub(crate) fn check(workspace: &Workspace) -> Result<ExitCode> {
    run_all(workspace, &Plan::new(workspace)?.fast())
}

/// Licenses, sources and bans alone.
pub(crate) fn deny(workspace: &Workspace) -> Result<ExitCode> {
    run_all(workspace, &[Plan::new(workspace)?.deny_step()])
}

/// A benchmark of the bench workspace, attached to the terminal.
pub(crate) fn bench(workspace: &Workspace, suite: &str, args: &[String]) -> Result<ExitCode> {
    let suites: Vec<String> = workspace
        .folders("bench")
        .into_iter()
        .filter(|name| workspace.has(&format!("bench/{name}/src/main.rs")))
        .collect();
    if !suites.iter().any(|known| known == suite) {
        bail!("no benchmark is called {suite}; there are: {}", suites.join(", "));
    }
    let manifest = format!("bench/{suite}/Cargo.toml");
    Cmd::cargo(workspace, &["run", "--release", "--manifest-path", &manifest, "--"])
        .args(args.iter().cloned())
        .run_attached()
}

/// How long `ci` injects faults without a pause, in its one long run.
const SOAK_SECONDS: &str = "60";

/// How often it kills a process that appends to a log, in the same run.
const KILLS: &str = "200";

struct Plan<'a> {
    workspace: &'a Workspace,
    path: String,
}

impl<'a> Plan<'a> {
    fn new(workspace: &'a Workspace) -> Result<Self> {
        Ok(Self { workspace, path: tools::search_path()? })
    }

    /// What every commit passes.
    fn fast(&self) -> Vec<Step> {
        let (tidy_root, layers_root) = (self.workspace.clone(), self.workspace.clone());
        vec![
            Step::check("tidy", move || tidy::check(&tidy_root)),
            Step::check("layers", move || layers::check(&layers_root)),
            Step::commands("fmt", self.fmt()),
            self.typos(),
            self.cargo("clippy", "clippy --workspace --all-targets --all-features -- -D warnings"),
            self.tests("test", "10", "24", &[]),
        ]
    }

    /// What a whole change passes on top.
    fn thorough(&self) -> Vec<Step> {
        let doc = self
            .line("doc --workspace --no-deps --all-features")
            .env("RUSTDOCFLAGS", "-D warnings");
        vec![
            self.cargo("doc-tests", "test --doc --workspace --all-features"),
            self.tests(
                "test-without-debug-assertions",
                SOAK_SECONDS,
                KILLS,
                &["--cargo-profile", "testrelease"],
            ),
            self.cargo(
                "each-feature",
                "hack check --workspace --each-feature --exclude xtask --exclude flights --exclude tour --exclude integration",
            )
            .needing(Need::Cargo(tools::HACK)),
            Step::commands("doc", vec![doc]),
            self.deny_step(),
            self.cargo("machete", "machete --skip-target-dir").needing(Need::Cargo(tools::MACHETE)),
            self.loom(),
            self.panic_abort(),
            self.demo(),
            self.bench_smoke(),
            self.valgrind(),
        ]
    }

    /// A cargo command from its words, with the tools on the search path.
    fn line(&self, words: &str) -> Cmd {
        let words: Vec<&str> = words.split(' ').collect();
        Cmd::cargo(self.workspace, &words).env("PATH", self.path.clone())
    }

    fn cargo(&self, name: &str, words: &str) -> Step {
        Step::commands(name, vec![self.line(words)])
    }

    fn fmt(&self) -> Vec<Cmd> {
        let side = ["bench/Cargo.toml", "fuzz/Cargo.toml"];
        let side = side.into_iter().filter(|manifest| self.workspace.has(manifest));
        let mut commands = vec![self.line("fmt --all --check")];
        commands.extend(
            side.map(|path| self.line(&format!("fmt --all --check --manifest-path {path}"))),
        );
        commands
    }

    fn tests(&self, name: &str, soak_seconds: &str, kills: &str, extra: &[&str]) -> Step {
        let command = self
            .line("nextest run --workspace --all-features --profile ci")
            .args(extra.iter().copied())
            .env("INSTA_UPDATE", "no")
            .env("STEADFAST_SOAK_SECONDS", soak_seconds)
            .env("STEADFAST_KILLS", kills);
        Step::commands(name, vec![command]).needing(Need::Cargo(tools::NEXTEST))
    }

    fn typos(&self) -> Step {
        let command = Cmd::new(self.workspace, "typos", &[]).env("PATH", self.path.clone());
        Step::commands("typos", vec![command]).needing(Need::Cargo(tools::TYPOS))
    }

    /// cargo-deny reads the manifests of all targets, so those are fetched first.
    fn deny_step(&self) -> Step {
        let check = "deny --offline --locked --all-features check --hide-inclusion-graph bans licenses sources";
        Step::commands("deny", vec![self.line("fetch --locked"), self.line(check)])
            .needing(Need::Cargo(tools::DENY))
    }

    /// Models of concurrent code, in crates that have some.
    fn loom(&self) -> Step {
        let modeled = LOOM_CRATES.iter().filter(|name| self.has_loom_models(name));
        let packages: Vec<String> =
            modeled.flat_map(|name| ["-p".to_owned(), format!("steadfast-{name}")]).collect();
        if packages.is_empty() {
            return Step::skip("loom", "no crate has loom models");
        }
        let command = self
            .line("test --profile loom --lib --target-dir target/loom")
            .args(packages)
            .args(["loom"])
            .env("RUSTFLAGS", "--cfg suite_loom")
            .env("LOOM_MAX_PREEMPTIONS", "2")
            .limit(LOOM_LIMIT);
        Step::commands("loom", vec![command])
    }

    fn has_loom_models(&self, name: &str) -> bool {
        let folder = format!("crates/{name}/src/");
        self.workspace.text_files().is_ok_and(|files| {
            files
                .iter()
                .filter(|file| file.path.starts_with(&folder))
                .any(|file| file.text.contains("loom::model"))
        })
    }

    /// `panic = "abort"` turns supervision of panics off: what is left must work, and abort.
    fn panic_abort(&self) -> Step {
        if !self.workspace.has(SMOKE) {
            return Step::skip("panic-abort", NO_SMOKE);
        }
        let command = self
            .line("run --profile abort --package integration --bin smoke -- abort")
            .limit(RUN_LIMIT);
        Step::commands("panic-abort", vec![command])
    }

    /// The main job end to end, as a user starts it.
    fn demo(&self) -> Step {
        let command = self
            .line("run --release --package flights -- --headless --flights")
            .args([DEMO_FLIGHTS])
            .limit(RUN_LIMIT);
        Step::commands("demo", vec![command])
    }

    /// The benchmarks build, and our part of them runs to its end.
    fn bench_smoke(&self) -> Step {
        if !self.workspace.has("bench/actors/Cargo.toml") {
            return Step::skip("bench", "no bench workspace yet");
        }
        let tests = self.line("test --manifest-path bench/Cargo.toml").limit(RUN_LIMIT);
        let smoke = |suite: &str| {
            let words = format!(
                "run --manifest-path bench/{suite}/Cargo.toml -- --quick --peers steadfast"
            );
            self.line(&words).limit(RUN_LIMIT)
        };
        Step::commands("bench", vec![tests, smoke("actors"), smoke("policies"), smoke("log")])
    }

    /// Memory errors and leaks, on a small run in which everything starts and stops.
    fn valgrind(&self) -> Step {
        if !self.workspace.has(SMOKE) {
            return Step::skip("valgrind", NO_SMOKE);
        }
        let runner = "valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite";
        let command = self
            .line("run --profile testrelease --package integration --bin smoke -- small")
            // Naming the frames of a panic takes minutes under valgrind.
            .env("RUST_BACKTRACE", "0")
            .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", runner)
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner)
            .limit(RUN_LIMIT);
        Step::commands("valgrind", vec![command]).needing(tools::VALGRIND)
    }
}
