//! The project's own commands; `cargo xtask help` lists them.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool prints")]

mod ci;
mod fuzz;
mod layers;
mod process;
mod runner;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::process::Cmd;
use crate::workspace::Workspace;

/// The commands of the steadfast project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything but fuzzing: installs what it lacks, runs each step, ends with a table
    Ci {
        /// Run only these steps, by name (may be given several times)
        #[arg(long, value_name = "STEP")]
        only: Vec<String>,
        /// Print the steps with their commands and stop
        #[arg(long)]
        list: bool,
    },
    /// The fast part of `ci`: tidy, layers, fmt, typos, clippy, test
    Check,
    /// Compare the edges between crates with the ranks in the root Cargo.toml
    Layers {
        /// Also write the table of layers into ARCHITECTURE.md
        #[arg(long)]
        md: bool,
    },
    /// Check the house rules that no compiler knows
    Tidy,
    /// Check licenses, sources and banned crates (cargo-deny, offline)
    Deny,
    /// Run a benchmark of the bench workspace in release
    Bench {
        /// Which benchmark: `actors` compares ours with tokio and the peers, `policies` breakers and
        /// other policies with their peers and a bare call, `log` the event log with other logs and stores
        suite: String,
        /// Passed on to the benchmark; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the main job: a year of real flights under injected faults
    #[command(disable_help_flag = true)]
    Demo {
        /// Passed on to the demo; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run every fuzz target for a bounded time
    FuzzSmoke {
        /// Seconds for each target
        #[arg(long, default_value_t = fuzz::SECONDS_PER_TARGET)]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Ci { only, list } => ci::run(&workspace, &only, list),
        Command::Check => ci::check(&workspace),
        Command::Layers { md } => {
            if md {
                layers::write_markdown(&workspace)?;
            }
            report("layers", layers::check(&workspace))
        }
        Command::Tidy => report("tidy", tidy::check(&workspace)),
        Command::Deny => ci::deny(&workspace),
        Command::Bench { suite, args } => ci::bench(&workspace, &suite, &args),
        Command::Demo { args } => {
            Cmd::cargo(&workspace, &["run", "--release", "--package", "flights", "--"])
                .args(args)
                .run_attached()
        }
        Command::FuzzSmoke { seconds } => fuzz::smoke(&workspace, seconds),
    }
}

fn report(name: &str, result: anyhow::Result<String>) -> anyhow::Result<ExitCode> {
    let summary = result?;
    println!("{name}: {summary}");
    Ok(ExitCode::SUCCESS)
}
