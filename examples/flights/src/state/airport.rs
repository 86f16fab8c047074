//! An airport: who waits to leave, who is on the way in, and the delay of each hour.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::dataset::FlightId;
use crate::event::{Event, EventKind};
use crate::figure::{Digest, Figure};
use crate::roster::AirportId;

/// Names of the 24 delay figures, by the UTC hour in which the event happened.
const DELAY_BY_HOUR: [&str; 24] = [
    "delay_minutes_00",
    "delay_minutes_01",
    "delay_minutes_02",
    "delay_minutes_03",
    "delay_minutes_04",
    "delay_minutes_05",
    "delay_minutes_06",
    "delay_minutes_07",
    "delay_minutes_08",
    "delay_minutes_09",
    "delay_minutes_10",
    "delay_minutes_11",
    "delay_minutes_12",
    "delay_minutes_13",
    "delay_minutes_14",
    "delay_minutes_15",
    "delay_minutes_16",
    "delay_minutes_17",
    "delay_minutes_18",
    "delay_minutes_19",
    "delay_minutes_20",
    "delay_minutes_21",
    "delay_minutes_22",
    "delay_minutes_23",
];

/// The traffic of an airport.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Airport {
    id: AirportId,
    scheduled: i64,
    departed: i64,
    arrived: i64,
    cancelled: i64,
    inbound: i64,
    inbound_cancelled: i64,
    inbound_diverted: i64,
    departure_delay: i64,
    arrival_delay: i64,
    /// Minutes late (early ones do not count) of departures and arrivals, by UTC hour.
    delay_by_hour: [i64; 24],
    /// Due to leave, and still here.
    queue: BTreeSet<FlightId>,
    /// Left before they were due.
    left_early: BTreeSet<FlightId>,
    queue_max: i64,
    /// Sum over departures of the number of flights left waiting behind.
    left_behind: i64,
}

impl Airport {
    /// An airport before its first event.
    #[must_use]
    pub fn new(id: AirportId) -> Self {
        Self {
            id,
            scheduled: 0,
            departed: 0,
            arrived: 0,
            cancelled: 0,
            inbound: 0,
            inbound_cancelled: 0,
            inbound_diverted: 0,
            departure_delay: 0,
            arrival_delay: 0,
            delay_by_hour: [0; 24],
            queue: BTreeSet::new(),
            left_early: BTreeSet::new(),
            queue_max: 0,
            left_behind: 0,
        }
    }

    /// Takes in the next event at this airport, be it the flight's origin or destination.
    pub fn apply(&mut self, event: &Event) {
        if event.origin == self.id {
            self.apply_outbound(event);
        }
        if event.destination == self.id {
            self.apply_inbound(event);
        }
    }

    fn apply_outbound(&mut self, event: &Event) {
        match event.kind {
            EventKind::Scheduled => {
                self.scheduled += 1;
                if !self.left_early.remove(&event.flight) {
                    self.queue.insert(event.flight);
                    self.queue_max = self.queue_max.max(length(&self.queue));
                }
            }
            EventKind::Cancelled => {
                self.cancelled += 1;
                self.queue.remove(&event.flight);
            }
            EventKind::Departed { delay } => {
                self.departed += 1;
                self.departure_delay += i64::from(delay);
                if !self.queue.remove(&event.flight) {
                    self.left_early.insert(event.flight);
                }
                self.left_behind += length(&self.queue);
                self.add_delay(event, delay);
            }
            EventKind::Diverted | EventKind::Arrived { .. } => {}
        }
    }

    fn apply_inbound(&mut self, event: &Event) {
        match event.kind {
            EventKind::Scheduled => {}
            EventKind::Cancelled => self.inbound_cancelled += 1,
            EventKind::Departed { .. } => self.inbound += 1,
            EventKind::Diverted => {
                self.inbound -= 1;
                self.inbound_diverted += 1;
            }
            EventKind::Arrived { delay, .. } => {
                self.inbound -= 1;
                self.arrived += 1;
                self.arrival_delay += i64::from(delay);
                self.add_delay(event, delay);
            }
        }
    }

    fn add_delay(&mut self, event: &Event, delay: i16) {
        if let Some(minutes) = self.delay_by_hour.get_mut(event.at.hour()) {
            *minutes += i64::from(delay.max(0));
        }
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![
            Figure::new("scheduled", self.scheduled),
            Figure::new("departed", self.departed),
            Figure::new("arrived", self.arrived),
            Figure::new("movements", self.departed + self.arrived),
            Figure::new("cancelled", self.cancelled),
            Figure::new("inbound", self.inbound),
            Figure::new("inbound_cancelled", self.inbound_cancelled),
            Figure::new("inbound_diverted", self.inbound_diverted),
            Figure::new("departure_delay_minutes", self.departure_delay),
            Figure::new("arrival_delay_minutes", self.arrival_delay),
            Figure::new("queue", length(&self.queue)),
            Figure::new("queue_max", self.queue_max),
            Figure::new("left_behind", self.left_behind),
        ];
        let hours = DELAY_BY_HOUR.iter().zip(&self.delay_by_hour);
        figures.extend(hours.map(|(&name, &value)| Figure::new(name, value)));
        figures
    }

    pub(super) fn digest_queue(&self, digest: &mut Digest) {
        for flights in [&self.queue, &self.left_early] {
            digest.number(length(flights));
            for flight in flights {
                digest.number(i64::from(flight.0));
            }
        }
    }
}

fn length(flights: &BTreeSet<FlightId>) -> i64 {
    i64::try_from(flights.len()).expect("there are at most u32::MAX flights")
}
