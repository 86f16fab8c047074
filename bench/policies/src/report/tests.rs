//! Ratios, JSON, tables and verdicts from made-up samples.

use bench_common::json;

use super::*;
use crate::workload::Kind;

const WORKLOAD: Workload = Workload { kind: Kind::ClosedSync, threads: 2 };

fn closed(steadfast: &[f64]) -> Vec<Row> {
    let samples = |library, rounds: &[f64]| Samples { library, rounds: rounds.to_vec() };
    rows(
        WORKLOAD,
        &[
            samples(BARE, &[1.0, 2.0, 4.0]),
            samples("failsafe", &[40.0, 50.0, 40.0]),
            samples(STEADFAST, steadfast),
        ],
    )
}

#[test]
fn ratio_is_the_median_of_the_ratios_and_not_the_ratio_of_the_medians() {
    let rows = closed(&[10.0, 30.0, 20.0]);
    // The ratios are 10, 15 and 5; the medians 20 and 2.
    assert_eq!(rows[2].figure.ratio, Some(10.0));
    assert_eq!((rows[2].figure.median, rows[2].figure.min, rows[2].figure.max), (20.0, 10.0, 30.0));
    assert_eq!(rows[0].figure.ratio, Some(1.0));
}

#[test]
fn json_rows_have_exactly_the_eight_keys() {
    let rows = closed(&[10.0, 30.0, 20.0]);
    let parsed: serde_json::Value = serde_json::from_str(&json(&rows)).unwrap();
    let row = parsed[2].as_object().unwrap();
    let mut keys: Vec<_> = row.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["baseline", "library", "max", "median", "min", "ratio", "unit", "workload"]);
    assert_eq!(row["workload"], "closed-sync-2t");
    assert_eq!(row["library"], "steadfast");
    assert_eq!(row["baseline"], "bare");
}

#[test]
fn the_ratio_to_the_peer_decides() {
    let pass = verdicts(&closed(&[20.0, 25.0, 20.0]));
    assert!(
        pass.contains("| closed-sync-2t | 20.00 | 25.00 | 0.50 of failsafe | <= 0.58 | pass |")
    );
    let fail = verdicts(&closed(&[30.0, 35.0, 30.0]));
    assert!(fail.contains("**fail**"));
}

#[test]
fn a_bar_without_its_peer_is_not_judged() {
    let alone = [Samples { library: STEADFAST, rounds: vec![9.0] }];
    let rows = rows(WORKLOAD, &alone);
    assert_eq!((rows[0].figure.ratio, rows[0].figure.baseline), (None, None));
    assert!(verdicts(&rows).contains("not compared"));
}
