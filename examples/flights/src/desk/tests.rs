//! The desk with its real services, on short runs of the real year: with and without outages.

use std::sync::Arc;
use std::time::Duration;

use steadfast::actor_core::System;
use steadfast::supervision::{ChildSpec, RootSupervisor, Supervisor};

use super::{Briefings, DeskReport, Msg, SERVICES, Setup, desk, services};
use crate::calendar::Minute;
use crate::dataset::Dataset;
use crate::event::timeline;
use crate::load;
use crate::outage::{Outage, OutageKind, OutagePlan, Service};

/// The first five days of the year, and a little of the sixth.
const FLIGHTS: usize = 4_400;

fn dataset() -> Dataset {
    load::load(&load::default_folder(), FLIGHTS.try_into().ok()).expect("good data")
}

/// What a desk reports that is told of the year in these steps.
fn run(dataset: &Dataset, outages: OutagePlan, step: u32) -> DeskReport {
    let setup = Setup {
        roster: Arc::new(dataset.roster.clone()),
        events: timeline(dataset).into(),
        outages: Arc::new(outages),
        seed: 7,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build();
    runtime.expect("a runtime for the test").block_on(async {
        let system = System::builder("desk").build().expect("a plain system");
        let services = services(&setup, &dataset.records, &system, "root");
        let top = Supervisor::one_for_one().child(ChildSpec::supervisor(SERVICES, services));
        let _root = RootSupervisor::of(top).start(&system, "root").await.expect("it starts");
        let desk = desk(&system, "root").expect("the desk was started");
        let events = u32::try_from(setup.events.len()).expect("few");
        for end in (0..events).step_by(step as usize) {
            desk.tell(Msg::UpTo(end)).await.expect("it runs");
        }
        let report = desk.ask(Msg::Report).within(Duration::from_mins(1)).await;
        system.shutdown().await;
        report.expect("an answer")
    })
}

fn outage(begins: &str, ends: &str, kind: OutageKind) -> Outage {
    let minute = |text| Minute::parse(text).expect("a moment");
    Outage { begins: minute(begins), ends: minute(ends), kind }
}

#[test]
fn without_outages_only_what_is_not_on_record_is_missing() {
    let dataset = dataset();
    let report = run(&dataset, OutagePlan::none(), 1_024);
    let Briefings { flights, without_aircraft, without_airport, without_weather, .. } =
        report.briefings;
    let unregistered = |flight: &&crate::dataset::Flight| {
        let entry = flight.plane.and_then(|id| dataset.roster.plane(id));
        entry.is_none_or(|entry| dataset.records.aircraft(&entry.tail).is_err())
    };
    let nowhere = |flight: &&crate::dataset::Flight| {
        let entry = dataset.roster.airport(flight.destination).expect("in the roster");
        dataset.records.airport(&entry.code).is_err()
    };
    let unobserved = |flight: &&crate::dataset::Flight| {
        let entry = dataset.roster.airport(flight.origin).expect("in the roster");
        dataset.records.weather(&entry.code, flight.scheduled.hour_start()).is_err()
    };
    assert_eq!(flights, FLIGHTS as u64);
    assert_eq!(without_aircraft, dataset.flights.iter().filter(unregistered).count() as u64);
    assert_eq!(without_airport, dataset.flights.iter().filter(nowhere).count() as u64);
    assert_eq!(without_weather, dataset.flights.iter().filter(unobserved).count() as u64);
    for service in &report.services {
        assert_eq!(service.calls, service.requests, "asked once each");
        assert_eq!(service.calls, service.answered + service.not_found);
        assert_eq!((service.failed, service.retried, service.breaker_changes), (0, 0, 0));
    }
}

#[test]
fn an_outage_opens_the_breaker_saves_calls_and_is_recovered_from() {
    let dataset = dataset();
    for (kind, is_answered_late) in
        [(OutageKind::Errors, false), (OutageKind::Silence, false), (OutageKind::Slowness, true)]
    {
        let outage = outage("2013-01-02T12:00:00Z", "2013-01-02T15:00:00Z", kind);
        for service in Service::ALL {
            let report = run(&dataset, OutagePlan::only(service, outage), 1_024);
            let [weather, registry] = &report.services;
            let (hit, other) = match service {
                Service::Weather => (weather, registry),
                Service::Registry => (registry, weather),
            };
            assert!(hit.breaker_opened > 0, "{kind:?} {hit:?}");
            assert!(hit.rejected_by_breaker > 0, "{kind:?} {hit:?}");
            assert!(hit.unanswered > 0 && hit.failed > 0 || is_answered_late, "{kind:?} {hit:?}");
            assert_eq!(hit.breaker_state, "closed", "{kind:?} {hit:?}");
            assert_eq!(hit.calls, hit.answered + hit.not_found + hit.unanswered);
            let opened = hit.breaker_history.first().expect("it opened");
            assert!(opened.at.starts_with("2013-01-02 1") && opened.to == "open", "{opened:?}");
            assert_eq!((other.failed, other.breaker_changes), (0, 0), "{kind:?} {other:?}");
            let Briefings { flights, without_weather, with_older_weather, .. } = report.briefings;
            assert_eq!(flights, FLIGHTS as u64);
            if (service, kind) == (Service::Weather, OutageKind::Errors) {
                assert!(hit.fallbacks.last_good > 0, "{hit:?}");
                assert!(with_older_weather > 50 && with_older_weather <= without_weather);
            }
        }
    }
}

#[test]
fn the_report_depends_on_the_seed_alone() {
    let dataset = dataset();
    let events = timeline(&dataset);
    let span = (events[0].at, events[events.len() - 1].at);
    let plan = OutagePlan::new(3, span.0, span.1);
    let report = run(&dataset, plan.clone(), 1_024);
    assert!(report.services.iter().any(|service| service.failed > 0), "{report:?}");
    assert_eq!(report, run(&dataset, plan, 333));
}
