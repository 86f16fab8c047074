//! The run on actors: whatever goes wrong, their states are those of the reference.

use std::sync::Arc;
use std::time::Duration;

use flights::dataset::Dataset;
use flights::event::{Event, timeline};
use flights::fault::{FaultKind, FaultPlan, FaultRate};
use flights::load;
use flights::pace::Speed;
use flights::report::{Report, Run};
use flights::roster::Role;
use flights::run::{Flight, fly};
use flights::tally::RestartCause;
use flights::verdict::{Reference, Verdict};

fn dataset(flights: usize) -> (Dataset, Arc<[Event]>) {
    let dataset = load::load(&load::default_folder(), flights.try_into().ok()).expect("good data");
    let events = timeline(&dataset).into();
    (dataset, events)
}

fn flight(seed: u64, rate: f64) -> Flight {
    let rate = FaultRate::new(rate).expect("a share");
    let plan = FaultPlan::new(seed, rate);
    Flight { seed, plan, speed: Speed::UNBOUNDED, show_every: Duration::MAX }
}

fn run(dataset: &Dataset, events: &Arc<[Event]>, flight: &Flight) -> Run {
    fly(dataset, Arc::clone(events), flight, &mut |_| {}).expect("the run ends")
}

fn planned(events: &[Event], flight: &Flight, kind: FaultKind) -> u64 {
    let faults = (0..).zip(events).filter_map(|(index, event)| flight.plan.at(index, event));
    faults.filter(|fault| fault.kind == kind).count() as u64
}

#[test]
fn all_planned_faults_come_to_pass_are_absorbed_and_change_nothing() {
    flights::quiet::keep_quiet_about_injected_panics();
    let (dataset, events) = dataset(600);
    let reference = Reference::new(&dataset, &events);
    for (seed, rate) in [(1, 0.0), (2, 0.002), (3, 0.1), (4, 0.1), (5, 0.1)] {
        let flight = flight(seed, rate);
        let run = run(&dataset, &events, &flight);
        assert_eq!(reference.judge(&dataset.roster, &run.states), Verdict::Equal, "seed {seed}");
        for kind in FaultKind::ALL {
            let count = run.tally.faults(kind);
            assert_eq!(count.injected, planned(&events, &flight, kind), "{seed} {kind:?}");
            assert_eq!(count.absorbed, count.injected, "seed {seed} {kind:?}");
        }
    }
}

#[test]
fn a_region_that_melts_down_comes_back_with_all_its_airports() {
    flights::quiet::keep_quiet_about_injected_panics();
    let (dataset, events) = dataset(300);
    let melts = |seed: &u64| planned(&events, &flight(*seed, 0.02), FaultKind::Meltdown) > 0;
    let seed = (0..1_000).find(melts).expect("one in ten seeds or so");
    let run = run(&dataset, &events, &flight(seed, 0.02));
    let melted = run.tally.faults(FaultKind::Meltdown);
    assert!(melted.injected > 0 && melted.absorbed == melted.injected, "{melted:?}");
    assert!(run.tally.restarts(RestartCause::Meltdown) >= melted.injected);
    let reference = Reference::new(&dataset, &events);
    assert_eq!(reference.judge(&dataset.roster, &run.states), Verdict::Equal);
}

#[test]
fn a_wrong_state_is_named_in_the_report() {
    let (dataset, events) = dataset(100);
    let mut run = run(&dataset, &events, &flight(1, 0.0));
    let wrong = dataset.roster.index(Role::Network).get();
    if let Some(state) = run.states[wrong].as_mut() {
        state.apply(&events[0]);
    }
    let verdict = Reference::new(&dataset, &events).judge(&dataset.roster, &run.states);
    let report = Report::new(&dataset, 1, 0.0, &run, verdict);
    assert!(!report.is_equal());
    let json: serde_json::Value =
        serde_json::from_str(&report.json().expect("plain data")).expect("JSON");
    assert_eq!(json["verdict"], "different");
    assert_eq!(json["difference"]["actor"], "network operations");
    assert_eq!(json["difference"]["field"], "scheduled");
    assert!(report.text().contains("verdict DIFFERENT: network operations: `scheduled` is 101"));
}

#[test]
fn a_year_in_slow_motion_takes_its_time() {
    let (dataset, events) = dataset(3);
    let span = events[events.len() - 1].at.since(events[0].at);
    let speed = Speed::new(f64::from(span) * 60.0 * 20.0).expect("a speed");
    let run = run(&dataset, &events, &Flight { speed, ..flight(1, 0.0) });
    assert!(run.elapsed >= Duration::from_millis(50), "{:?}", run.elapsed);
}
