//! What the briefings of all flights came to.

use serde::{Deserialize, Serialize};

use super::known::{Standing, WeatherStanding};
use crate::records::Weather;

/// Visibility below which a flight is briefed to expect delays: instrument approaches only.
const POOR_VISIBILITY_MILES: f64 = 3.0;

/// The briefings of a run, one for each flight, written when it is due to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Briefings {
    /// Flights briefed.
    pub flights: u64,
    /// Of them, those with aircraft, both airports and the weather of the hour.
    pub complete: u64,
    /// Flights without a registered aircraft: unknown, not answered, or no tail number.
    pub without_aircraft: u64,
    /// Flights from or to an airport that is not registered, or for which there was no answer.
    pub without_airport: u64,
    /// Flights without the weather of the hour.
    pub without_weather: u64,
    /// Of them, those with an older weather in its place.
    pub with_older_weather: u64,
    /// Flights with less than 3 miles of visibility at the origin, as far as is known.
    pub poor_visibility: u64,
    /// Seats on flights with a registered aircraft.
    pub seats: u64,
}

impl Briefings {
    /// Writes the briefing of one flight.
    pub(super) fn add(
        &mut self,
        aircraft: Option<Standing>,
        airports: [Standing; 2],
        weather: WeatherStanding,
    ) {
        let seats = aircraft.and_then(Standing::seats);
        let has_airports = airports.iter().all(|airport| airport.is_known());
        let is_of_the_hour = matches!(weather, WeatherStanding::OfTheHour(_));
        self.flights += 1;
        self.complete += u64::from(seats.is_some() && has_airports && is_of_the_hour);
        self.without_aircraft += u64::from(seats.is_none());
        self.without_airport += u64::from(!has_airports);
        self.without_weather += u64::from(!is_of_the_hour);
        self.with_older_weather += u64::from(matches!(weather, WeatherStanding::Older(_)));
        let poor = |weather: Weather| weather.visibility_miles < POOR_VISIBILITY_MILES;
        self.poor_visibility += u64::from(weather.weather().is_some_and(poor));
        self.seats += u64::from(seats.unwrap_or_default());
    }
}
