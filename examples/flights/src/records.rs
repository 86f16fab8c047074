//! What the weather and the aircraft registry know: the records of the reference files.

use std::collections::HashMap;
use std::{error, fmt};

use crate::calendar::Minute;

/// The weather of one hour at one airport.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Miles an hour; the file lacks it for a few hours.
    pub wind_mph: Option<f64>,
    /// How far one sees.
    pub visibility_miles: f64,
}

/// A registered aircraft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aircraft {
    /// Model, where the registry has one.
    pub model: Option<String>,
    /// Seats.
    pub seats: u16,
}

/// A registered airport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Full name.
    pub name: String,
    /// Its time zone's region.
    pub region: String,
}

/// What is not on record, and never will be, however often one asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotFound {
    /// No weather of this hour.
    Weather {
        /// Where.
        airport: String,
        /// When it begins.
        hour: Minute,
    },
    /// No aircraft of this tail number.
    Aircraft {
        /// The tail number.
        tail: String,
    },
    /// No airport of this code.
    Airport {
        /// The code.
        code: String,
    },
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weather { airport, hour } => {
                write!(f, "no weather on record at {airport} for the hour from {hour}")
            }
            Self::Aircraft { tail } => write!(f, "no aircraft {tail} in the registry"),
            Self::Airport { code } => write!(f, "no airport {code} in the registry"),
        }
    }
}

impl error::Error for NotFound {}

/// All records, by code.
#[derive(Debug, Default)]
pub struct Records {
    /// By airport and first minute of the hour.
    pub(crate) weather: HashMap<String, HashMap<Minute, Weather>>,
    /// By tail number.
    pub(crate) aircraft: HashMap<String, Aircraft>,
    /// By airport code.
    pub(crate) airports: HashMap<String, Place>,
}

impl Records {
    /// The weather at an airport during the hour that begins at `hour`.
    ///
    /// # Errors
    ///
    /// [`NotFound`] for an hour without a record.
    pub fn weather(&self, airport: &str, hour: Minute) -> Result<Weather, NotFound> {
        let found = self.weather.get(airport).and_then(|hours| hours.get(&hour)).copied();
        found.ok_or_else(|| NotFound::Weather { airport: airport.to_owned(), hour })
    }

    /// The aircraft of a tail number.
    ///
    /// # Errors
    ///
    /// [`NotFound`] for a tail number that is not registered.
    pub fn aircraft(&self, tail: &str) -> Result<&Aircraft, NotFound> {
        self.aircraft.get(tail).ok_or_else(|| NotFound::Aircraft { tail: tail.to_owned() })
    }

    /// The airport of a code.
    ///
    /// # Errors
    ///
    /// [`NotFound`] for a code that is not registered.
    pub fn airport(&self, code: &str) -> Result<&Place, NotFound> {
        self.airports.get(code).ok_or_else(|| NotFound::Airport { code: code.to_owned() })
    }

    /// How many hours of weather are on record, over all airports.
    #[must_use]
    pub fn hours_of_weather(&self) -> usize {
        self.weather.values().map(HashMap::len).sum()
    }
}
