//! The events of the year and their one total order.

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, Minute};
use crate::dataset::{Dataset, Flight, FlightId, Outcome};
use crate::roster::{AirlineId, AirportId, PlaneId};

/// A diverted flight is given up this long after a direct flight would have landed.
///
/// The file does not say when a diversion was known. An hour is what it takes to hold, to land
/// elsewhere and to report.
const DIVERSION_GRACE_MINUTES: i32 = 60;

/// Miles a minute of a jet in cruise (about 480 miles an hour), for the estimate above.
const CRUISE_MILES_PER_MINUTE: i32 = 8;

/// What happened. Delays in minutes, negative when early.
///
/// The variants are in the order of a flight's life, which is also how ties in time are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The scheduled departure time has come. A flight may have left before it.
    Scheduled,
    /// It will not leave; known at the scheduled departure.
    Cancelled,
    /// It left.
    Departed {
        /// Late by.
        delay: i16,
    },
    /// It landed somewhere else, or is lost.
    Diverted,
    /// It landed.
    Arrived {
        /// Late by.
        delay: i16,
        /// In the air for.
        air_minutes: u16,
    },
}

impl EventKind {
    fn rank(self) -> u8 {
        match self {
            Self::Scheduled => 0,
            Self::Cancelled => 1,
            Self::Departed { .. } => 2,
            Self::Diverted => 3,
            Self::Arrived { .. } => 4,
        }
    }
}

/// One thing that happened to one flight; self-contained and small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Minute,
    /// What.
    pub kind: EventKind,
    /// To which flight.
    pub flight: FlightId,
    /// The local calendar day of the flight's scheduled departure.
    pub day: Day,
    /// Whose flight.
    pub airline: AirlineId,
    /// The aircraft, if known.
    pub plane: Option<PlaneId>,
    /// From where.
    pub origin: AirportId,
    /// To where.
    pub destination: AirportId,
    /// How far.
    pub distance_miles: u16,
}

impl Event {
    /// The total order: by time, then by the order of a flight's life, then by row of the file.
    #[must_use]
    pub fn order(&self) -> (Minute, u8, FlightId) {
        (self.at, self.kind.rank(), self.flight)
    }
}

/// All events of all flights in their total order.
#[must_use]
pub fn timeline(dataset: &Dataset) -> Vec<Event> {
    let mut events = Vec::with_capacity(dataset.flights.len() * 3);
    for (row, flight) in (0..).zip(&dataset.flights) {
        push_events(&mut events, FlightId(row), flight);
    }
    events.sort_unstable_by_key(Event::order);
    events
}

fn push_events(events: &mut Vec<Event>, id: FlightId, flight: &Flight) {
    let mut push = |at, kind| {
        events.push(Event {
            at,
            kind,
            flight: id,
            day: flight.day,
            airline: flight.airline,
            plane: flight.plane,
            origin: flight.origin,
            destination: flight.destination,
            distance_miles: flight.distance_miles,
        });
    };
    push(flight.scheduled, EventKind::Scheduled);
    match flight.outcome {
        Outcome::Cancelled => push(flight.scheduled, EventKind::Cancelled),
        Outcome::Diverted { departure_delay } => {
            let departed = flight.scheduled.plus(i32::from(departure_delay));
            let direct = i32::from(flight.distance_miles) / CRUISE_MILES_PER_MINUTE;
            push(departed, EventKind::Departed { delay: departure_delay });
            push(departed.plus(direct + DIVERSION_GRACE_MINUTES), EventKind::Diverted);
        }
        Outcome::Flown { departure_delay, arrival_delay, air_minutes } => {
            let departed = flight.scheduled.plus(i32::from(departure_delay));
            push(departed, EventKind::Departed { delay: departure_delay });
            let landed = departed.plus(i32::from(air_minutes));
            push(landed, EventKind::Arrived { delay: arrival_delay, air_minutes });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::roster::Roster;

    fn flight(scheduled: u32, outcome: Outcome) -> Flight {
        Flight {
            scheduled: Minute::new(scheduled),
            day: Day::default(),
            airline: AirlineId(0),
            plane: None,
            origin: AirportId(0),
            destination: AirportId(1),
            distance_miles: 800,
            outcome,
        }
    }

    fn order_of(flights: Vec<Flight>) -> Vec<(u32, u32, EventKind)> {
        timeline(&Dataset { flights, roster: Roster::default(), records: Arc::default() })
            .iter()
            .map(|event| (event.at.get(), event.flight.0, event.kind))
            .collect()
    }

    #[test]
    fn a_flown_flight_departs_late_and_arrives_after_its_time_in_the_air() {
        let outcome = Outcome::Flown { departure_delay: 7, arrival_delay: -3, air_minutes: 50 };
        assert_eq!(
            order_of(vec![flight(1_000, outcome)]),
            [
                (1_000, 0, EventKind::Scheduled),
                (1_007, 0, EventKind::Departed { delay: 7 }),
                (1_057, 0, EventKind::Arrived { delay: -3, air_minutes: 50 }),
            ]
        );
    }

    #[test]
    fn an_early_departure_comes_before_its_scheduled_time() {
        let outcome = Outcome::Flown { departure_delay: -5, arrival_delay: 0, air_minutes: 50 };
        let events = order_of(vec![flight(1_000, outcome)]);
        assert_eq!(events[0], (995, 0, EventKind::Departed { delay: -5 }));
        assert_eq!(events[1], (1_000, 0, EventKind::Scheduled));
    }

    #[test]
    fn a_diversion_is_known_an_hour_after_a_direct_flight_would_have_landed() {
        let events = order_of(vec![flight(1_000, Outcome::Diverted { departure_delay: 10 })]);
        assert_eq!(events[2], (1_010 + 100 + 60, 0, EventKind::Diverted));
    }

    #[test]
    fn ties_are_broken_by_the_order_of_life_and_then_by_row() {
        let cancelled = flight(1_000, Outcome::Cancelled);
        let outcome = Outcome::Flown { departure_delay: 0, arrival_delay: 0, air_minutes: 50 };
        assert_eq!(
            order_of(vec![flight(1_000, outcome), cancelled, cancelled])[..6],
            [
                (1_000, 0, EventKind::Scheduled),
                (1_000, 1, EventKind::Scheduled),
                (1_000, 2, EventKind::Scheduled),
                (1_000, 1, EventKind::Cancelled),
                (1_000, 2, EventKind::Cancelled),
                (1_000, 0, EventKind::Departed { delay: 0 }),
            ]
        );
    }
}
