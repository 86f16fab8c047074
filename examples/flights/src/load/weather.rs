//! The weather file: one row for each hour and airport of which there is a record.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use super::error::LoadError;
use super::{WEATHER_FILE, table, text};
use crate::calendar::Minute;
use crate::records::Weather;

const COLUMNS: &[&str] = &[
    "origin",
    "year",
    "month",
    "day",
    "hour",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
    "time_hour",
];
const ORIGIN: usize = 0;
const WIND_SPEED: usize = 9;
const VISIBILITY: usize = 13;
const TIME_HOUR: usize = 14;

const HOUR: &str = "a UTC hour like 2013-01-01T10:00:00Z";

/// Reads the weather of a folder, by airport and hour.
pub(super) fn read(folder: &Path) -> Result<HashMap<String, HashMap<Minute, Weather>>, LoadError> {
    let mut weather: HashMap<String, HashMap<Minute, Weather>> = HashMap::new();
    let file = folder.join(WEATHER_FILE);
    table::for_each_row(&file, &text::gzip(&file)?, COLUMNS, |row| {
        let airport = row.text(ORIGIN, "an airport code")?;
        let hour = Minute::parse(row.text(TIME_HOUR, HOUR)?)
            .filter(|at| at.is_full_hour())
            .ok_or_else(|| row.bad(TIME_HOUR, HOUR))?;
        let measured = Weather {
            wind_mph: row.optional_number(WIND_SPEED, "a wind speed in miles an hour or NA")?,
            visibility_miles: row.number(VISIBILITY, f64::MAX, "a visibility in miles")?,
        };
        if !weather.contains_key(airport) {
            weather.insert(airport.to_owned(), HashMap::new());
        }
        match weather.get_mut(airport).map(|hours| hours.entry(hour)) {
            Some(Entry::Vacant(free)) => drop(free.insert(measured)),
            _ => return Err(row.contradiction("two records of one hour at one airport")),
        }
        Ok(())
    })?;
    Ok(weather)
}
