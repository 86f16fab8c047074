//! What a run prints: rows as JSON or as markdown tables, and the verdict on the bars.

use bench_common::{Row, cores, locked_version, median, ratio, write_line};

use crate::{
    figures::{self, BARS, Bar, Figure, Judged, MACHINE, RAW},
    peers::Entry,
    workload::Workload,
};

/// Every number of a run: of each library and figure one for each round.
#[derive(Debug, Default)]
pub struct Results {
    columns: Vec<(&'static str, &'static str, Vec<f64>)>,
}

impl Results {
    pub fn add(&mut self, library: &'static str, figure: &'static str, number: f64) {
        let known = self.columns.iter_mut().find(|(name, of, _)| (*name, *of) == (library, figure));
        match known {
            Some((_, _, numbers)) => numbers.push(number),
            None => self.columns.push((library, figure, vec![number])),
        }
    }

    fn get(&self, library: &str, figure: &str) -> Option<&[f64]> {
        let found = self.columns.iter().find(|(name, of, _)| (*name, *of) == (library, figure));
        found.map(|(_, _, numbers)| numbers.as_slice())
    }

    /// The rows of a workload, figure by figure, in the order of the libraries.
    pub fn rows(&self, workload: Workload, libraries: &[&'static str]) -> Vec<Row> {
        let mut rows = Vec::new();
        for figure in figures::of(workload) {
            for library in libraries {
                if let Some(own) = self.get(library, figure.name) {
                    let reference =
                        figure.against.and_then(|other| Some((RAW, self.get(RAW, other)?)));
                    rows.push(Row::new(figure.name, library, figure.unit, own, reference));
                }
            }
        }
        rows
    }

    /// The table of one workload; what stands beside the main figures has columns of its own.
    pub fn section(&self, workload: Workload, libraries: &[&'static str]) -> String {
        let name = workload.name();
        let mut text = format!("\n## {name}\n\n{}\n\n", workload.describe());
        let beside: Vec<&Figure> = figures::of(workload).filter(|figure| figure.beside).collect();
        let label = |figure: &Figure| {
            let short = figure.name.strip_prefix(&name).unwrap_or(figure.name);
            let short = short.trim_start_matches('-');
            if figure.unit.contains('/') {
                figure.unit.to_owned()
            } else {
                format!("{short} in {}", figure.unit)
            }
        };
        let titles: Vec<String> =
            beside.iter().map(|figure| format!(" {} |", label(figure))).collect();
        let rules = "---:|".repeat(beside.len());
        write_line(
            &mut text,
            format_args!(
                "| library | figure | median | min | max | unit | ratio to {RAW} |{}\n\
                 |---|---|---:|---:|---:|---|---:|{rules}",
                titles.concat()
            ),
        );
        for row in self.rows(workload, libraries) {
            if figures::named(&row.workload).is_none_or(|figure| figure.beside) {
                continue;
            }
            let cell = |figure: &&Figure| {
                let numbers = self.get(row.library, figure.name);
                let shown = numbers
                    .map_or_else(String::new, |numbers| number(median(numbers.iter().copied())));
                format!(" {shown} |")
            };
            let cells: Vec<String> = beside.iter().map(cell).collect();
            write_line(
                &mut text,
                format_args!(
                    "| {} | {} | {} | {} | {} | {} | {} |{}",
                    row.library,
                    row.workload,
                    number(row.median),
                    number(row.min),
                    number(row.max),
                    row.unit,
                    row.ratio.map_or_else(String::new, ratio_text),
                    cells.concat()
                ),
            );
        }
        text
    }

    /// steadfast's figures beside their bars, as far as they were measured.
    pub fn verdicts(&self) -> String {
        let mut text = String::from(
            "\n## Bars\n\n| workload | library | median | unit | bar | reached | verdict |\n\
             |---|---|---:|---|---|---:|---|\n",
        );
        for bar in BARS {
            if let Some(own) = self.get(bar.library, bar.figure) {
                write_line(&mut text, format_args!("{}", self.verdict(bar, own)));
            }
        }
        text
    }

    fn verdict(&self, bar: &Bar, own: &[f64]) -> String {
        let middle = median(own.iter().copied());
        let against = |library: &str, figure: &str| {
            let other = self.get(library, figure)?;
            ratio(own, other)
        };
        let of = |library: &str, figure: &str| {
            let figure = if figure == bar.figure { String::new() } else { format!(" {figure}") };
            format!("of {library}{figure}")
        };
        let (wanted, reached, met) = match bar.judged {
            Judged::Least(least) => (format!(">= {}", number(least)), None, Some(middle >= least)),
            Judged::Most(most) => (format!("<= {}", number(most)), None, Some(middle <= most)),
            Judged::LeastOf(least, library, figure) => {
                let reached = against(library, figure);
                let met = reached.map(|ratio| ratio >= least);
                (format!(">= {least} {}", of(library, figure)), reached, met)
            }
            Judged::MostOf(most, library, figure) => {
                let reached = against(library, figure);
                let met = reached.map(|ratio| ratio <= most);
                (format!("<= {most} {}", of(library, figure)), reached, met)
            }
        };
        let unit = figures::named(bar.figure).map_or("", |figure| figure.unit);
        let reached = reached.map_or_else(String::new, ratio_text);
        let verdict = met.map_or("not compared", |met| if met { "pass" } else { "**fail**" });
        let (figure, library, middle) = (bar.figure, bar.library, number(middle));
        format!("| {figure} | {library} | {middle} | {unit} | {wanted} | {reached} | {verdict} |")
    }
}

/// What was measured, in front of the tables.
pub fn header(entries: &[Entry], rounds: usize, quick: bool, seed: u64) -> String {
    let mut text = String::new();
    let note =
        if quick { " A smoke run on a fraction of the events: no bar is judged." } else { "" };
    write_line(
        &mut text,
        format_args!(
            "Median of {rounds} interleaved rounds, each sample in a fresh process, {} cores, seed {seed}.{note}\n",
            cores()
        ),
    );
    for entry in entries.iter().filter(|entry| !entry.grouped) {
        let version = entry.peer.package.and_then(locked_version).unwrap_or("own code");
        write_line(&mut text, format_args!("- {} ({version}): {}", entry.name, entry.peer.note));
    }
    write_line(
        &mut text,
        format_args!("- *-grouped: a group commit of ours in front of the library"),
    );
    text
}

/// All names that a table may have, in its order.
pub fn names(entries: &[Entry]) -> Vec<&'static str> {
    std::iter::once(MACHINE).chain(entries.iter().map(|entry| entry.name)).collect()
}

/// Few digits, whatever the size.
fn number(value: f64) -> String {
    match value {
        _ if value < 10.0 => format!("{value:.3}"),
        _ if value < 10_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Two digits behind the point, or two that count.
fn ratio_text(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
