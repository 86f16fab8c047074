//! What a run prints: rows as JSON or as markdown tables, and the verdict on the bars.

use bench_common::{Samples, cores, locked_version, write_line};
use serde::Serialize;

use crate::{
    figures::{self, Against, BASELINE, Bar, Figure},
    peers::STEADFAST,
    plan::Outcome,
};

/// One figure of one library, with its bar if it is ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    #[serde(flatten)]
    pub figure: bench_common::Row,
    #[serde(skip)]
    bar: Option<Bar>,
}

/// The rows of a workload, figure by figure.
pub fn rows(outcome: &Outcome) -> Vec<Row> {
    let figures: Vec<&Figure> = figures::of(outcome.workload).collect();
    let mut rows = Vec::new();
    for (index, figure) in figures.iter().enumerate() {
        for samples in &outcome.samples {
            let own = column(samples, index);
            let reference = match figure.against {
                Against::Baseline => outcome
                    .samples
                    .iter()
                    .find(|other| other.library == BASELINE)
                    .map(|baseline| (BASELINE, column(baseline, index))),
                Against::Figure(name) => figures
                    .iter()
                    .position(|other| other.name == name && other.unit == figure.unit)
                    .map(|other| (name, column(samples, other))),
                Against::Nothing => None,
            };
            let reference = reference.as_ref().map(|(name, other)| (*name, other.as_slice()));
            let (name, unit) = (figure.name, figure.unit);
            rows.push(Row {
                figure: bench_common::Row::new(name, samples.library, unit, &own, reference),
                bar: figure.bar.filter(|_| samples.library == STEADFAST),
            });
        }
    }
    rows
}

fn column(samples: &Samples<Vec<f64>>, figure: usize) -> Vec<f64> {
    samples.rounds.iter().map(|round| round[figure]).collect()
}

/// What was measured, in front of the tables.
pub fn header(rounds: usize, quick: bool, seed: u64) -> String {
    let libraries = ["tokio", "ractor", "kameo", "actix", "xtra", "acto", "coerce", STEADFAST];
    let versions: Vec<_> = libraries
        .into_iter()
        .filter_map(|name| locked_version(name).map(|version| format!("{name} {version}")))
        .collect();
    let spans = if cfg!(feature = "tracing-spans") { "with" } else { "without" };
    let share =
        if quick { " A smoke run on a tenth of the operations: no bar is judged." } else { "" };
    format!(
        "Versions: {}; ractor and kameo {spans} their tracing span per message.\n\
         Median of {rounds} interleaved rounds, each sample in a fresh process, {} cores, \
         seed {seed}.{share}\n",
        versions.join(", "),
        cores()
    )
}

/// The tables of one workload.
pub fn section(outcome: &Outcome, rows: &[Row]) -> String {
    let mut text = format!(
        "\n## {}\n\n{} {} ({:?})\n",
        outcome.workload.name(),
        outcome.sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
        outcome.workload.describe(),
        outcome.workload.flavor()
    );
    if !rows.is_empty() {
        text.push_str(
            "\n| library | figure | median | min | max | unit | ratio | to |\n\
             |---|---|---:|---:|---:|---|---:|---|\n",
        );
    }
    for Row { figure: row, .. } in rows {
        let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        write_line(
            &mut text,
            format_args!(
                "| {} | {} | {} | {} | {} | {} | {ratio} | {} |",
                row.library,
                row.workload,
                number(row.median),
                number(row.min),
                number(row.max),
                row.unit,
                row.baseline.unwrap_or_default()
            ),
        );
    }
    if !outcome.missing.is_empty() {
        text.push('\n');
    }
    for (library, reason) in &outcome.missing {
        write_line(&mut text, format_args!("- {library} is missing: {reason}"));
    }
    text
}

/// steadfast's figures beside their bars.
pub fn verdicts(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n## Bars\n\n| workload | median | unit | ratio | bar | verdict |\n|---|---:|---|---:|---|---|\n",
    );
    for Row { figure: row, bar } in rows {
        let Some(bar) = bar else { continue };
        let wanted = match bar {
            Bar::Ratio(most) => format!("ratio <= {most}"),
            Bar::Median(most) => format!("median <= {most}"),
        };
        let verdict = match bar.met(row.median, row.ratio) {
            Some(true) => "pass",
            Some(false) => "**fail**",
            None => "no baseline",
        };
        write_line(
            &mut text,
            format_args!(
                "| {} | {} | {} | {} | {wanted} | {verdict} |",
                row.workload,
                number(row.median),
                row.unit,
                row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            ),
        );
    }
    text
}

/// Whether there is a bar to judge.
pub fn has_bars(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.bar.is_some())
}

/// Few digits, whatever the size.
fn number(value: f64) -> String {
    match value {
        _ if value < 10.0 => format!("{value:.3}"),
        _ if value < 10_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
