//! Side-by-side benchmark of steadfast's event log with other logs and stores, and a bare file.
//!
//! Every sample runs in a fresh child process and a fresh directory; the parent interleaves the samples
//! and prints medians and ratios. What is read is checked, and so is what a killed process acknowledged.

mod bulk;
mod crash;
mod durable;
mod event;
mod figures;
mod generator;
mod group;
mod journal;
mod large;
mod limits;
mod os;
mod peers;
mod race;
mod relaxed;
mod report;
mod sample;
mod settle;
mod size;
mod sourced;
mod workload;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use bench_common::{Rounds, Row, json, run_self};
use clap::{Parser, ValueEnum as _};

use crate::{
    figures::{LIMIT, MACHINE, RAW},
    peers::Entry,
    report::Results,
    sample::{Scale, Setting},
    workload::{Stage, Workload},
};

/// Rounds without `--rounds`.
const ROUNDS: u32 = 5;

/// A sample that takes longer has hung.
const HUNG: Duration = Duration::from_secs(1_800);

#[derive(Parser)]
#[command(name = "cargo xtask bench log", version, about)]
struct Args {
    /// Smoke run: a fraction of the events, one round
    #[arg(long)]
    quick: bool,
    /// Samples per library and workload [default: 5, with --quick 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only these workloads, and those whose figures theirs are compared with
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<Workload>,
    /// Only these libraries, each with what is named after it (sqlite: also sqlite-off and
    /// sqlite-grouped); raw and limit-4k always run
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Print one JSON array of all rows in place of tables
    #[arg(long)]
    json: bool,
    /// Decides the events, and the order of the libraries within each round
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where a temporary directory for the data is made; not on a tmpfs
    #[arg(long, default_value_os_t = env::temp_dir())]
    dir: PathBuf,
    /// Take one sample in this process, in the directory itself (what the child processes do)
    #[arg(long, value_name = "LIBRARY", hide = true)]
    sample: Option<String>,
    /// Append to a log until killed
    #[arg(long, num_args = 2, value_names = ["LIBRARY", "DIR"], hide = true)]
    append_until_killed: Option<Vec<String>>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if let Some([library, dir]) = args.append_until_killed.as_deref() {
        crash::child(find(library)?.peer, Path::new(dir))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(library) = &args.sample {
        print_sample(library, &args)?;
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(!os::is_tmpfs(&args.dir)?, "the data would be in memory; choose another --dir");
    let entries = chosen(&args)?;
    let dir = tempfile::Builder::new().prefix("bench-log-").tempdir_in(&args.dir)?;
    let run = Run { args: &args, entries: &entries, dir: dir.path() };
    let complete = run.all()?;
    dir.close()?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The libraries that run.
fn chosen(args: &Args) -> Result<Vec<Entry>> {
    let mut entries = peers::all();
    for name in &args.peers {
        if !entries.iter().any(|entry| entry.answers_to(name)) {
            let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
            bail!("unknown library {name}; there are {}", names.join(", "));
        }
    }
    entries.retain(|entry| {
        args.peers.is_empty()
            || [RAW, LIMIT].contains(&entry.name)
            || args.peers.iter().any(|name| entry.answers_to(name))
    });
    Ok(entries)
}

fn find(library: &str) -> Result<Entry> {
    let mut entries = peers::all().into_iter();
    entries.find(|entry| entry.name == library).with_context(|| format!("no library {library}"))
}

struct Run<'a> {
    args: &'a Args,
    entries: &'a [Entry],
    dir: &'a Path,
}

impl Run<'_> {
    /// Whether every library that was expected to run did.
    fn all(&self) -> Result<bool> {
        let default = if self.args.quick { 1 } else { ROUNDS };
        let rounds = self.args.rounds.unwrap_or(default) as usize;
        if !self.args.json {
            print!("{}", report::header(self.entries, rounds, self.args.quick, self.args.seed));
        }
        let names = report::names(self.entries);
        let mut results = Results::default();
        let mut rows: Vec<Row> = Vec::new();
        let mut complete = true;
        for stage in Stage::ALL {
            let workloads = self.workloads(stage);
            let failed = self.stage(stage, &workloads, rounds, &mut results)?;
            complete &= failed.is_empty();
            for workload in workloads {
                rows.extend(results.rows(workload, &names));
                if !self.args.json {
                    print!("{}", results.section(workload, &names));
                }
            }
            for (library, reason) in failed {
                eprintln!("{}: {library} is missing: {reason}", stage.name());
            }
        }
        if self.args.json {
            println!("{}", json(&rows));
        } else if !self.args.quick {
            print!("{}", results.verdicts());
        }
        Ok(complete)
    }

    fn workloads(&self, stage: Stage) -> Vec<Workload> {
        let asked = |workload: &Workload| match self.args.workloads.as_slice() {
            [] => !(self.args.quick && workload.is_long()),
            named => named.iter().any(|one| one == workload || figures::compares(*one, *workload)),
        };
        let all = Workload::value_variants().iter().copied();
        all.filter(|workload| workload.stage() == stage && asked(workload)).collect()
    }

    /// Takes the samples of a stage; gives the libraries that failed.
    fn stage(
        &self,
        stage: Stage,
        workloads: &[Workload],
        rounds: usize,
        results: &mut Results,
    ) -> Result<Vec<(&'static str, String)>> {
        if workloads.is_empty() {
            return Ok(Vec::new());
        }
        let takes = |entry: &&Entry| workloads.iter().any(|workload| entry.takes(*workload));
        let libraries: Vec<&'static str> = match stage {
            Stage::Limits => vec![MACHINE],
            _ => self.entries.iter().filter(takes).map(|entry| entry.name).collect(),
        };
        let rounds = Rounds { count: stage.rounds(rounds), seed: self.args.seed };
        let total = rounds.count * libraries.len();
        let mut number = 0;
        let taken = rounds.take(&libraries, |library| {
            number += 1;
            eprintln!("{}, {number} of {total}: {library}", stage.name());
            self.sample_in_child(library, workloads)
        });
        for samples in taken.samples {
            for (figure, number) in samples.rounds.into_iter().flatten() {
                let figure = figures::named(&figure).context("a figure nobody knows")?;
                results.add(samples.library, figure.name, number);
            }
        }
        Ok(taken.failed)
    }

