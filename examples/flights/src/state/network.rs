//! Network operations: totals over everything.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind};
use crate::figure::Figure;

/// The totals of the year and how busy the sky was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    scheduled: i64,
    departed: i64,
    arrived: i64,
    cancelled: i64,
    diverted: i64,
    departure_delay: i64,
    arrival_delay: i64,
    worst_departure_delay: i64,
    airborne_max: i64,
}

impl Network {
    /// Takes in the next event of the year.
    pub fn apply(&mut self, event: &Event) {
        match event.kind {
            EventKind::Scheduled => self.scheduled += 1,
            EventKind::Cancelled => self.cancelled += 1,
            EventKind::Departed { delay } => {
                self.departed += 1;
                self.departure_delay += i64::from(delay);
                self.worst_departure_delay = self.worst_departure_delay.max(i64::from(delay));
                self.airborne_max = self.airborne_max.max(self.airborne());
            }
            EventKind::Diverted => self.diverted += 1,
            EventKind::Arrived { delay, .. } => {
                self.arrived += 1;
                self.arrival_delay += i64::from(delay);
            }
        }
    }

    /// Flights in the air now.
    #[must_use]
    pub fn airborne(&self) -> i64 {
        self.departed - self.arrived - self.diverted
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("scheduled", self.scheduled),
            Figure::new("departed", self.departed),
            Figure::new("arrived", self.arrived),
            Figure::new("cancelled", self.cancelled),
            Figure::new("diverted", self.diverted),
            Figure::new("departure_delay_minutes", self.departure_delay),
            Figure::new("arrival_delay_minutes", self.arrival_delay),
            Figure::new("worst_departure_delay_minutes", self.worst_departure_delay),
            Figure::new("airborne", self.airborne()),
            Figure::new("airborne_max", self.airborne_max),
        ]
    }
}
