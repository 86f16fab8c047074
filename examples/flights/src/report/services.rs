//! The calls to the services and the history of their breakers, as tables.

use super::Report;
use crate::table::{Table, grouped};

/// Changes of a breaker that are shown; the JSON report has more of them.
const CHANGES_SHOWN: usize = 6;

/// One table of the calls, one of the breakers' last changes.
pub(super) fn tables(report: &Report) -> [Table; 2] {
    [calls(report), breakers(report)]
}

fn calls(report: &Report) -> Table {
    let headings = [
        "service",
        "outages",
        "calls",
        "answered",
        "not found",
        "unanswered",
        "requests",
        "failed",
        "retried",
        "saved by breaker",
        "last good",
        "unknown",
    ];
    let mut table = Table::new(1, &headings);
    for (name, line) in &report.services {
        let counts = [
            line.outages,
            line.calls,
            line.answered,
            line.not_found,
            line.unanswered,
            line.requests,
            line.failed,
            line.retried,
            line.rejected_by_breaker,
            line.fallbacks.last_good,
            line.fallbacks.unknown,
        ];
        let cells = std::iter::once((*name).to_owned()).chain(counts.map(grouped));
        table.row(cells.collect());
    }
    table
}

fn breakers(report: &Report) -> Table {
    let mut table = Table::new(5, &["breaker", "at (simulated, UTC)", "from", "to", "because"]);
    for (name, line) in &report.services {
        let shown = line.breaker_history.len().min(CHANGES_SHOWN);
        let earlier = line.breaker_changes - shown as u64;
        if earlier > 0 {
            table.row(vec![(*name).to_owned(), format!("{} before", grouped(earlier))]);
        }
        let last = line.breaker_history.iter().rev().take(CHANGES_SHOWN).rev();
        for change in last {
            let (from, to) = (change.from.clone(), change.to.clone());
            let cause = change.cause.replace('_', " ");
            table.row(vec![(*name).to_owned(), change.at.clone(), from, to, cause]);
        }
    }
    table
}

/// The line of the summary that tells of the briefings.
pub(super) fn briefings(report: &Report) -> String {
    let told = &report.briefings;
    format!(
        "{} briefings, {} complete; without aircraft {}, airport {}, weather of the hour {} \
         ({} with an older one)",
        grouped(told.flights),
        grouped(told.complete),
        grouped(told.without_aircraft),
        grouped(told.without_airport),
        grouped(told.without_weather),
        grouped(told.with_older_weather),
    )
}