    /// Takes one sample in a fresh process and a fresh directory.
    fn sample_in_child(
        &self,
        library: &str,
        workloads: &[Workload],
    ) -> Result<Vec<(String, f64)>, String> {
        let dir = self.dir.join(library);
        fs::create_dir(&dir).map_err(|error| error.to_string())?;
        let names: Vec<String> = workloads.iter().map(|workload| workload.name()).collect();
        let (names, seed) = (names.join(","), self.args.seed.to_string());
        let path = dir.to_str().ok_or("the directory's name is no text")?;
        let mut args = vec!["--sample", library, "--workloads", &names, "--seed", &seed];
        args.extend(["--dir", path]);
        args.extend(self.args.quick.then_some("--quick"));
        let output = run_self(args);
        fs::remove_dir_all(&dir).map_err(|error| error.to_string())?;
        output?.lines().map(parse).collect()
    }
}

/// A line of a sample: the figure's name and its number.
fn parse(line: &str) -> Result<(String, f64), String> {
    let (figure, number) = line.split_once(' ').ok_or_else(|| format!("{line:?} is no figure"))?;
    let number = number.parse().map_err(|error| format!("{number:?}: {error}"))?;
    Ok((figure.to_owned(), number))
}

fn print_sample(library: &str, args: &Args) -> Result<()> {
    thread::spawn(|| {
        thread::sleep(HUNG);
        eprintln!("no result after {} s", HUNG.as_secs());
        std::process::exit(1);
    });
    let setting = Setting {
        dir: args.dir.clone(),
        wanted: args.workloads.clone(),
        scale: if args.quick { Scale::Quick } else { Scale::Full },
        seed: args.seed,
    };
    let numbers = if library == MACHINE {
        sample::machine(&setting)?
    } else {
        sample::library(&find(library)?, &setting)?
    };
    for (figure, number) in numbers {
        println!("{figure} {number}");
    }
    Ok(())
}
