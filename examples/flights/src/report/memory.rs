//! What was remembered: the lives of the process, the log, and looks into the past.

use super::Report;
use crate::look_back::{DayReplay, Travel};
use crate::table::{Table, grouped};

/// The figures of an airport's past that are shown; the JSON report has all.
const SHOWN: [&str; 6] =
    ["scheduled", "departed", "arrived", "cancelled", "queue", "departure_delay_minutes"];

/// The table of the lives.
pub(super) fn lives(report: &Report) -> Table {
    let headings =
        ["life", "from event", "events in the log", "log open", "back at work", "killed at"];
    let mut table = Table::new(1, &headings);
    for (number, life) in (1_u64..).zip(&report.lives) {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.row(vec![
            number.to_string(),
            grouped(u64::from(life.resumed_at)),
            grouped(life.logged),
            millis(life.open_ms),
            or_dash(life.back_ms.map(millis)),
            or_dash(life.killed_at.map(|event| grouped(u64::from(event)))),
        ]);
    }
    table
}

/// The lines of the summary that tell of the log.
pub(super) fn summary(report: &Report) -> [String; 4] {
    let log = &report.log;
    let (segments, unsealed) = log.segments;
    let (appends, syncs) = log.appends_and_syncs;
    let DayReplay { day, events, entities, found_ms, played_ms, hashes_equal } = &log.replay;
    let Travel { airport, at, seq, took_ms, figures, equal } = &log.travel;
    let hashes = if *hashes_equal { "equal" } else { "DIFFERENT" };
    let then = if *equal { "as in the file" } else { "NOT as in the file" };
    let figure =
        |name: &&str| format!("{} {}", name.replace('_', " "), figures.get(*name).unwrap_or(&0));
    let figures: Vec<String> = SHOWN.iter().map(figure).collect();
    let worst = report.views.worst_day();
    let worst = worst.map_or_else(String::new, |(day, minutes)| {
        format!("; most minutes late on {day}: {minutes}")
    });
    [
        format!(
            "log: {} events, {} on disk of {} raw ({:.1} % saved), {segments} segments, {unsealed} \
             not compressed yet; last life: {} appends, {} syncs, {} snapshots, {} entities recovered",
            grouped(log.log_events),
            bytes(log.bytes_on_disk),
            bytes(log.bytes_raw),
            report.saved_ratio * 100.0,
            grouped(appends),
            grouped(syncs),
            grouped(log.snapshots_saved),
            grouped(log.recoveries),
        ),
        format!(
            "replay of {day} (UTC): {} events of {} entities in {}, after {} for the evening before; \
             state hashes {hashes}",
            grouped(*events),
            grouped(*entities),
            millis(*played_ms),
            millis(*found_ms),
        ),
        format!(
            "{airport} at {at} UTC, after its event {}, in {}: {}; {then}",
            grouped(*seq),
            millis(*took_ms),
            figures.join(", "),
        ),
        format!("read models: {} days{worst}", report.views.delay_minutes_by_day.len()),
    ]
}

fn millis(span: f64) -> String {
    format!("{span:.1} ms")
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits; counts are below 2^52")]
fn bytes(count: u64) -> String {
    format!("{:.1} MB", count as f64 / 1e6)
}
