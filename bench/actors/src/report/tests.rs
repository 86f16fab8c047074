//! Ratios, JSON, tables and verdicts from made-up samples.

use bench_common::json;

use super::*;
use crate::workload::Workload;

fn outcome(workload: Workload, samples: &[(&'static str, &[&[f64]])]) -> Outcome {
    Outcome {
        workload,
        sizes: workload.sizes(false),
        samples: samples
            .iter()
            .map(|(library, rounds)| Samples {
                library,
                rounds: rounds.iter().map(|round| round.to_vec()).collect(),
            })
            .collect(),
        missing: vec![],
        failed: false,
    }
}

fn tell(steadfast: &[&[f64]]) -> Vec<Row> {
    let baseline: &[&[f64]] = &[&[100.0], &[200.0], &[400.0]];
    rows(&outcome(Workload::Tell, &[(BASELINE, baseline), (STEADFAST, steadfast)]))
}

#[test]
fn ratio_is_the_median_of_the_ratios_and_not_the_ratio_of_the_medians() {
    let rows = tell(&[&[50.0], &[180.0], &[240.0]]);
    // The ratios are 0.5, 0.9 and 0.6; the medians 180 and 200.
    assert_eq!(rows[1].figure.ratio, Some(0.6));
    assert_eq!(rows[1].figure.median, 180.0);
    assert_eq!((rows[1].figure.min, rows[1].figure.max), (50.0, 240.0));
    assert_eq!(rows[0].figure.ratio, Some(1.0));
}

#[test]
fn json_rows_have_exactly_the_eight_keys() {
    let rows = tell(&[&[50.0], &[180.0], &[240.0]]);
    let parsed: serde_json::Value = serde_json::from_str(&json(&rows)).unwrap();
    let row = parsed[1].as_object().unwrap();
    let mut keys: Vec<_> = row.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["baseline", "library", "max", "median", "min", "ratio", "unit", "workload"]);
    assert_eq!(row["workload"], "tell");
    assert_eq!(row["library"], "steadfast");
    assert_eq!(row["baseline"], "tokio-unbounded");
    assert_eq!(row["ratio"], 0.6);
}

#[test]
fn a_figure_without_baseline_has_null_in_json() {
    let samples: &[&[f64]] = &[&[9.0, 1.2e9]];
    let rows = rows(&outcome(Workload::StartMillion, &[(STEADFAST, samples)]));
    let parsed: serde_json::Value = serde_json::from_str(&json(&rows)).unwrap();
    assert!(parsed[0]["ratio"].is_null());
    assert!(parsed[0]["baseline"].is_null());
    assert_eq!(parsed[1]["workload"], "start-million-memory");
    assert_eq!(parsed[1]["median"], 1.2e9);
}

#[test]
fn a_ratio_to_zero_is_no_number_and_left_out() {
    let samples: &[&[f64]] = &[&[10.0, 0.0]];
    let rows = rows(&outcome(Workload::ControlLatency, &[(STEADFAST, samples)]));
    assert_eq!(rows[0].figure.ratio, None);
}

#[test]
fn figures_of_one_sample_are_compared_with_each_other() {
    let samples: &[&[f64]] = &[&[30.0, 10.0], &[30.0, 20.0], &[90.0, 30.0]];
    let rows = rows(&outcome(Workload::ControlLatency, &[(STEADFAST, samples)]));
    assert_eq!(rows[0].figure.ratio, Some(3.0));
    assert_eq!(rows[0].figure.baseline, Some("control-latency-idle"));
    assert_eq!(rows[1].figure.baseline, None);
}

#[test]
fn verdicts_judge_steadfast_only() {
    let pass = verdicts(&tell(&[&[70.0], &[140.0], &[280.0]]));
    assert!(pass.contains("| tell | 140.0 | ns/op | 0.70 | ratio <= 0.75 | pass |"), "{pass}");
    assert_eq!(pass.matches("| tell |").count(), 1);
    let fail = verdicts(&tell(&[&[80.0], &[160.0], &[320.0]]));
    assert!(fail.contains("**fail**"), "{fail}");
}

#[test]
fn a_bar_without_a_baseline_is_not_judged() {
    let samples: &[&[f64]] = &[&[50.0]];
    let rows = rows(&outcome(Workload::Tell, &[(STEADFAST, samples)]));
    assert!(verdicts(&rows).contains("no baseline"));
}

#[test]
fn tables_name_the_missing_with_the_reason() {
    let mut outcome = outcome(Workload::Restart, &[(BASELINE, &[&[8_000.0]])]);
    outcome.missing.push(("coerce", "no restarts".to_owned()));
    let text = section(&outcome, &rows(&outcome));
    assert!(text.contains("- coerce is missing: no restarts"), "{text}");
    assert!(
        text.contains("| tokio-unbounded | restart | 8000.0 | 8000.0 | 8000.0 | ns/op | 1.00 |"),
        "{text}"
    );
}
