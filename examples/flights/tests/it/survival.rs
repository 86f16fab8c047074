//! The run on entities: whatever goes wrong, their states are those of the reference.

use std::sync::Arc;
use std::time::Duration;

use flights::dataset::Dataset;
use flights::event::{Event, timeline};
use flights::fault::{FaultKind, FaultPlan, FaultRate};
use flights::life::TemporaryDirectory;
use flights::lives::fly;
use flights::load;
use flights::pace::Speed;
use flights::report::{Report, Run};
use flights::roster::Role;
use flights::run::Flight;
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
    Flight { seed, plan, speed: Speed::UNBOUNDED }
}

/// One life, in a directory that only this purpose has.
fn run(dataset: &Dataset, events: &Arc<[Event]>, flight: Flight, purpose: &str) -> Run {
    let directory = TemporaryDirectory::new(purpose);
    fly(dataset, events, flight, directory.path()).expect("the run ends")
}

fn planned(events: &[Event], flight: Flight, kind: FaultKind) -> u64 {
    let faults = (0..).zip(events).filter_map(|(index, event)| flight.plan.at(index, event));
    faults.filter(|fault| fault.kind == kind).count() as u64
}

#[test]
fn all_planned_faults_come_to_pass_are_absorbed_and_change_nothing() {
    flights::quiet::keep_quiet_about_injected_panics();
    let (dataset, events) = dataset(600);
    let reference = Reference::new(&dataset, &events);
    for (seed, rate) in [(1, 0.0), (2, 0.002), (3, 0.05), (4, 0.05)] {
        let flight = flight(seed, rate);
        let run = run(&dataset, &events, flight, &format!("faults-{seed}"));
        let verdict = reference.judge_all(&dataset.roster, &run.states, &run.views);
        assert_eq!(verdict, Verdict::Equal, "seed {seed}");
        for kind in FaultKind::ALL {
            let count = run.tally.faults(kind);
            assert_eq!(count.injected, planned(&events, flight, kind), "{seed} {kind:?}");
            assert_eq!(count.absorbed, count.injected, "seed {seed} {kind:?}");
        }
        assert!(run.look_back.replay.hashes_equal && run.look_back.replay.events > 0);
        assert!(run.look_back.travel.equal, "{:?}", run.look_back.travel);
    }
}

#[test]
fn a_region_that_melts_down_comes_back_with_all_its_airports() {
    flights::quiet::keep_quiet_about_injected_panics();
    let (dataset, events) = dataset(300);
    let melts = |seed: &u64| planned(&events, flight(*seed, 0.02), FaultKind::Meltdown) > 0;
    let seed = (0..1_000).find(melts).expect("one in ten seeds or so");
    let run = run(&dataset, &events, flight(seed, 0.02), "meltdown");
    let melted = run.tally.faults(FaultKind::Meltdown);
    assert!(melted.injected > 0 && melted.absorbed == melted.injected, "{melted:?}");
    assert!(run.tally.restarts(RestartCause::Meltdown) >= melted.injected);
    let reference = Reference::new(&dataset, &events);
    assert_eq!(reference.judge(&dataset.roster, &run.states), Verdict::Equal);
}

#[test]
fn a_wrong_state_is_named_in_the_report() {
    let (dataset, events) = dataset(100);
    let mut run = run(&dataset, &events, flight(1, 0.0), "wrong");
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
fn a_wrong_read_model_is_a_difference() {
    let (dataset, events) = dataset(100);
    let mut run = run(&dataset, &events, flight(1, 0.0), "view");
    let reference = Reference::new(&dataset, &events);
    if let Some(minutes) = run.views.delay_minutes_by_day.values_mut().next() {
        *minutes += 1;
    }
    let verdict = reference.judge_all(&dataset.roster, &run.states, &run.views);
    let Verdict::Different(difference) = verdict else { unreachable!("a minute is too many") };
    assert_eq!(difference.actor, "the read models");
}

#[test]
fn a_year_in_slow_motion_takes_its_time() {
    let (dataset, events) = dataset(3);
    let span = events[events.len() - 1].at.since(events[0].at);
    let speed = Speed::new(f64::from(span) * 60.0 * 20.0).expect("a speed");
    let run = run(&dataset, &events, Flight { speed, ..flight(1, 0.0) }, "slow");
    assert!(run.elapsed >= Duration::from_millis(50), "{:?}", run.elapsed);
}
