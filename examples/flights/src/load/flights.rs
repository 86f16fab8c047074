//! The flights file: rows, their checks, and the roster they make up.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use super::error::{LoadError, LoadFault};
use super::reference_tables::Names;
use super::table::{self, Row};
use super::text;
use crate::calendar::{Day, Minute};
use crate::dataset::{Dataset, Flight, Outcome};
use crate::records::{Records, Weather};
use crate::roster::{
    AirlineEntry, AirlineId, AirportEntry, AirportId, Codes, PlaneEntry, PlaneId, RegionId, Roster,
    UNKNOWN_REGION,
};

const COLUMNS: &[&str] = &[
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "air_time",
    "distance",
    "hour",
    "minute",
    "time_hour",
];
const YEAR: usize = 0;
const MONTH: usize = 1;
const DAY: usize = 2;
const DEPARTURE: usize = 3;
const DEPARTURE_DELAY: usize = 5;
const ARRIVAL: usize = 6;
const ARRIVAL_DELAY: usize = 8;
const CARRIER: usize = 9;
const NUMBER: usize = 10;
const TAIL: usize = 11;
const ORIGIN: usize = 12;
const DESTINATION: usize = 13;
const AIR_TIME: usize = 14;
const DISTANCE: usize = 15;
const MINUTE: usize = 17;
const TIME_HOUR: usize = 18;

const MINUTES: &str = "a whole number of minutes or NA";
const CLOCK: &str = "a clock time as hhmm, at most 2400, or NA";

/// Reads the flights and numbers who takes part in them.
pub(super) fn read(
    file: &Path,
    names: Names,
    weather: HashMap<String, HashMap<Minute, Weather>>,
    limit: Option<NonZeroUsize>,
) -> Result<Dataset, LoadError> {
    let text = text::gzip(file)?;
    let limit = limit.map(NonZeroUsize::get);
    let mut flights = Vec::new();
    let mut enrollment = Enrollment::new(names);
    let mut held = 0;
    table::for_each_row(file, &text, COLUMNS, |row| {
        held += 1;
        let parsed = Parsed::new(row)?;
        if limit.is_none_or(|limit| flights.len() < limit) {
            flights.push(enrollment.enroll(row, &parsed)?);
        }
        Ok(())
    })?;
    match limit {
        _ if held == 0 => Err(LoadError::new(file, LoadFault::Empty)),
        Some(asked) if held < asked => Err(LoadError::new(file, LoadFault::TooFew { asked, held })),
        _ => {
            let Enrollment { names: Names { airports, aircraft, .. }, roster, .. } = enrollment;
            let records = Arc::new(Records { weather, aircraft, airports });
            Ok(Dataset { flights, roster, records })
        }
    }
}

/// A checked row whose codes are not numbered yet.
struct Parsed<'a> {
    scheduled: Minute,
    day: Day,
    carrier: &'a str,
    tail: Option<&'a str>,
    origin: &'a str,
    destination: &'a str,
    distance_miles: u16,
    outcome: Outcome,
}

impl<'a> Parsed<'a> {
    fn new(row: &Row<'a>) -> Result<Self, LoadError> {
        let hour = row.text(TIME_HOUR, "a UTC hour")?;
        let hour = Minute::parse(hour)
            .ok_or_else(|| row.bad(TIME_HOUR, "a UTC hour like 2013-01-01T10:00:00Z"))?;
        let minute = row.number(MINUTE, 59, "a minute from 0 to 59")?;
        let year = row.number(YEAR, 2100, "a year")?;
        let month = row.number(MONTH, 12, "a month from 1 to 12")?;
        let day = row.number(DAY, 31, "a day from 1 to 31")?;
        let day = Day::from_civil(year, month, day)
            .ok_or_else(|| row.bad(DAY, "a day that this month has"))?;
        row.number(NUMBER, u16::MAX, "a flight number")?;
        Ok(Self {
            scheduled: hour.plus(minute),
            day,
            carrier: row.text(CARRIER, "a carrier code")?,
            tail: row.optional_text(TAIL)?,
            origin: row.text(ORIGIN, "an airport code")?,
            destination: row.text(DESTINATION, "an airport code")?,
            distance_miles: row.number(DISTANCE, u16::MAX, "a distance in whole miles")?,
            outcome: outcome(row)?,
        })
    }
}

