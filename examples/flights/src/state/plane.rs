//! A plane: its rotation through the day and the delay that one leg hands to the next.

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::dataset::FlightId;
use crate::event::{Event, EventKind};
use crate::figure::Figure;
use crate::roster::AirportId;

/// The legs of a plane.
///
/// Inherited delay: of a departure's minutes late, those the plane was already late by on its
/// previous leg of the same day. The previous leg's lateness is that of its arrival, or of its
/// departure while it has not arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plane {
    scheduled: i64,
    legs: i64,
    arrived: i64,
    cancelled: i64,
    diverted: i64,
    departure_delay: i64,
    arrival_delay: i64,
    air_minutes: i64,
    miles: i64,
    inherited: i64,
    inherited_max: i64,
    /// Legs that followed another on the same day.
    linked_legs: i64,
    legs_today: i64,
    legs_a_day_max: i64,
    /// Departures from elsewhere than where it last landed: legs that the file does not have.
    unseen_hops: i64,
    last_leg: Option<Leg>,
    at: Option<AirportId>,
}

/// The leg last departed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Leg {
    flight: FlightId,
    day: Day,
    late: i64,
}

impl Plane {
    /// Takes in the next event of the plane.
    pub fn apply(&mut self, event: &Event) {
        match event.kind {
            EventKind::Scheduled => self.scheduled += 1,
            EventKind::Cancelled => self.cancelled += 1,
            EventKind::Departed { delay } => self.depart(event, i64::from(delay)),
            EventKind::Diverted => {
                self.diverted += 1;
                self.at = None;
            }
            EventKind::Arrived { delay, air_minutes } => {
                self.arrived += 1;
                self.arrival_delay += i64::from(delay);
                self.air_minutes += i64::from(air_minutes);
                self.miles += i64::from(event.distance_miles);
                self.at = Some(event.destination);
                if let Some(leg) = self.last_leg.as_mut().filter(|leg| leg.flight == event.flight) {
                    leg.late = i64::from(delay).max(0);
                }
            }
        }
    }

    fn depart(&mut self, event: &Event, delay: i64) {
        let late = delay.max(0);
        let previous = self.last_leg.filter(|leg| leg.day == event.day);
        let inherited = previous.map_or(0, |leg| leg.late.min(late));
        self.legs += 1;
        self.linked_legs += i64::from(previous.is_some());
        self.legs_today = if previous.is_some() { self.legs_today + 1 } else { 1 };
        self.legs_a_day_max = self.legs_a_day_max.max(self.legs_today);
        self.departure_delay += delay;
        self.inherited += inherited;
        self.inherited_max = self.inherited_max.max(inherited);
        if self.at.is_some_and(|at| at != event.origin) {
            self.unseen_hops += 1;
        }
        self.last_leg = Some(Leg { flight: event.flight, day: event.day, late });
        self.at = None;
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("scheduled", self.scheduled),
            Figure::new("departed", self.legs),
            Figure::new("arrived", self.arrived),
            Figure::new("cancelled", self.cancelled),
            Figure::new("diverted", self.diverted),
            Figure::new("departure_delay_minutes", self.departure_delay),
            Figure::new("arrival_delay_minutes", self.arrival_delay),
            Figure::new("air_minutes", self.air_minutes),
            Figure::new("miles", self.miles),
            Figure::new("inherited_delay_minutes", self.inherited),
            Figure::new("inherited_delay_minutes_max", self.inherited_max),
            Figure::new("linked_legs", self.linked_legs),
            Figure::new("legs_today", self.legs_today),
            Figure::new("legs_a_day_max", self.legs_a_day_max),
            Figure::new("unseen_hops", self.unseen_hops),
            Figure::new("last_flight", self.last_leg.map_or(-1, |leg| i64::from(leg.flight.0))),
            Figure::new("last_leg_late_minutes", self.last_leg.map_or(0, |leg| leg.late)),
            Figure::new("at_airport", self.at.map_or(-1, |at| i64::from(at.0))),
        ]
    }
}
