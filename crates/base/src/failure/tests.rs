//! Tests of failure records and severities.

use super::*;

const KINDS: [FailureKind; 11] = [
    FailureKind::Error,
    FailureKind::Panic,
    FailureKind::Timeout,
    FailureKind::Rejection,
    FailureKind::ResourceExhausted,
    FailureKind::AnomalyDetected,
    FailureKind::ConsensusFailure,
    FailureKind::Killed,
    FailureKind::Meltdown,
    FailureKind::Escalated,
    FailureKind::StartFailed,
];

#[test]
fn severities_are_kept_within_zero_and_one() {
    for (given, kept) in [
        (0.0, 0.0),
        (0.3, 0.3),
        (1.0, 1.0),
        (-0.1, 0.0),
        (1.1, 1.0),
        (f64::NEG_INFINITY, 0.0),
        (f64::INFINITY, 1.0),
        (f64::NAN, 1.0),
    ] {
        assert_eq!(Severity::new(given), Severity(kept), "{given}");
    }
    assert_eq!(Severity::new(-0.0), Severity::HARMLESS);
}

#[test]
fn a_severity_read_from_outside_is_kept_within_bounds_too() {
    assert_eq!(serde_json::from_str::<Severity>("7.5").unwrap(), Severity::WORST);
    assert_eq!(serde_json::to_string(&Severity::new(0.5)).unwrap(), "0.5");
}

#[test]
fn a_kind_is_shown_as_it_is_serialized() {
    for kind in KINDS {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        let severity = kind.severity();
        assert_eq!(Severity::new(severity.as_f64()), severity, "{kind} is within bounds");
    }
}

#[test]
fn a_long_message_is_cut_at_the_end_of_a_character() {
    let record = |message: String| {
        FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Error, message).message
    };
    let max = FailureRecord::MESSAGE_BYTES_MAX;
    assert_eq!(record("x".repeat(max)), "x".repeat(max));
    for unit in ["x", "\u{e9}", "\u{20ac}", "\u{1f980}"] {
        let kept = record(unit.repeat(max + 1));
        assert!(kept.len() <= max && kept.len() > max - 8, "{unit} {}", kept.len());
        assert!(kept.ends_with('…'));
    }
}

#[test]
fn a_full_propagation_path_keeps_its_first_hops() {
    let mut record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Escalated, "no");
    for hop in 0..2 * FailureRecord::HOPS_MAX {
        record = record.with_hop(hop.to_string());
    }
    assert_eq!(record.propagation.len(), FailureRecord::HOPS_MAX);
    assert_eq!(record.propagation[0], "0");
}

#[test]
fn a_record_survives_json() {
    let record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Panic, "no")
        .with_actor("/a/b")
        .with_correlation(CorrelationId::from_u128(5))
        .with_hop("/a")
        .with_severity(Severity::new(0.9));
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<FailureRecord>(&json).unwrap(), record);
}