/// Cancelled without `dep_time`; diverted with it but without `arr_delay`; else flown.
///
/// Every flown row of the real file has an `air_time`, no other has one, so a row that breaks
/// this is damaged; an arrival time is never made up.
fn outcome(row: &Row<'_>) -> Result<Outcome, LoadError> {
    let clock = |column| match row.optional_number::<u16>(column, CLOCK)? {
        Some(time) if time > 2_400 || time % 100 > 59 => Err(row.bad(column, CLOCK)),
        time => Ok(time.is_some()),
    };
    let (left, landed) = (clock(DEPARTURE)?, clock(ARRIVAL)?);
    let departure_delay = row.optional_number(DEPARTURE_DELAY, MINUTES)?;
    let arrival_delay = row.optional_number(ARRIVAL_DELAY, MINUTES)?;
    let air_minutes = row.optional_number(AIR_TIME, MINUTES)?;
    match (left, departure_delay, arrival_delay, air_minutes) {
        (false, None, None, None) if !landed => Ok(Outcome::Cancelled),
        (false, ..) => Err(row.contradiction(
            "no `dep_time`, but one of `dep_delay`, `arr_time`, `arr_delay`, `air_time`",
        )),
        (true, None, ..) => Err(row.contradiction("`dep_time`, but no `dep_delay`")),
        (true, Some(departure_delay), None, None) => Ok(Outcome::Diverted { departure_delay }),
        (true, Some(departure_delay), Some(arrival_delay), Some(air_minutes)) if landed => {
            Ok(Outcome::Flown { departure_delay, arrival_delay, air_minutes })
        }
        (true, Some(_), ..) => Err(row.contradiction(
            "`arr_time`, `arr_delay` and `air_time` must all be there for a flight that arrived",
        )),
    }
}

/// Numbers codes as they appear and builds the roster.
struct Enrollment {
    names: Names,
    airlines: Codes,
    airports: Codes,
    planes: Codes,
    regions: Codes,
    roster: Roster,
}

impl Enrollment {
    fn new(names: Names) -> Self {
        Self {
            names,
            airlines: Codes::default(),
            airports: Codes::default(),
            planes: Codes::default(),
            regions: Codes::default(),
            roster: Roster::default(),
        }
    }

    fn enroll(&mut self, row: &Row<'_>, parsed: &Parsed<'_>) -> Result<Flight, LoadError> {
        let too_many = |column| row.fault(LoadFault::TooManyCodes { line: row.line(), column });
        let airline = self.airline(parsed.carrier).ok_or_else(|| too_many("carrier"))?;
        let plane = match parsed.tail {
            Some(tail) => Some(self.plane(tail, airline).ok_or_else(|| too_many("tailnum"))?),
            None => None,
        };
        Ok(Flight {
            scheduled: parsed.scheduled,
            day: parsed.day,
            airline,
            plane,
            origin: self.airport(parsed.origin).ok_or_else(|| too_many("origin"))?,
            destination: self.airport(parsed.destination).ok_or_else(|| too_many("dest"))?,
            distance_miles: parsed.distance_miles,
            outcome: parsed.outcome,
        })
    }

    fn airline(&mut self, code: &str) -> Option<AirlineId> {
        let (id, new) = self.airlines.intern(code)?;
        if new {
            let name = self.names.airlines.get(code).map_or(code, String::as_str);
            let entry = AirlineEntry { code: code.to_owned(), name: name.to_owned() };
            self.roster.airlines.push(entry);
        }
        Some(AirlineId(id))
    }

    fn airport(&mut self, code: &str) -> Option<AirportId> {
        let (id, new) = self.airports.intern(code)?;
        if new {
            let place = self.names.airports.get(code);
            let region = place.map_or(UNKNOWN_REGION, |place| place.region.as_str());
            let (region_id, new_region) = self.regions.intern(region)?;
            if new_region {
                self.roster.regions.push(region.to_owned());
            }
            self.roster.airports.push(AirportEntry {
                code: code.to_owned(),
                name: place.map_or(code, |place| place.name.as_str()).to_owned(),
                region: RegionId(region_id),
            });
        }
        Some(AirportId(id))
    }

    /// Rows come day by day, and no plane changes carrier within a day, so the first row of a
    /// plane is its first flight.
    fn plane(&mut self, tail: &str, carrier: AirlineId) -> Option<PlaneId> {
        let (id, new) = self.planes.intern(tail)?;
        if new {
            let model = self.names.aircraft.get(tail).and_then(|known| known.model.clone());
            self.roster.planes.push(PlaneEntry { tail: tail.to_owned(), model, carrier });
        }
        Some(PlaneId(id))
    }
}
