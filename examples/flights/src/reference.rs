//! The reference: what the actors must come to, found twice without any actor.
//!
//! [`tally`] adds up the rows of the file and knows neither events nor state machines.
//! [`straight_pass`] runs all events through the state machines on one thread, which also gives
//! the figures that depend on the order of events (queues, inherited delay).

use crate::dataset::{Dataset, Flight, Outcome};
use crate::event::Event;
use crate::figure::Figure;
use crate::roster::{Role, Roster};
use crate::route::recipients;
use crate::state::State;

/// Less than this is on time, by the rule of the records' publisher.
const ON_TIME_BELOW_MINUTES: i64 = 15;

/// The states of all actors after all events, by actor index.
#[must_use]
pub fn straight_pass(roster: &Roster, events: &[Event]) -> Vec<State> {
    let mut states: Vec<State> = roster.roles().map(State::new).collect();
    for event in events {
        for role in recipients(event) {
            if let Some(state) = states.get_mut(roster.index(role).get()) {
                state.apply(event);
            }
        }
    }
    states
}

/// The totals of all actors straight from the rows, by actor index.
///
/// Only figures that are sums; each is named as in the actor's state.
#[must_use]
pub fn tally(dataset: &Dataset) -> Vec<Vec<Figure>> {
    let roster = &dataset.roster;
    let mut sums = vec![Sums::default(); roster.actors()];
    for flight in &dataset.flights {
        let mut add = |role, side| {
            if let Some(sums) = sums.get_mut(roster.index(role).get()) {
                sums.add(flight, side);
            }
        };
        add(Role::Network, Side::Whole);
        add(Role::Airline(flight.airline), Side::Whole);
        add(Role::Airport(flight.origin), Side::Departure);
        add(Role::Airport(flight.destination), Side::Arrival);
        if let Some(plane) = flight.plane {
            add(Role::Plane(plane), Side::Whole);
        }
    }
    roster.roles().zip(&sums).map(|(role, sums)| sums.figures(role)).collect()
}

/// Which part of a flight counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Departure,
    Arrival,
    Whole,
}

#[derive(Clone, Default)]
struct Sums {
    scheduled: i64,
    departed: i64,
    arrived: i64,
    on_time: i64,
    cancelled: i64,
    cancelled_inbound: i64,
    diverted: i64,
    departure_delay: i64,
    arrival_delay: i64,
    air_minutes: i64,
    miles: i64,
}

impl Sums {
    fn add(&mut self, flight: &Flight, side: Side) {
        let (departs, arrives) = (side != Side::Arrival, side != Side::Departure);
        self.scheduled += i64::from(departs);
        if let Outcome::Diverted { departure_delay } | Outcome::Flown { departure_delay, .. } =
            flight.outcome
            && departs
        {
            self.departed += 1;
            self.departure_delay += i64::from(departure_delay);
        }
        match flight.outcome {
            Outcome::Cancelled => {
                self.cancelled += i64::from(departs);
                self.cancelled_inbound += i64::from(arrives);
            }
            Outcome::Diverted { .. } => self.diverted += i64::from(arrives),
            Outcome::Flown { arrival_delay, air_minutes, .. } if arrives => {
                self.arrived += 1;
                self.on_time += i64::from(i64::from(arrival_delay) < ON_TIME_BELOW_MINUTES);
                self.arrival_delay += i64::from(arrival_delay);
                self.air_minutes += i64::from(air_minutes);
                self.miles += i64::from(flight.distance_miles);
            }
            Outcome::Flown { .. } => {}
        }
    }

    fn figures(&self, role: Role) -> Vec<Figure> {
        let mut figures = vec![
            Figure::new("scheduled", self.scheduled),
            Figure::new("departed", self.departed),
            Figure::new("arrived", self.arrived),
            Figure::new("cancelled", self.cancelled),
            Figure::new("departure_delay_minutes", self.departure_delay),
            Figure::new("arrival_delay_minutes", self.arrival_delay),
        ];
        figures.extend(match role {
            Role::Network => vec![
                Figure::new("diverted", self.diverted),
                Figure::new("airborne", 0), // every flight of the file comes down
            ],
            Role::Airline(_) => {
                vec![Figure::new("diverted", self.diverted), Figure::new("on_time", self.on_time)]
            }
            Role::Airport(_) => vec![
                Figure::new("inbound", 0),
                Figure::new("inbound_cancelled", self.cancelled_inbound),
                Figure::new("inbound_diverted", self.diverted),
                Figure::new("movements", self.departed + self.arrived),
                Figure::new("queue", 0),
            ],
            Role::Plane(_) => vec![
                Figure::new("diverted", self.diverted),
                Figure::new("air_minutes", self.air_minutes),
                Figure::new("miles", self.miles),
            ],
        });
        figures
    }
}
