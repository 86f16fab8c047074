//! Ratios, tables and verdicts from made-up numbers.

use super::*;
use crate::figures::{LIMIT, STEADFAST};

const LIBRARIES: &[&str] = &[RAW, LIMIT, STEADFAST, "okaywal"];

fn durable(steadfast: &[f64]) -> Results {
    let mut results = Results::default();
    for (round, rate) in [1_000.0, 2_000.0, 4_000.0].into_iter().enumerate() {
        results.add(RAW, "durable-1", rate);
        results.add(LIMIT, "durable-1", rate * 2.0);
        results.add(STEADFAST, "durable-1", rate * 1.9);
        results.add(STEADFAST, "durable-64", steadfast[round]);
        results.add(STEADFAST, "durable-64-group", 32.0);
    }
    results
}

#[test]
fn many_writers_are_compared_with_the_single_one_of_raw_in_the_same_round() {
    let results = durable(&[30_000.0, 50_000.0, 120_000.0]);
    let rows = results.rows(Workload::Durable64, LIBRARIES);
    assert_eq!((rows[0].library, rows[0].workload.as_str()), (STEADFAST, "durable-64"));
    // The ratios are 30, 25 and 30.
    assert_eq!((rows[0].ratio, rows[0].baseline), (Some(30.0), Some(RAW)));
    assert_eq!((rows[0].median, rows[0].unit), (50_000.0, "events/s"));
    assert_eq!((rows[1].workload.as_str(), rows[1].median), ("durable-64-group", 32.0));
}

#[test]
fn what_stands_beside_a_figure_has_columns_and_no_rows_of_its_own() {
    let results = durable(&[30_000.0, 50_000.0, 120_000.0]);
    let text = results.section(Workload::Durable64, LIBRARIES);
    assert!(text.contains("| p50 in us | p99 in us | syncs/append | events/sync |"), "{text}");
    assert!(
        text.contains("| 50000 | 30000 | 120000 | events/s | 30.00 |  |  |  | 32.0 |"),
        "{text}"
    );
    assert!(!text.contains("| durable-64-group |"), "{text}");
}

#[test]
fn bars_are_judged_by_the_ratios_of_the_rounds_or_by_the_median() {
    let text = durable(&[30_000.0, 50_000.0, 120_000.0]).verdicts();
    assert!(
        text.contains(
            "| durable-1 | steadfast | 3800.0 | events/s | >= 0.92 of limit-4k | 0.95 | pass |"
        ),
        "{text}"
    );
    assert!(text.contains("| >= 25 of raw durable-1 | 30.00 | pass |"), "{text}");
    assert!(text.contains("| >= 2.5 of okaywal |  | not compared |"), "{text}");
    let text = durable(&[10_000.0, 20_000.0, 40_000.0]).verdicts();
    assert!(text.contains("| >= 25 of raw durable-1 | 10.00 | **fail** |"), "{text}");
    let mut results = Results::default();
    results.add(STEADFAST, "bytes-per-event", 64.0);
    results.add(STEADFAST, "scan-borrowed", 7_999_999.0);
    let text = results.verdicts();
    assert!(text.contains("| <= 64.0 |  | pass |"), "{text}");
    assert!(text.contains("| >= 8000000 |  | **fail** |"), "{text}");
}
