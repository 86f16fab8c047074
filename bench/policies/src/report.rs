//! What a run prints: rows as JSON or as markdown tables, and the verdict on the bars.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    case::Case,
    figures::{self, Judged, STRAY_ALLOCATIONS},
    peers::{BARE, STEADFAST},
    plan::{Plan, Samples},
    workload::Workload,
};

pub const NANOS: &str = "ns/call";
const ALLOCATIONS: &str = "allocations/call";

/// One figure of one library.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub workload: String,
    pub library: &'static str,
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub unit: &'static str,
    /// Median over the rounds of this library's number over the bare call's of the same round.
    pub ratio: Option<f64>,
    pub baseline: Option<&'static str>,
    #[serde(skip)]
    pub of: Workload,
    /// steadfast only: the bar, and the median ratio to the peer that it is compared with.
    #[serde(skip)]
    judged: Option<(figures::Bar, Option<f64>)>,
}

/// The rows of a workload, one for each library.
pub fn rows(workload: Workload, samples: &[Samples]) -> Vec<Row> {
    let of = |library| samples.iter().find(|samples| samples.library == library);
    let row = |own: &Samples| {
        let to_bare = of(BARE).and_then(|bare| ratio(own, bare));
        let bar = figures::bar(workload).filter(|_| own.library == STEADFAST);
        let judged = bar.map(|bar| {
            let to_peer = match bar.judged {
                Judged::Ratio { peer, .. } => of(peer).and_then(|peer| ratio(own, peer)),
                Judged::Nanos => None,
            };
            (bar, to_peer)
        });
        Row {
            workload: workload.to_string(),
            library: own.library,
            median: median(own.rounds.iter().copied()),
            min: own.rounds.iter().copied().fold(f64::INFINITY, f64::min),
            max: own.rounds.iter().copied().fold(0.0, f64::max),
            unit: NANOS,
            ratio: to_bare,
            baseline: to_bare.map(|_| BARE),
            of: workload,
            judged,
        }
    };
    samples.iter().map(row).collect()
}

/// Allocations per call, for the workloads that ask for them.
pub fn allocation_rows(workload: Workload, cases: &[&Case]) -> Vec<Row> {
    if workload.threads > 1 || !workload.kind.counts_allocations() {
        return Vec::new();
    }
    let row = |case: &&Case| {
        let count = case.allocations();
        Row {
            workload: format!("{workload}-allocations"),
            library: case.library,
            median: count,
            min: count,
            max: count,
            unit: ALLOCATIONS,
            ratio: None,
            baseline: None,
            of: workload,
            judged: None,
        }
    };
    cases.iter().map(row).collect()
}

fn ratio(own: &Samples, other: &Samples) -> Option<f64> {
    let ratios = own.rounds.iter().zip(&other.rounds).map(|(own, other)| own / other);
    Some(median(ratios)).filter(|ratio| ratio.is_finite())
}

fn median(samples: impl Iterator<Item = f64>) -> f64 {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match samples.len() % 2 {
        0 => f64::midpoint(samples[middle - 1], samples[middle]),
        _ => samples[middle],
    }
}

/// One array of all rows.
pub fn json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).expect("rows hold only finite numbers and strings")
}

/// What was measured, in front of the tables.
pub fn header(plan: &Plan) -> String {
    let packages = [
        "steadfast-base",
        "failsafe",
        "recloser",
        "breaker",
        "tower-resilience-circuitbreaker",
        "tower-resilience-bulkhead",
        "tokio",
        "backon",
        "tokio-retry",
        "governor",
    ];
    let versions: Vec<_> = packages
        .into_iter()
        .filter_map(|name| locked_version(name).map(|version| format!("{name} {version}")))
        .collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "Versions: {}.\n\
         Median of {} interleaved rounds of {:?} per sample, {cores} cores, seed {}. ns/call is the \
         time that one thread waits for a call; with several threads all call the same object.\n",
        versions.join(", "),
        plan.rounds,
        plan.sample,
        plan.seed
    )
}

/// The table of one workload.
pub fn section(workload: Workload, rows: &[Row]) -> String {
    let mut text = format!(
        "\n## {workload}\n\n{}, {} thread(s)\n\n\
         | library | median | min | max | unit | ratio to bare |\n|---|---:|---:|---:|---|---:|\n",
        workload.kind.describe(),
        workload.threads
    );
    for row in rows {
        write_line(
            &mut text,
            format_args!(
                "| {} | {} | {} | {} | {} | {} |",
                row.library,
                number(row.median),
                number(row.min),
                number(row.max),
                row.unit,
                row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
            ),
        );
    }
    text
}

/// steadfast's figures beside their bars.
pub fn verdicts(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n## Bars\n\nA ratio to a peer decides where there is one; nanoseconds are for orientation.\n\n\
         | workload | median | bar in ns | ratio | bar | verdict |\n|---|---:|---:|---|---|---|\n",
    );
    for row in rows.iter().filter(|row| row.library == STEADFAST) {
        let (nanos, ratio, bar, met) = match &row.judged {
            Some((bar, to_peer)) => {
                let (ratio, wanted, met) = match bar.judged {
                    Judged::Ratio { peer, most } => (
                        to_peer.map_or_else(String::new, |ratio| format!("{ratio:.2} of {peer}")),
                        format!("<= {most:.2}"),
                        to_peer.map(|ratio| ratio <= most),
                    ),
                    Judged::Nanos => {
                        (String::new(), "ns".to_owned(), Some(row.median <= bar.nanos))
                    }
                };
                (number(bar.nanos), ratio, wanted, met)
            }
            None if row.unit == ALLOCATIONS => {
                let none = Some(row.median <= STRAY_ALLOCATIONS);
                (String::new(), String::new(), "0 allocations".to_owned(), none)
            }
            None => continue,
        };
        let verdict = met.map_or("not compared", |met| if met { "pass" } else { "**fail**" });
        let median = number(row.median);
        write_line(
            &mut text,
            format_args!("| {} | {median} | {nanos} | {ratio} | {bar} | {verdict} |", row.workload),
        );
    }
    text
}

fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}

/// Few digits, whatever the size.
fn number(value: f64) -> String {
    match value {
        _ if value < 100.0 => format!("{value:.2}"),
        _ if value < 10_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// The version of `package` in the lock file.
fn locked_version(package: &str) -> Option<&'static str> {
    let lock = include_str!("../../Cargo.lock");
    let (_, entry) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    entry.split('"').next()
}

#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
