//! Plans that are refused before anything starts.

use std::time::Duration;

use steadfast_supervision::{
    AutoShutdown, Backoff, Budget, ChildPlan, ChildRules, Fault, RestartPolicy, Strategy,
    SupervisorCore, SupervisorPlan, SupervisorRules,
};

use crate::stage::{plan, plan_with, transient};

fn faults(plan: SupervisorPlan) -> Vec<Fault> {
    let faults = SupervisorCore::new(plan).expect_err("a faulty plan");
    faults.as_slice().to_vec()
}

#[test]
fn s05_all_faults_of_a_plan_are_listed_at_once() {
    let own = SupervisorRules::default().with_budget(Budget::new(1, Duration::ZERO));
    let significant = transient().with_significant(true).with_restart(RestartPolicy::permanent());
    let children = [("a", transient()), ("a", significant), ("", transient())];
    assert_eq!(
        faults(plan_with(own, &children)),
        [
            Fault::PeriodZero,
            Fault::DuplicateName("a".to_owned()),
            Fault::SignificantPermanent("a".to_owned()),
            Fault::SignificantUnderNever("a".to_owned()),
            Fault::EmptyName,
        ]
    );
}

#[test]
fn s05_numbers_of_children_are_checked() {
    let budget = transient().with_budget(Budget::new(1, Duration::ZERO));
    let backoff = transient().with_backoff(Backoff::default().with_jitter(2.0));
    let factor = transient().with_backoff(Backoff::default().with_factor(f64::NAN));
    assert_eq!(
        faults(plan(Strategy::OneForOne, &[("b", budget), ("j", backoff), ("f", factor)])),
        [
            Fault::ChildPeriodZero("b".to_owned()),
            Fault::BackoffRange("j".to_owned()),
            Fault::BackoffRange("f".to_owned()),
        ]
    );
}

#[test]
fn s05_dynamic_supervisors_have_a_template_and_nothing_else() {
    let own =
        SupervisorRules::new(Strategy::Dynamic).with_auto_shutdown(AutoShutdown::AnySignificant);
    assert_eq!(
        faults(plan_with(own, &[("a", transient())])),
        [Fault::AutoShutdownOnDynamic, Fault::TemplateMissing, Fault::ChildrenOnDynamic]
    );
    let mut template = plan(Strategy::OneForOne, &[]);
    template.template = Some(ChildRules::worker());
    assert_eq!(faults(template), [Fault::TemplateOnStatic]);
}

#[test]
fn more_children_than_allowed_are_refused() {
    let own = SupervisorRules::default().with_children_max(1);
    assert_eq!(
        faults(plan_with(own, &[("a", transient()), ("b", transient())])),
        [Fault::TooManyChildren { max: 1, listed: 2 }]
    );
}

#[test]
fn a_plan_is_readable_data() {
    let text = r#"{
        "strategy": "rest_for_one",
        "budget": {"restarts": 5},
        "children": [
            {"name": "db", "restart": "always", "shutdown": "infinity"},
            {"name": "cache", "backoff": {"growth": "constant", "base": {"secs": 2, "nanos": 0}}}
        ]
    }"#;
    let read: SupervisorPlan = serde_json::from_str(text).expect("a plan");
    let own = SupervisorRules::new(Strategy::RestForOne)
        .with_budget(Budget::new(5, Duration::from_mins(1)));
    let db = ChildRules::worker()
        .with_restart(RestartPolicy::Always)
        .with_shutdown(steadfast_supervision::Shutdown::Infinity);
    let cache = ChildRules::worker().with_backoff(Backoff::constant(Duration::from_secs(2)));
    let expected = SupervisorPlan::new(own)
        .child(ChildPlan::new("db", db))
        .child(ChildPlan::new("cache", cache));
    assert_eq!(read, expected);
    let written = serde_json::to_string(&read).expect("data");
    assert_eq!(serde_json::from_str::<SupervisorPlan>(&written).expect("its own text"), expected);
}
