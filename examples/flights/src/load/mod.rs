//! Reads the data folder; every fault names its file, its place and the way out.

mod error;
mod flights;
mod reference_tables;
mod table;
mod text;
mod weather;

pub use error::{LoadError, LoadFault};

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::dataset::Dataset;

/// The flights, one row each.
pub const FLIGHTS_FILE: &str = "flights.csv.gz";
/// Carrier codes and names.
pub const AIRLINES_FILE: &str = "airlines.csv";
/// Airport codes, names and time zones.
pub const AIRPORTS_FILE: &str = "airports.csv";
/// Tail numbers and models.
pub const PLANES_FILE: &str = "planes.csv";
/// Hourly weather, one row each.
pub const WEATHER_FILE: &str = "weather.csv.gz";

/// The data folder that belongs to this package.
#[must_use]
pub fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// Reads and checks all files, and keeps the first `limit` flights.
///
/// The whole flights file is checked, also beyond `limit`.
///
/// # Errors
///
/// A [`LoadError`] for a file that is missing, unreadable or damaged, and when the file holds
/// fewer flights than `limit`.
pub fn load(folder: &Path, limit: Option<NonZeroUsize>) -> Result<Dataset, LoadError> {
    let names = reference_tables::read(folder)?;
    let weather = weather::read(folder)?;
    flights::read(&folder.join(FLIGHTS_FILE), names, weather, limit)
}
