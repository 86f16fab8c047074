//! Robust trends: whether a series rises or falls (Mann-Kendall) and how fast (Theil-Sen).

mod mann_kendall;
mod serial;
mod theil_sen;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::mann_kendall::{MannKendall, mann_kendall};
pub(crate) use self::theil_sen::{Point, level_at_last};

use self::mann_kendall::judge;
use self::serial::variance_factor;
use self::theil_sen::{Slopes, points};
use crate::config::TrendConfig;
use crate::estimate::Estimate;
use crate::quantile;
use crate::series::Series;

/// Whether a series rises or falls.
///
/// # Example
///
/// See [`trend`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trend {
    /// Not enough samples to say anything.
    TooFewSamples {
        /// Samples that there are.
        have: usize,
        /// Samples that it takes.
        need: usize,
    },
    /// No trend that could not as well be chance.
    NoTrend(MannKendall),
    /// It rises.
    Rising(Line),
    /// It falls.
    Falling(Line),
}

impl Trend {
    /// The line, if there is a trend.
    pub fn line(&self) -> Option<&Line> {
        match self {
            Self::Rising(line) | Self::Falling(line) => Some(line),
            Self::TooFewSamples { .. } | Self::NoTrend(_) => None,
        }
    }
}

/// The straight line that a trend follows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Line {
    /// Units per second: Theil-Sen, with Sen's interval. The ends are infinite if there are too few
    /// samples for the confidence asked for.
    pub slope_per_second: Estimate<f64>,
    /// Height of the line at the last sample.
    pub level: f64,
    /// The test that found the trend.
    pub test: MannKendall,
}

/// Says whether a series rises or falls, and how fast.
///
/// The Mann-Kendall test decides: it compares every pair of samples, so outliers and the shape of the
/// growth do not matter, only its direction; ties are allowed for. The slope is the median of the slopes
/// of all pairs (Theil-Sen), which up to 29 % wild samples cannot move far. Serial correlation widens the
/// variance as Hamed and Rao propose; it is never made smaller. Takes time in proportion to the square of
/// the number of samples, at most [`SERIES_SAMPLES_MAX`](crate::limits::SERIES_SAMPLES_MAX).
///
/// Not promised: a trend that reverses within the window, or a daily cycle longer than the window, is not
/// told from a lasting one.
///
/// Sources: Mann, Econometrica 13 (1945); Kendall, Rank Correlation Methods (1975); Sen, JASA 63 (1968);
/// Hamed and Rao, Journal of Hydrology 204 (1998).
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Instant;
/// use steadfast_reliability::{Series, Trend, TrendConfig, trend};
///
/// let mut open_files = Series::new(100);
/// for second in 0..20_u32 {
///     let at = Instant::ZERO + Duration::from_secs(u64::from(second));
///     open_files.record(at, 100.0 + 3.0 * f64::from(second))?;
/// }
/// let Trend::Rising(line) = trend(&open_files, &TrendConfig::default()) else { unreachable!() };
/// assert_eq!(line.slope_per_second.value, 3.0);
/// # Ok::<(), steadfast_reliability::SampleError>(())
/// ```
pub fn trend(series: &Series, config: &TrendConfig) -> Trend {
    let (have, need) = (series.len(), config.samples_needed());
    if have < need {
        return Trend::TooFewSamples { have, need };
    }
    let points = points(series);
    let values: Vec<f64> = points.iter().map(|point| point.value).collect();
    let confidence = quantile::allowed(config.confidence);

    let plain = mann_kendall(&values);
    let z = quantile::normal(quantile::central(confidence).2);
    let slopes = Slopes::new(&points);
    let factor = variance_factor(&points, slopes.median(), config.correlation_lags, z);
    let test = if factor > 1.0 {
        judge(plain.score, values.len(), plain.variance * factor, None)
    } else {
        plain
    };
    let slope_per_second = slopes.estimate(test.variance, z);

    let line =
        Line { slope_per_second, level: level_at_last(&points, slope_per_second.value), test };
    let significant = test.p_value < 1.0 - confidence;
    // The slope is 0 where most values are equal: a few jumps are no steady growth.
    match slope_per_second.value {
        slope if significant && slope > 0.0 && test.score > 0 => Trend::Rising(line),
        slope if significant && slope < 0.0 && test.score < 0 => Trend::Falling(line),
        _ => Trend::NoTrend(test),
    }
}

/// The points of a series, for what else is fitted to them.
pub(crate) fn points_of(series: &Series) -> Vec<Point> {
    points(series)
}
