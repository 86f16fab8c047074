//! The default of every setting, with its reason.

use std::time::Duration;

/// Samples needed before a trend is judged; fewer make a trend a matter of luck.
pub const SAMPLES_MIN: usize = 10;
/// Confidence of a trend and of its interval, the usual level.
pub const CONFIDENCE: f64 = 0.95;
/// How far ahead a forecast looks; beyond it a trend of minutes says nothing.
pub const HORIZON: Duration = Duration::from_hours(30 * 24);
/// Lags whose correlation widens the variance, as Hamed and Rao advise.
pub const CORRELATION_LAGS: usize = 3;
/// Probability that a credible interval holds the true value.
pub const CREDIBILITY: f64 = 0.95;
/// Events that a Jeffreys prior adds: half of one, for no time.
pub const JEFFREYS: f64 = 0.5;
