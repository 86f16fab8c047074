//! The small files: names of airlines and airports, time zones, models and seats of planes.

use std::collections::HashMap;
use std::path::Path;

use super::error::LoadError;
use super::{AIRLINES_FILE, AIRPORTS_FILE, PLANES_FILE, table, text};
use crate::records::{Aircraft, Place};
use crate::roster::UNKNOWN_REGION;

const AIRLINE_COLUMNS: &[&str] = &["carrier", "name"];
const AIRPORT_COLUMNS: &[&str] = &["faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"];
const PLANE_COLUMNS: &[&str] =
    &["tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine"];

const CODE: usize = 0;
const NAME: usize = 1;
const AIRPORT_ZONE: usize = 7;
const PLANE_MODEL: usize = 4;
const PLANE_SEATS: usize = 6;

/// What the small files know, by code.
pub(super) struct Names {
    /// Carrier code to name.
    pub(super) airlines: HashMap<String, String>,
    /// Airport code to name and region.
    pub(super) airports: HashMap<String, Place>,
    /// Tail number to model and seats.
    pub(super) aircraft: HashMap<String, Aircraft>,
}

/// Reads the three small files of a folder.
pub(super) fn read(folder: &Path) -> Result<Names, LoadError> {
    let mut names =
        Names { airlines: HashMap::new(), airports: HashMap::new(), aircraft: HashMap::new() };

    let file = folder.join(AIRLINES_FILE);
    table::for_each_row(&file, &text::plain(&file)?, AIRLINE_COLUMNS, |row| {
        let code = row.text(CODE, "a carrier code")?;
        names.airlines.insert(code.to_owned(), row.text(NAME, "a name")?.to_owned());
        Ok(())
    })?;

    let file = folder.join(AIRPORTS_FILE);
    table::for_each_row(&file, &text::plain(&file)?, AIRPORT_COLUMNS, |row| {
        let code = row.text(CODE, "an airport code")?;
        let name = row.text(NAME, "a name")?.to_owned();
        let region = row.optional_text(AIRPORT_ZONE)?.unwrap_or(UNKNOWN_REGION).to_owned();
        names.airports.insert(code.to_owned(), Place { name, region });
        Ok(())
    })?;

    let file = folder.join(PLANES_FILE);
    table::for_each_row(&file, &text::plain(&file)?, PLANE_COLUMNS, |row| {
        let tail = row.text(CODE, "a tail number")?;
        let model = row.optional_text(PLANE_MODEL)?.map(str::to_owned);
        let seats = row.number(PLANE_SEATS, u16::MAX, "a number of seats")?;
        names.aircraft.insert(tail.to_owned(), Aircraft { model, seats });
        Ok(())
    })?;
    Ok(names)
}
