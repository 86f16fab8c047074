//! The rules of each state machine.

use super::*;
use crate::calendar::{Day, Minute};
use crate::dataset::FlightId;
use crate::event::EventKind;
use crate::roster::{AirlineId, AirportId, PlaneId};

const HOME: AirportId = AirportId(0);
const AWAY: AirportId = AirportId(1);

fn event(flight: u32, at: u32, kind: EventKind) -> Event {
    Event {
        at: Minute::new(at),
        kind,
        flight: FlightId(flight),
        day: Day::from_civil(2013, 1, 1).expect("a real date"),
        airline: AirlineId(0),
        plane: Some(PlaneId(0)),
        origin: HOME,
        destination: AWAY,
        distance_miles: 500,
    }
}

fn departed(flight: u32, at: u32, delay: i16) -> Event {
    event(flight, at, EventKind::Departed { delay })
}

fn arrived(flight: u32, at: u32, delay: i16) -> Event {
    event(flight, at, EventKind::Arrived { delay, air_minutes: 60 })
}

fn after(role: Role, events: &[Event]) -> State {
    let mut state = State::new(role);
    for event in events {
        state.apply(event);
    }
    state
}

fn plane(events: &[Event]) -> State {
    after(Role::Plane(PlaneId(0)), events)
}

#[test]
fn a_plane_inherits_the_delay_its_previous_leg_arrived_with() {
    let state = plane(&[departed(1, 0, 60), arrived(1, 60, 40), departed(2, 200, 50)]);
    assert_eq!(state.figure("inherited_delay_minutes"), 40);
    assert_eq!(state.figure("departed"), 2);
}

#[test]
fn a_plane_inherits_no_more_than_the_new_leg_is_late() {
    let state = plane(&[departed(1, 0, 60), arrived(1, 60, 40), departed(2, 200, 10)]);
    assert_eq!(state.figure("inherited_delay_minutes"), 10);
    let early = plane(&[departed(1, 0, 60), arrived(1, 60, 40), departed(2, 200, -5)]);
    assert_eq!(early.figure("inherited_delay_minutes"), 0);
}

#[test]
fn a_leg_that_did_not_arrive_hands_on_its_departure_delay() {
    let state = plane(&[departed(1, 0, 30), departed(2, 200, 50)]);
    assert_eq!(state.figure("inherited_delay_minutes"), 30);
}

#[test]
fn nothing_is_inherited_over_night() {
    let mut next_day = departed(2, 2_000, 50);
    next_day.day = Day::from_civil(2013, 1, 2).expect("a real date");
    let state = plane(&[departed(1, 0, 60), arrived(1, 60, 40), next_day]);
    assert_eq!(state.figure("inherited_delay_minutes"), 0);
    assert_eq!(state.figure("legs_a_day_max"), 1);
}

#[test]
fn a_departure_from_elsewhere_is_an_unseen_hop() {
    let state = plane(&[departed(1, 0, 0), arrived(1, 60, 0), departed(2, 200, 0)]);
    assert_eq!(state.figure("unseen_hops"), 1);
    let mut back = departed(2, 200, 0);
    (back.origin, back.destination) = (AWAY, HOME);
    let state = plane(&[departed(1, 0, 0), arrived(1, 60, 0), back]);
    assert_eq!(state.figure("unseen_hops"), 0);
}

#[test]
fn an_airport_queues_flights_from_their_scheduled_time_until_they_leave() {
    let home = |events: &[Event]| after(Role::Airport(HOME), events);
    let due = |flight| event(flight, 0, EventKind::Scheduled);
    let state = home(&[due(1), due(2), departed(1, 5, 5)]);
    assert_eq!(state.figure("queue"), 1);
    assert_eq!(state.figure("queue_max"), 2);
    assert_eq!(state.figure("left_behind"), 1);
    let state = home(&[due(1), event(1, 0, EventKind::Cancelled)]);
    assert_eq!((state.figure("queue"), state.figure("cancelled")), (0, 1));
}

#[test]
fn a_flight_that_leaves_early_never_queues() {
    let due = event(1, 10, EventKind::Scheduled);
    let state = after(Role::Airport(HOME), &[departed(1, 5, -5), due]);
    assert_eq!((state.figure("queue"), state.figure("queue_max")), (0, 0));
    assert_eq!(state.figure("departed"), 1);
}

#[test]
fn a_destination_sees_flights_on_the_way_in() {
    let away = |events: &[Event]| after(Role::Airport(AWAY), events);
    assert_eq!(away(&[departed(1, 0, 0)]).figure("inbound"), 1);
    let landed = away(&[departed(1, 0, 0), arrived(1, 60, 3)]);
    assert_eq!((landed.figure("inbound"), landed.figure("arrived")), (0, 1));
    let lost = away(&[departed(1, 0, 0), event(1, 99, EventKind::Diverted)]);
    assert_eq!((lost.figure("inbound"), lost.figure("inbound_diverted")), (0, 1));
    let never = away(&[event(1, 0, EventKind::Cancelled)]);
    assert_eq!((never.figure("cancelled"), never.figure("inbound_cancelled")), (0, 1));
}

#[test]
fn delay_minutes_go_to_the_hour_they_happened_in_and_early_ones_do_not_count() {
    let state = after(Role::Airport(HOME), &[departed(1, 61, 7), departed(2, 70, -9)]);
    assert_eq!(state.figure("delay_minutes_01"), 7);
    assert_eq!(state.figure("departure_delay_minutes"), -2);
}

#[test]
fn an_arrival_is_on_time_below_fifteen_minutes() {
    let events = [arrived(1, 0, 14), arrived(2, 1, 15), arrived(3, 2, 99), arrived(4, 3, -2)];
    let state = after(Role::Airline(AirlineId(0)), &events);
    assert_eq!((state.figure("on_time"), state.figure("arrived")), (2, 4));
    assert_eq!(state.figure("late_in_a_row_max"), 2);
    assert_eq!(state.figure("late_in_a_row"), 0);
}

#[test]
fn the_network_counts_flights_in_the_air() {
    let events = [departed(1, 0, 1), departed(2, 1, 2), arrived(1, 60, 0)];
    let state = after(Role::Network, &events);
    assert_eq!((state.figure("airborne"), state.figure("airborne_max")), (1, 2));
    assert_eq!(state.figure("worst_departure_delay_minutes"), 2);
}

#[test]
fn equal_states_have_equal_digests_and_every_event_changes_one() {
    let events = [departed(1, 0, 1), arrived(1, 60, 0), event(2, 70, EventKind::Scheduled)];
    for role in [Role::Network, Role::Airline(AirlineId(0)), Role::Plane(PlaneId(0))] {
        let mut seen = vec![State::new(role).digest()];
        for count in 1..=events.len() {
            let state = after(role, &events[..count]);
            assert_eq!(state.digest(), after(role, &events[..count]).digest());
            assert!(!seen.contains(&state.digest()), "{role:?} after {count}");
            seen.push(state.digest());
        }
    }
}

#[test]
fn an_airport_digest_tells_which_flights_wait() {
    let waiting = |flight| after(Role::Airport(HOME), &[event(flight, 0, EventKind::Scheduled)]);
    assert_eq!(waiting(1).figures(), waiting(2).figures());
    assert_ne!(waiting(1).digest(), waiting(2).digest());
}
