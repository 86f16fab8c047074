//! Side-by-side benchmark of actor libraries with plain tokio tasks.
//!
//! Every sample runs in a fresh child process, so no library inherits the heap
//! that another one left behind; the parent interleaves the samples and prints
//! medians and ratios.

mod figures;
mod measure;
mod memory;
mod message;
mod peer;
mod peers;
mod plan;
mod report;
mod workload;

use std::{error::Error, process::ExitCode, thread, time::Duration};

use bench_common::{allocations::Counting, run_self};
use clap::{Parser, ValueEnum as _};

use crate::{
    peers::{Entry, Part},
    plan::Plan,
    report::Row,
    workload::Workload,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rounds without `--rounds`: the median is of at least five.
const ROUNDS: usize = 5;

/// A sample that takes longer has hung.
const HUNG: Duration = Duration::from_secs(300);

#[derive(Parser)]
#[command(name = "cargo xtask bench actors", version, about)]
struct Args {
    /// Smoke run: a tenth of the operations, one round
    #[arg(long)]
    quick: bool,
    /// Samples per library and workload [default: 5, with --quick 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only these workloads
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<Workload>,
    /// Only these libraries; the tokio baselines always run
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Print one JSON array of all rows in place of tables
    #[arg(long)]
    json: bool,
    /// Decides the order of the libraries within each round
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take one sample in this process and print it (what the child processes do)
    #[arg(long, num_args = 3, value_names = ["PEER", "WORKLOAD", "OPS"], hide = true)]
    sample: Option<Vec<String>>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let mut libraries = peers::all();
    if let Some([library, workload, ops]) = args.sample.as_deref() {
        print_sample(&libraries, library, workload, ops)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) =
        args.peers.iter().find(|name| !libraries.iter().any(|l| l.name == **name))
    {
        let names: Vec<_> = libraries.iter().map(|library| library.name).collect();
        return Err(format!("unknown library {unknown}; there are {}", names.join(", ")).into());
    }
    libraries.retain(|library| {
        args.peers.is_empty()
            || library.is_baseline()
            || args.peers.iter().any(|name| name == library.name)
    });
    let plan = Plan {
        workloads: Workload::value_variants()
            .iter()
            .copied()
            .filter(|workload| args.workloads.is_empty() || args.workloads.contains(workload))
            .collect(),
        rounds: args.rounds.map_or(if args.quick { 1 } else { ROUNDS }, |rounds| rounds as usize),
        quick: args.quick,
        seed: args.seed,
    };
    Ok(if run(&plan, &libraries, args.json) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether every library that was expected to run did.
fn run(plan: &Plan, libraries: &[Entry], json: bool) -> bool {
    if !json {
        print!("{}", report::header(plan.rounds, plan.quick, plan.seed));
    }
    let mut all: Vec<Row> = Vec::new();
    let mut complete = true;
    for &workload in &plan.workloads {
        if libraries.iter().all(|library| library.part(workload) == Part::NotAsked) {
            continue;
        }
        eprintln!("measuring {} ...", workload.name());
        let outcome = plan.run(workload, libraries, &sample_in_child);
        complete &= !outcome.failed;
        let rows = report::rows(&outcome);
        if !json {
            print!("{}", report::section(&outcome, &rows));
        }
        for (library, reason) in outcome.missing.iter().filter(|_| outcome.failed) {
            eprintln!("{}: {library}: {reason}", workload.name());
        }
        all.extend(rows);
    }
    if json {
        println!("{}", bench_common::json(&all));
    } else if !plan.quick && report::has_bars(&all) {
        print!("{}", report::verdicts(&all));
    }
    complete
}

/// Takes one sample in a fresh process.
fn sample_in_child(
    library: &'static str,
    workload: Workload,
    ops: u64,
) -> Result<Vec<f64>, String> {
    let text = run_self(["--sample", library, workload.name(), &ops.to_string()])?;
    text.split_whitespace()
        .map(|number| number.parse().map_err(|error| format!("{number:?}: {error}")))
        .collect()
}

fn print_sample(
    libraries: &[Entry],
    library: &str,
    workload: &str,
    ops: &str,
) -> Result<(), Box<dyn Error>> {
    let workload = Workload::from_str(workload, false)?;
    let library = libraries.iter().find(|l| l.name == library).ok_or("unknown library")?;
    thread::spawn(|| {
        thread::sleep(HUNG);
        eprintln!("no result after {} s", HUNG.as_secs());
        std::process::exit(1);
    });
    let numbers: Vec<_> =
        library.sample(workload, ops.parse()?).iter().map(f64::to_string).collect();
    println!("{}", numbers.join(" "));
    Ok(())
}
