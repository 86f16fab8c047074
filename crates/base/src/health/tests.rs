//! Tests of the health scale.

use super::*;

/// From the best to the worst.
const SCALE: [Health; 4] = [Health::Healthy, Health::Unknown, Health::Degraded, Health::Critical];

#[test]
fn the_worse_of_two_wins_from_either_side() {
    for (better, one) in SCALE.into_iter().enumerate() {
        for (worse, other) in SCALE.into_iter().enumerate() {
            let expected = SCALE[better.max(worse)];
            assert_eq!(one.worst(other), expected, "{one} {other}");
        }
    }
}

#[test]
fn the_worst_of_nothing_is_unknown() {
    assert_eq!(Health::worst_of([]), Health::Unknown);
    assert_eq!(Health::worst_of([Health::Healthy]), Health::Healthy);
    assert_eq!(Health::worst_of(SCALE), Health::Critical);
}

#[test]
fn scores_fall_into_three_bands() {
    for (score, health) in [
        (f64::INFINITY, Health::Healthy),
        (1.0, Health::Healthy),
        (0.8, Health::Healthy),
        (0.799, Health::Degraded),
        (0.4, Health::Degraded),
        (0.399, Health::Critical),
        (0.0, Health::Critical),
        (-1.0, Health::Critical),
        (f64::NAN, Health::Unknown),
    ] {
        assert_eq!(Health::from_score(score), health, "{score}");
    }
}

#[test]
fn what_is_known_survives_its_score() {
    for health in [Health::Healthy, Health::Degraded, Health::Critical] {
        assert_eq!(Health::from_score(health.score()), health);
    }
}

#[test]
fn health_is_shown_as_it_is_serialized() {
    for health in SCALE {
        assert_eq!(serde_json::to_string(&health).unwrap(), format!("\"{health}\""));
    }
}

#[test]
fn a_check_is_critical_unless_it_says_otherwise() {
    struct Plain;
    #[async_trait]
    impl HealthCheck for Plain {
        fn name(&self) -> &'static str {
            "plain"
        }
        async fn check(&self) -> HealthReport {
            Health::Healthy.into()
        }
    }
    let check: &dyn HealthCheck = &Plain;
    assert!(check.critical());
}
