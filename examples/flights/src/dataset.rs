//! The year as it was read: one row per flight, and who took part.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, Minute};
use crate::records::Records;
use crate::roster::{AirlineId, AirportId, PlaneId, Roster};

/// A flight's row in the file, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlightId(pub u32);

/// One row of `flights.csv.gz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Scheduled departure: `time_hour` plus `minute`.
    pub scheduled: Minute,
    /// The local calendar day of the scheduled departure.
    pub day: Day,
    /// Who flew it.
    pub airline: AirlineId,
    /// With what; `None` where the file gives no tail number.
    pub plane: Option<PlaneId>,
    /// From where.
    pub origin: AirportId,
    /// To where.
    pub destination: AirportId,
    /// How far.
    pub distance_miles: u16,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a flight. Delays in minutes, negative when early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It never left: no `dep_time`.
    Cancelled,
    /// It left, but was diverted or lost: no `arr_delay`.
    Diverted {
        /// `dep_delay`.
        departure_delay: i16,
    },
    /// It left and arrived.
    Flown {
        /// `dep_delay`.
        departure_delay: i16,
        /// `arr_delay`.
        arrival_delay: i16,
        /// `air_time`.
        air_minutes: u16,
    },
}

/// All flights in the order of the file, who takes part in them, and what is on record.
#[derive(Debug)]
pub struct Dataset {
    /// The rows.
    pub flights: Vec<Flight>,
    /// The participants.
    pub roster: Roster,
    /// What the weather and the registry know; of everything, also with a limit.
    pub records: Arc<Records>,
}
