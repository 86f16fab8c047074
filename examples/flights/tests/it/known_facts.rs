//! The facts that the README of the data states, against the real file.

use std::collections::{BTreeMap, BTreeSet};

use flights::calendar::Minute;
use flights::dataset::{Dataset, Flight, Outcome};
use flights::event::{Event, EventKind, timeline};
use flights::load;
use flights::reference::straight_pass;
use flights::roster::{PlaneEntry, Role, UNKNOWN_REGION};
use flights::state::State;
use flights::verdict::{Reference, Verdict};

/// One test, because a test runner may give every test a process and so a load of its own.
#[test]
fn the_real_file_and_the_states_made_of_it_show_the_known_facts() {
    let dataset = load::load(&load::default_folder(), None).expect("the data comes with the crate");
    rows(&dataset);
    participants(&dataset);
    records(&dataset);

    let events = timeline(&dataset);
    order(&events);
    first_carriers(&dataset, &events);

    let states = straight_pass(&dataset.roster, &events);
    totals(&states);
    origins(&dataset, &states);

    let reference = Reference::new(&dataset, &events);
    let found: Vec<Option<State>> = states.into_iter().map(Some).collect();
    assert_eq!(reference.judge(&dataset.roster, &found), Verdict::Equal);
}

fn rows(dataset: &Dataset) {
    assert_eq!(dataset.flights.len(), 336_776);
    let count = |of: fn(&Outcome) -> bool| {
        dataset.flights.iter().filter(|flight| of(&flight.outcome)).count()
    };
    assert_eq!(count(|outcome| matches!(outcome, Outcome::Cancelled)), 8_255);
    assert_eq!(count(|outcome| matches!(outcome, Outcome::Diverted { .. })), 1_175);
    assert_eq!(count(|outcome| matches!(outcome, Outcome::Flown { .. })), 327_346);
    assert_eq!(dataset.flights.iter().filter(|flight| flight.plane.is_none()).count(), 2_512);
}

fn participants(dataset: &Dataset) {
    let roster = &dataset.roster;
    assert_eq!(roster.planes.len(), 4_043);
    assert_eq!(roster.airlines.len(), 16);
    let destinations: BTreeSet<_> =
        dataset.flights.iter().map(|flight| flight.destination).collect();
    assert_eq!(destinations.len(), 105);
    assert_eq!(roster.planes.iter().filter(|plane| plane.model.is_none()).count(), 721);

    let in_region = |name: &str| -> Vec<&str> {
        let region = roster.regions.iter().position(|region| region == name).expect("a region");
        let here = |region_id: u16| usize::from(region_id) == region;
        let airports = roster.airports.iter().filter(|airport| here(airport.region.0));
        let mut codes: Vec<&str> = airports.map(|airport| airport.code.as_str()).collect();
        codes.sort_unstable();
        codes
    };
    assert_eq!(in_region(UNKNOWN_REGION), ["BQN", "PSE", "SJU", "STT"]);
    assert_eq!(in_region("Pacific/Honolulu"), ["HNL"]);
    assert_eq!(in_region("America/New_York").len(), 58);
    assert_eq!(roster.regions.len(), 8);
}

/// What the services know, and what they are asked for and do not know.
fn records(dataset: &Dataset) {
    let Dataset { flights, roster, records } = dataset;
    assert_eq!(records.hours_of_weather(), 26_115);
    let unknown = |plane: &PlaneEntry| records.aircraft(&plane.tail).is_err();
    assert_eq!(roster.planes.iter().filter(|plane| unknown(plane)).count(), 721);
    let unknown_tail =
        |flight: &&Flight| flight.plane.and_then(|id| roster.plane(id)).is_some_and(&unknown);
    assert_eq!(flights.iter().filter(unknown_tail).count(), 50_094);

    let airports = roster.airports.iter().map(|airport| airport.code.as_str());
    let mut nowhere: Vec<&str> = airports.filter(|code| records.airport(code).is_err()).collect();
    nowhere.sort_unstable();
    assert_eq!(nowhere, ["BQN", "PSE", "SJU", "STT"]);

    let hours: Vec<(&str, Minute)> = flights
        .iter()
        .map(|flight| {
            let origin = roster.airport(flight.origin).expect("in the roster");
            (origin.code.as_str(), flight.scheduled.hour_start())
        })
        .collect();
    let unobserved = |(airport, hour): &(&str, Minute)| records.weather(airport, *hour).is_err();
    assert_eq!(hours.iter().filter(|hour| unobserved(hour)).count(), 1_556);
    let apart: BTreeSet<_> = hours.into_iter().collect();
    assert_eq!(apart.len(), 19_486);
    assert_eq!(apart.iter().filter(|hour| unobserved(hour)).count(), 108);
}

