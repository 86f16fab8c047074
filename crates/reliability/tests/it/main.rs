//! The statistics from outside: forecasts, histories and estimates.

mod configs;
mod estimates;
mod forecasts;
mod histories;
