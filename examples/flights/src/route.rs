//! Which actors an event goes to.

use crate::event::{Event, EventKind};
use crate::roster::Role;

/// The roles that take an event, in a fixed order: network, airline, airports, plane.
///
/// | event | airports |
/// |---|---|
/// | scheduled | origin |
/// | cancelled, departed | origin and destination |
/// | diverted, arrived | destination |
pub fn recipients(event: &Event) -> impl Iterator<Item = Role> + Clone {
    let at_origin = match event.kind {
        EventKind::Scheduled | EventKind::Cancelled | EventKind::Departed { .. } => true,
        EventKind::Diverted | EventKind::Arrived { .. } => false,
    };
    let round_trip = event.origin == event.destination;
    let at_destination = match event.kind {
        EventKind::Scheduled => false,
        EventKind::Cancelled | EventKind::Departed { .. } => !round_trip,
        EventKind::Diverted | EventKind::Arrived { .. } => true,
    };
    [
        Some(Role::Network),
        Some(Role::Airline(event.airline)),
        at_origin.then_some(Role::Airport(event.origin)),
        at_destination.then_some(Role::Airport(event.destination)),
        event.plane.map(Role::Plane),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{Day, Minute};
    use crate::dataset::FlightId;
    use crate::roster::{AirlineId, AirportId, PlaneId};

    fn event(kind: EventKind, plane: Option<PlaneId>) -> Event {
        Event {
            at: Minute::new(0),
            kind,
            flight: FlightId(0),
            day: Day::default(),
            airline: AirlineId(3),
            plane,
            origin: AirportId(1),
            destination: AirportId(2),
            distance_miles: 1,
        }
    }

    #[test]
    fn each_kind_reaches_the_airports_it_concerns() {
        let (origin, destination) = (Role::Airport(AirportId(1)), Role::Airport(AirportId(2)));
        for (kind, airports) in [
            (EventKind::Scheduled, vec![origin]),
            (EventKind::Cancelled, vec![origin, destination]),
            (EventKind::Departed { delay: 0 }, vec![origin, destination]),
            (EventKind::Diverted, vec![destination]),
            (EventKind::Arrived { delay: 0, air_minutes: 1 }, vec![destination]),
        ] {
            let mut expected = vec![Role::Network, Role::Airline(AirlineId(3))];
            expected.extend(airports);
            expected.push(Role::Plane(PlaneId(9)));
            let got: Vec<Role> = recipients(&event(kind, Some(PlaneId(9)))).collect();
            assert_eq!(got, expected, "{kind:?}");
        }
    }

    #[test]
    fn a_flight_without_tail_number_reaches_no_plane() {
        let none = event(EventKind::Cancelled, None);
        assert!(recipients(&none).all(|role| !matches!(role, Role::Plane(_))));
    }

    #[test]
    fn a_round_trip_reaches_its_airport_once() {
        let mut round = event(EventKind::Departed { delay: 0 }, None);
        round.destination = round.origin;
        assert_eq!(recipients(&round).filter(|role| matches!(role, Role::Airport(_))).count(), 1);
    }
}