fn order(events: &[Event]) {
    assert_eq!(events.len(), 336_776 + 328_521 + 327_346 + 8_255 + 1_175);
    assert!(events.windows(2).all(|pair| pair[0].order() < pair[1].order()));
}

/// The first row of a plane is also its first flight in time; 17 planes fly for two.
fn first_carriers(dataset: &Dataset, events: &[Event]) {
    let mut carriers = BTreeMap::new();
    let scheduled = events.iter().filter(|event| event.kind == EventKind::Scheduled);
    for event in scheduled.filter(|event| event.plane.is_some()) {
        let seen: &mut Vec<_> = carriers.entry(event.plane).or_default();
        if !seen.contains(&event.airline) {
            seen.push(event.airline);
        }
    }
    assert_eq!(carriers.values().filter(|seen| seen.len() == 2).count(), 17);
    for (plane, seen) in carriers {
        let entry = plane.and_then(|plane| dataset.roster.plane(plane)).expect("in the roster");
        assert_eq!(entry.carrier, seen[0], "{}", entry.tail);
    }
}

fn totals(states: &[State]) {
    let network = &states[0];
    for (name, value) in [
        ("scheduled", 336_776),
        ("departed", 328_521),
        ("arrived", 327_346),
        ("cancelled", 8_255),
        ("diverted", 1_175),
        ("departure_delay_minutes", 4_152_200), // 12.639070257 * 328,521
        ("arrival_delay_minutes", 2_257_174),   // 6.895376758 * 327,346
        ("worst_departure_delay_minutes", 1_301),
        ("airborne", 0),
    ] {
        assert_eq!(network.figure(name), value, "{name}");
    }
    let linked: i64 = states.iter().map(|state| state.figure("linked_legs")).sum();
    assert_eq!(linked, 79_428, "pairs of departures of one aircraft on one day");
}

fn origins(dataset: &Dataset, states: &[State]) {
    let roster = &dataset.roster;
    let airport = |code: &str| {
        let is = |role: &Role| roster.name(*role) == format!("airport {code}");
        let role = roster.roles().find(is).expect("an airport of the roster");
        &states[roster.index(role).get()]
    };
    for (code, scheduled, cancelled, mean) in [
        ("EWR", 120_835, 3_239, 15.108),
        ("JFK", 111_279, 1_863, 12.112),
        ("LGA", 104_662, 3_153, 10.347),
    ] {
        let state = airport(code);
        assert_eq!(state.figure("scheduled"), scheduled, "{code}");
        assert_eq!(state.figure("cancelled"), cancelled, "{code}");
        let sum = f64::from(i32::try_from(state.figure("departure_delay_minutes")).expect("small"));
        let departed = f64::from(i32::try_from(state.figure("departed")).expect("small"));
        assert!((sum / departed - mean).abs() < 0.000_6, "{code}: {}", sum / departed);
    }
    for (code, flights) in [("ORD", 17_283), ("ATL", 17_215), ("LAX", 16_174)] {
        let state = airport(code);
        let bound = ["arrived", "inbound_diverted", "inbound_cancelled"];
        assert_eq!(bound.map(|name| state.figure(name)).iter().sum::<i64>(), flights, "{code}");
    }
}
