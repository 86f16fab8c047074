//! The most of everything that is kept or computed.

/// Most samples of a series; a trend looks at every pair of them.
pub const SERIES_SAMPLES_MAX: usize = 1_000;
/// Fewest samples that a trend can be asked to be content with; below, no interval of 95 % exists.
pub const SAMPLES_MIN_MIN: usize = 6;
/// Most finished periods that a history keeps.
pub const HISTORY_PERIODS_MAX: usize = 10_000;
/// Most lags of serial correlation that can be asked for.
pub const CORRELATION_LAGS_MAX: usize = 20;
/// The lowest confidence or credibility that can be asked for.
pub const CONFIDENCE_MIN: f64 = 0.5;
/// The highest confidence or credibility that can be asked for.
pub const CONFIDENCE_MAX: f64 = 0.999;
