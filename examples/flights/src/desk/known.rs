//! What the desk knows of aircraft, airports and the weather, and until when it goes by it.

use crate::calendar::Minute;
use crate::records::Weather;
use crate::service::{Finding, Record};

/// An aircraft or airport is asked for again after so long, be it registered or not.
const REFRESH_MINUTES: i32 = 30 * 24 * 60;

/// What the registry says about one aircraft or airport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing so far, or that there is no record.
    #[default]
    Unknown,
    /// An airport.
    Airport,
    /// An aircraft with its seats.
    Aircraft(u16),
}

impl Standing {
    pub(super) fn is_known(self) -> bool {
        self != Self::Unknown
    }

    pub(super) fn seats(self) -> Option<u16> {
        match self {
            Self::Aircraft(seats) => Some(seats),
            Self::Unknown | Self::Airport => None,
        }
    }
}

/// The registry's word on one aircraft or airport.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Registered {
    pub(super) standing: Standing,
    /// When to ask again; `None` to ask as soon as it is needed.
    until: Option<Minute>,
}

impl Registered {
    pub(super) fn is_due(&self, now: Minute) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Takes in what a lookup found; only an answer settles it for long.
    pub(super) fn learn(&mut self, finding: Finding, now: Minute) {
        self.standing = match finding.record() {
            Some(Record::Aircraft { seats }) => Standing::Aircraft(seats),
            Some(Record::Airport) => Standing::Airport,
            Some(Record::Weather(_)) | None => Standing::Unknown,
        };
        let settled = !matches!(finding, Finding::Unanswered(_));
        self.until = settled.then(|| now.plus(REFRESH_MINUTES));
    }
}

/// The weather that a flight is briefed with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum WeatherStanding {
    /// None is known.
    #[default]
    None,
    /// Of an earlier hour.
    Older(Weather),
    /// Of the hour in which the flight is due.
    OfTheHour(Weather),
}

impl WeatherStanding {
    pub(super) fn weather(self) -> Option<Weather> {
        match self {
            Self::None => None,
            Self::Older(weather) | Self::OfTheHour(weather) => Some(weather),
        }
    }
}

/// The weather at one airport, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observed {
    pub(super) standing: WeatherStanding,
    /// The hour that is settled.
    hour: Option<Minute>,
}

impl Observed {
    pub(super) fn is_due(&self, hour: Minute) -> bool {
        self.hour != Some(hour)
    }

    /// Takes in what a lookup of an hour found; only an answer settles the hour.
    pub(super) fn learn(&mut self, finding: Finding, hour: Minute) {
        self.standing = match (finding, finding.record()) {
            (Finding::Fresh(_), Some(Record::Weather(weather))) => {
                WeatherStanding::OfTheHour(weather)
            }
            (_, Some(Record::Weather(weather))) => WeatherStanding::Older(weather),
            _ => WeatherStanding::None,
        };
        self.hour = (!matches!(finding, Finding::Unanswered(_))).then_some(hour);
    }
}
