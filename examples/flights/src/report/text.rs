//! The report as tables for people.

use super::Report;
use super::lines::AirportLine;
use super::memory;
use super::services;
use crate::fault::FaultKind;
use crate::table::{Table, grouped};
use crate::tally::RestartCause;

/// Airports that get a line of their own; the others share one.
const AIRPORTS_MAX: usize = 15;

/// All tables, the verdict last.
pub(super) fn render(report: &Report) -> String {
    let mut tables = vec![airlines(report), airports(report), planes(report)];
    tables.extend(services::tables(report));
    tables.extend([faults(report), restarts(report), memory::lives(report)]);
    let mut text: String = tables.iter().map(|table| table.render() + "\n").collect();
    for line in summary(report) {
        text.extend(["  ", &line, "\n"]);
    }
    text
}

fn airlines(report: &Report) -> Table {
    let mut table = Table::new(
        2,
        &["airline", "", "flights", "cancelled", "diverted", "on time", "mean dep", "mean arr"],
    );
    for line in &report.airlines {
        table.row(vec![
            line.code.clone(),
            line.name.clone(),
            count(line.flights),
            count(line.cancelled),
            count(line.diverted),
            percent(line.on_time_ratio),
            minutes(line.mean_departure_delay_minutes),
            minutes(line.mean_arrival_delay_minutes),
        ]);
    }
    table
}

fn airports(report: &Report) -> Table {
    let mut table = Table::new(
        3,
        &[
            "airport",
            "",
            "region",
            "departures",
            "cancelled",
            "arrivals",
            "cancelled",
            "mean dep",
            "mean arr",
            "queue max",
        ],
    );
    for line in report.airports.iter().take(AIRPORTS_MAX) {
        table.row(vec![
            line.code.clone(),
            line.name.clone(),
            line.region.clone(),
            count(line.departures),
            count(line.cancelled_departures),
            count(line.arrivals),
            count(line.cancelled_arrivals),
            minutes(line.mean_departure_delay_minutes),
            minutes(line.mean_arrival_delay_minutes),
            count(line.queue_max),
        ]);
    }
    let others = report.airports.get(AIRPORTS_MAX..).unwrap_or_default();
    if !others.is_empty() {
        let sum = |of: fn(&AirportLine) -> i64| count(others.iter().map(of).sum());
        table.row(vec![
            "others".to_owned(),
            format!("{} airports", others.len()),
            String::new(),
            sum(|line| line.departures),
            sum(|line| line.cancelled_departures),
            sum(|line| line.arrivals),
            sum(|line| line.cancelled_arrivals),
        ]);
    }
    table
}

fn planes(report: &Report) -> Table {
    let headings = ["plane", "model", "carrier", "legs", "delay", "of it inherited"];
    let mut table = Table::new(3, &headings);
    for line in &report.planes {
        table.row(vec![
            line.tail.clone(),
            line.model.clone().unwrap_or_else(|| "-".to_owned()),
            line.carrier.clone(),
            count(line.legs),
            count(line.departure_delay_minutes) + " min",
            count(line.inherited_delay_minutes) + " min",
        ]);
    }
    table
}

fn faults(report: &Report) -> Table {
    let mut table = Table::new(1, &["fault", "injected", "absorbed"]);
    for kind in FaultKind::ALL {
        if let Some(line) = report.faults.get(kind.name()) {
            let (injected, absorbed) = (grouped(line.injected), grouped(line.absorbed));
            table.row(vec![kind.name().to_owned(), injected, absorbed]);
        }
    }
    let (injected, absorbed) = (grouped(report.faults_injected), grouped(report.faults_absorbed));
    table.row(vec!["all".to_owned(), injected, absorbed]);
    table
}

fn restarts(report: &Report) -> Table {
    let mut table = Table::new(1, &["restarts by cause", ""]);
    for cause in RestartCause::ALL {
        let restarts = report.restarts_by_cause.get(cause.name()).copied().unwrap_or_default();
        table.row(vec![cause.name().to_owned(), grouped(restarts)]);
    }
    table.row(vec!["all".to_owned(), grouped(report.restarts)]);
    table
}

fn summary(report: &Report) -> Vec<String> {
    let verdict = match &report.difference {
        None => "EQUAL: the actors' totals are those of a plain single-threaded pass over the \
                 same file"
            .to_owned(),
        Some(difference) => format!("DIFFERENT: {difference}"),
    };
    let mut lines = vec![
        format!(
            "{} flights, {} events, {} actors",
            grouped(report.flights as u64),
            grouped(report.events),
            grouped(report.actors as u64)
        ),
        format!(
            "{} deliveries, process killed {} times, {} actors killed, {} dead letters",
            grouped(report.deliveries),
            grouped(report.kills),
            grouped(report.actor_kills),
            grouped(report.dead_letters)
        ),
        services::briefings(report),
    ];
    lines.extend(memory::summary(report));
    lines.extend([
        format!(
            "{:.2} s, {:.0} events/s, seed {}, {} faults per event",
            report.elapsed_s, report.events_per_s, report.seed, report.fault_rate
        ),
        format!("verdict {verdict}"),
    ]);
    lines
}

fn count(value: i64) -> String {
    u64::try_from(value).map_or_else(|_| value.to_string(), grouped)
}

fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0))
}

fn minutes(mean: Option<f64>) -> String {
    mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.1} min"))
}
