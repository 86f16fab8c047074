//! An airline: how many of its flights came, and how many on time.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind};
use crate::figure::Figure;

/// A flight is on time when it arrives less than 15 minutes late.
///
/// The rule of the US Bureau of Transportation Statistics, whose records these are.
const LATE_FROM_MINUTES: i16 = 15;

/// The flights of an airline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Airline {
    scheduled: i64,
    departed: i64,
    arrived: i64,
    on_time: i64,
    cancelled: i64,
    diverted: i64,
    departure_delay: i64,
    arrival_delay: i64,
    worst_arrival_delay: i64,
    late_in_a_row: i64,
    late_in_a_row_max: i64,
}

impl Airline {
    /// Takes in the next event of the airline.
    pub fn apply(&mut self, event: &Event) {
        match event.kind {
            EventKind::Scheduled => self.scheduled += 1,
            EventKind::Cancelled => self.cancelled += 1,
            EventKind::Departed { delay } => {
                self.departed += 1;
                self.departure_delay += i64::from(delay);
            }
            EventKind::Diverted => self.diverted += 1,
            EventKind::Arrived { delay, .. } => self.arrive(delay),
        }
    }

    fn arrive(&mut self, delay: i16) {
        self.arrived += 1;
        self.arrival_delay += i64::from(delay);
        self.worst_arrival_delay = self.worst_arrival_delay.max(i64::from(delay));
        if delay < LATE_FROM_MINUTES {
            self.on_time += 1;
            self.late_in_a_row = 0;
        } else {
            self.late_in_a_row += 1;
            self.late_in_a_row_max = self.late_in_a_row_max.max(self.late_in_a_row);
        }
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("scheduled", self.scheduled),
            Figure::new("departed", self.departed),
            Figure::new("arrived", self.arrived),
            Figure::new("on_time", self.on_time),
            Figure::new("cancelled", self.cancelled),
            Figure::new("diverted", self.diverted),
            Figure::new("departure_delay_minutes", self.departure_delay),
            Figure::new("arrival_delay_minutes", self.arrival_delay),
            Figure::new("worst_arrival_delay_minutes", self.worst_arrival_delay),
            Figure::new("late_in_a_row", self.late_in_a_row),
            Figure::new("late_in_a_row_max", self.late_in_a_row_max),
        ]
    }
}
