//! What a run prints: rows as JSON or as markdown tables, and the verdict on the bars.

use bench_common::{Samples, cores, locked_version, ratio, write_line};
use serde::Serialize;

use crate::{
    case::Case,
    figures::{self, Judged, STRAY_ALLOCATIONS},
    peers::{BARE, STEADFAST},
    plan::Plan,
    workload::Workload,
};

pub const NANOS: &str = "ns/call";
const ALLOCATIONS: &str = "allocations/call";

/// One figure of one library.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    #[serde(flatten)]
    pub figure: bench_common::Row,
    #[serde(skip)]
    pub of: Workload,
    /// steadfast only: the bar, and the median ratio to the peer that it is compared with.
    #[serde(skip)]
    judged: Option<(figures::Bar, Option<f64>)>,
}

/// The rows of a workload, one for each library.
pub fn rows(workload: Workload, samples: &[Samples<f64>]) -> Vec<Row> {
    let of = |library| samples.iter().find(|samples| samples.library == library);
    let row = |own: &Samples<f64>| {
        let bare = of(BARE).map(|bare| (BARE, bare.rounds.as_slice()));
        let bar = figures::bar(workload).filter(|_| own.library == STEADFAST);
        let judged = bar.map(|bar| {
            let to_peer = match bar.judged {
                Judged::Ratio { peer, .. } => {
                    of(peer).and_then(|peer| ratio(&own.rounds, &peer.rounds))
                }
                Judged::Nanos => None,
            };
            (bar, to_peer)
        });
        Row {
            figure: bench_common::Row::new(
                workload.to_string(),
                own.library,
                NANOS,
                &own.rounds,
                bare,
            ),
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
        let (name, counts) = (format!("{workload}-allocations"), [case.allocations()]);
        Row {
            figure: bench_common::Row::new(name, case.library, ALLOCATIONS, &counts, None),
            of: workload,
            judged: None,
        }
    };
    cases.iter().map(row).collect()
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
    format!(
        "Versions: {}.\n\
         Median of {} interleaved rounds of {:?} per sample, {} cores, seed {}. ns/call is the \
         time that one thread waits for a call; with several threads all call the same object.\n",
        versions.join(", "),
        plan.rounds,
        plan.sample,
        cores(),
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
    for Row { figure: row, .. } in rows {
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
    for Row { figure: row, judged, .. } in rows {
        if row.library != STEADFAST {
            continue;
        }
        let (nanos, ratio, bar, met) = match judged {
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

/// Few digits, whatever the size.
fn number(value: f64) -> String {
    match value {
        _ if value < 100.0 => format!("{value:.2}"),
        _ if value < 10_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
