//! When a monitored value reaches a limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::TrendConfig;
use crate::series::Series;
use crate::trend::{Point, Trend, level_at_last, points_of, trend};

/// The limit that a value should not reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// Reached at this value or above: memory in use, open connections.
    Above(f64),
    /// Reached at this value or below: free disk space, spare permits.
    Below(f64),
}

impl Threshold {
    /// Nothing left of what is being used up.
    pub const EXHAUSTED: Self = Self::Below(0.0);

    /// Whether a value has reached the threshold.
    pub fn is_reached(&self, value: f64) -> bool {
        match *self {
            Self::Above(limit) => value >= limit,
            Self::Below(limit) => value <= limit,
        }
    }
}

/// Whether and when a monitored value reaches its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Forecast {
    /// Not enough samples to say anything.
    TooFewSamples {
        /// Samples that there are.
        have: usize,
        /// Samples that it takes.
        need: usize,
    },
    /// The last sample has reached it.
    Reached,
    /// There is no trend, so no time can be given.
    NoTrend,
    /// The trend leads away from the threshold.
    MovingAway,
    /// The trend leads there, but later than the horizon of the forecast.
    BeyondHorizon,
    /// The trend leads there within the horizon.
    Within(TimeTo),
}

/// The time from the last sample to the threshold if the trend goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TimeTo {
    /// At the slope of the trend.
    pub expected: Duration,
    /// At the steepest slope of its interval.
    pub earliest: Duration,
    /// At the flattest slope of its interval; `None` if that is past the horizon, or never.
    pub latest: Option<Duration>,
}

/// Says when a monitored value reaches a threshold if its trend goes on.
///
/// The interval is that of the slope, at the confidence of the configuration; it does not know of changes
/// to come. Without a trend there is no time, see [`Forecast`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Instant;
/// use steadfast_reliability::{Forecast, Series, Threshold, TrendConfig, time_to};
///
/// let mut free_bytes = Series::new(100);
/// for second in 0..20_u32 {
///     let at = Instant::ZERO + Duration::from_secs(u64::from(second));
///     free_bytes.record(at, 1_000.0 - 10.0 * f64::from(second))?;
/// }
/// let forecast = time_to(&free_bytes, Threshold::EXHAUSTED, &TrendConfig::default());
/// let Forecast::Within(time) = forecast else { unreachable!("it falls steadily") };
/// assert_eq!(time.expected, Duration::from_secs(81));
/// # Ok::<(), steadfast_reliability::SampleError>(())
/// ```
pub fn time_to(series: &Series, threshold: Threshold, config: &TrendConfig) -> Forecast {
    if series.last().is_some_and(|last| threshold.is_reached(last.value)) {
        return Forecast::Reached;
    }
    let (line, rises) = match trend(series, config) {
        Trend::TooFewSamples { have, need } => return Forecast::TooFewSamples { have, need },
        Trend::NoTrend(_) => return Forecast::NoTrend,
        Trend::Rising(line) => (line, true),
        Trend::Falling(line) => (line, false),
    };
    let (steep, flat) = match (threshold, rises) {
        (Threshold::Above(_), true) => (line.slope_per_second.upper, line.slope_per_second.lower),
        (Threshold::Below(_), false) => (line.slope_per_second.lower, line.slope_per_second.upper),
        _ => return Forecast::MovingAway,
    };
    let points = points_of(series);
    let at = |slope: f64| crossing(&points, slope, threshold, config.horizon);
    match (at(line.slope_per_second.value), at(steep)) {
        (Some(expected), earliest) => Forecast::Within(TimeTo {
            expected,
            earliest: earliest.unwrap_or(Duration::ZERO).min(expected),
            latest: at(flat).map(|latest| latest.max(expected)),
        }),
        (None, _) => Forecast::BeyondHorizon,
    }
}

/// The time from the last sample at which a line of this slope crosses the threshold; `None` past the
/// horizon or if it never does, zero if it has.
fn crossing(points: &[Point], slope: f64, threshold: Threshold, max: Duration) -> Option<Duration> {
    if slope.is_infinite() {
        // Too few samples for the confidence: nothing bounds the slope.
        return None;
    }
    let level = level_at_last(points, slope);
    let (distance, speed) = match threshold {
        Threshold::Above(limit) => (limit - level, slope),
        Threshold::Below(limit) => (level - limit, -slope),
    };
    if distance <= 0.0 {
        return Some(Duration::ZERO);
    }
    if speed <= 0.0 {
        return None;
    }
    Duration::try_from_secs_f64(distance / speed).ok().filter(|time| *time <= max)
}
