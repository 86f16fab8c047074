//! What a run prints: rows as JSON or as markdown tables, and the verdict on the bars.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    figures::{self, Against, BASELINE, Bar, Figure},
    peers::STEADFAST,
    plan::{Outcome, Samples},
};

/// One figure of one library.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub workload: &'static str,
    pub library: &'static str,
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub unit: &'static str,
    /// Median over the rounds of this library's number over the baseline's of the same round.
    pub ratio: Option<f64>,
    pub baseline: Option<&'static str>,
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
            rows.push(row(figure, samples.library, &own, reference));
        }
    }
    rows
}

fn column(samples: &Samples, figure: usize) -> Vec<f64> {
    samples.rounds.iter().map(|round| round[figure]).collect()
}

fn row(
    figure: &Figure,
    library: &'static str,
    own: &[f64],
    reference: Option<(&'static str, Vec<f64>)>,
) -> Row {
    let (ratio, baseline) = match reference {
        Some((name, reference)) => {
            (Some(median(own.iter().zip(reference).map(|(own, base)| own / base))), Some(name))
        }
        None => (None, None),
    };
    Row {
        workload: figure.name,
        library,
        median: median(own.iter().copied()),
        min: own.iter().copied().fold(f64::INFINITY, f64::min),
        max: own.iter().copied().fold(0.0, f64::max),
        unit: figure.unit,
        ratio: ratio.filter(|ratio| ratio.is_finite()),
        baseline,
        bar: figure.bar.filter(|_| library == STEADFAST),
    }
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
pub fn header(rounds: usize, quick: bool, seed: u64) -> String {
    let libraries = ["tokio", "ractor", "kameo", "actix", "xtra", "acto", "coerce", STEADFAST];
    let versions: Vec<_> = libraries
        .into_iter()
        .filter_map(|name| locked_version(name).map(|version| format!("{name} {version}")))
        .collect();
    let spans = if cfg!(feature = "tracing-spans") { "with" } else { "without" };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let share =
        if quick { " A smoke run on a tenth of the operations: no bar is judged." } else { "" };
    format!(
        "Versions: {}; ractor and kameo {spans} their tracing span per message.\n\
         Median of {rounds} interleaved rounds, each sample in a fresh process, {cores} cores, \
         seed {seed}.{share}\n",
        versions.join(", ")
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
    for row in rows {
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
    for row in rows {
        let Some(bar) = row.bar else { continue };
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

fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}

/// Few digits, whatever the size.
fn number(value: f64) -> String {
    match value {
        _ if value < 10.0 => format!("{value:.3}"),
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
