//! Side-by-side benchmark of resilience policies with other libraries and the bare call.
//!
//! All samples are taken in one process, interleaved within each round; the tables show medians and
//! ratios, and every call's outcome is checked.

mod case;
mod figures;
mod peers;
mod plan;
mod plot;
mod report;
mod workload;

use std::{error::Error, fs, path::PathBuf, process::ExitCode, time::Duration};

use bench_common::allocations::Counting;
use clap::Parser;

use crate::{case::Case, peers::BARE, plan::Plan, report::Row, workload::Workload};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rounds without `--rounds`.
const ROUNDS: u32 = 15;
const ROUNDS_QUICK: u32 = 1;

/// Length of a sample.
const SAMPLE: Duration = Duration::from_millis(30);
const SAMPLE_QUICK: Duration = Duration::from_millis(2);

#[derive(Parser)]
#[command(name = "cargo xtask bench policies", version, about)]
struct Args {
    /// Smoke run: short samples, one round
    #[arg(long)]
    quick: bool,
    /// Samples per library and workload [default: 15, with --quick 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only these workloads, such as closed-sync,closed-sync-2t
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<Workload>,
    /// Only these libraries; the bare call always runs
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Print one JSON array of all rows in place of tables
    #[arg(long)]
    json: bool,
    /// Draw the cost per call over the threads into this SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Decides the order of the libraries within each round
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let mut cases = peers::all();
    if let Some(unknown) = args.peers.iter().find(|name| !cases.iter().any(|c| c.library == **name))
    {
        let names = peers::names(&cases);
        return Err(format!("unknown library {unknown}; there are {}", names.join(", ")).into());
    }
    cases.retain(|case| {
        let asked = args.peers.is_empty() || args.peers.iter().any(|name| name == case.library);
        case.library == BARE || asked
    });
    let asked: Vec<Workload> =
        if args.workloads.is_empty() { Workload::all() } else { args.workloads };
    let plan = Plan {
        rounds: args.rounds.unwrap_or(if args.quick { ROUNDS_QUICK } else { ROUNDS }),
        sample: if args.quick { SAMPLE_QUICK } else { SAMPLE },
        seed: args.seed,
    };
    let all = run(&plan, &asked, &cases, args.json);
    if args.json {
        println!("{}", bench_common::json(&all));
    } else {
        if !args.quick {
            print!("{}", report::verdicts(&all));
        }
    }
    if let Some(path) = args.plot {
        fs::write(path, plot::svg(&all))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs workload by workload; a call that does not end as expected stops the run.
fn run(plan: &Plan, workloads: &[Workload], cases: &[Case], json: bool) -> Vec<Row> {
    if !json {
        print!("{}", report::header(plan));
    }
    let mut all = Vec::new();
    for &workload in workloads {
        let cases: Vec<&Case> = cases.iter().filter(|case| case.kind == workload.kind).collect();
        if cases.iter().all(|case| case.library == BARE) {
            continue;
        }
        eprintln!("measuring {workload} ...");
        let samples = plan.run(workload, &cases);
        let mut rows = report::rows(workload, &samples);
        rows.extend(report::allocation_rows(workload, &cases));
        if !json {
            print!("{}", report::section(workload, &rows));
        }
        all.extend(rows);
    }
    all
}
