//! Pure statistics for services: trends, time to exhaustion, MTBF, MTTR, availability, with intervals.
//!
//! Nothing in here reads a clock, locks, waits or draws random numbers. Whoever measures hands in samples
//! and ups and downs with their times, and gets an answer with an interval, or the answer that there is
//! none: "no trend" is not a small number.
//!
//! | You want to know | Start at |
//! |---|---|
//! | whether a monitored value rises or falls, and how fast | [`Series`], [`trend`] |
//! | when it reaches a limit, or runs out | [`time_to`], [`Threshold`] |
//! | MTBF, MTTR, availability, chance of a failure | [`History`], [`Reliability`] |
//! | a share of hits among trials (checks passed, calls failed) | [`share`] |
//! | the settings and their reasons | [`TrendConfig`], [`EstimateConfig`], [`defaults`], [`limits`] |
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast_base::Instant;
//! use steadfast_reliability::{Forecast, Series, Threshold, TrendConfig, time_to};
//!
//! // A disk that fills by one per cent a minute, read once a minute.
//! let mut used = Series::new(60);
//! for minute in 0..30_u32 {
//!     let at = Instant::ZERO + Duration::from_secs(60) * minute;
//!     used.record(at, 0.5 + 0.01 * f64::from(minute))?;
//! }
//! let Forecast::Within(time) = time_to(&used, Threshold::Above(1.0), &TrendConfig::default()) else {
//!     unreachable!("it rises steadily");
//! };
//! assert_eq!(time.expected.as_secs_f64().round(), 21.0 * 60.0);
//! # Ok::<(), steadfast_reliability::SampleError>(())
//! ```
#![forbid(unsafe_code)]

mod config;
pub mod defaults;
mod estimate;
mod forecast;
mod history;
pub mod limits;
mod quantile;
mod series;
mod trend;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use self::config::{
    ConfigError, ConfigFault, EstimateConfig, RatePrior, SharePrior, TrendConfig,
};
pub use self::estimate::{Estimate, Reliability, share};
pub use self::forecast::{Forecast, Threshold, TimeTo, time_to};
pub use self::history::{Condition, History, Observed};
pub use self::series::{Sample, SampleError, Series};
pub use self::trend::{Line, MannKendall, Trend, mann_kendall, trend};

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn real(count: usize) -> f64 {
    count as f64
}
