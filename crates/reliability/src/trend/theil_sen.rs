//! The Theil-Sen slope with Sen's interval.

use std::cmp::Ordering;

use crate::estimate::Estimate;
use crate::real;
use crate::series::Series;

/// A sample with its time in seconds before (below 0) or at the last one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) seconds: f64,
    pub(crate) value: f64,
}

/// The samples of a series as points.
pub(super) fn points(series: &Series) -> Vec<Point> {
    let Some(last) = series.last() else { return Vec::new() };
    series
        .samples()
        .map(|sample| Point { seconds: -(last.at - sample.at).as_secs_f64(), value: sample.value })
        .collect()
}

/// The slopes of all pairs of points, sorted.
pub(super) struct Slopes(Vec<f64>);

impl Slopes {
    /// There is at least one pair of different times.
    pub(super) fn new(points: &[Point]) -> Self {
        let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
        let mut rest = points;
        while let Some((first, later)) = rest.split_first() {
            slopes.extend(
                later
                    .iter()
                    .map(|point| (point.value - first.value) / (point.seconds - first.seconds))
                    .filter(|slope| !slope.is_nan()),
            );
            rest = later;
        }
        slopes.sort_unstable_by(f64::total_cmp);
        Self(slopes)
    }

    /// The Theil-Sen slope.
    pub(super) fn median(&self) -> f64 {
        median_of_sorted(&self.0)
    }

    /// The median with Sen's interval, `z` standard deviations of S to either side.
    ///
    /// Where the confidence asked for takes more pairs than there are, the ends are infinite.
    pub(super) fn estimate(&self, variance: f64, z: f64) -> Estimate<f64> {
        let value = self.median();
        let below = ((real(self.0.len()) - z * variance.max(0.0).sqrt()) / 2.0).floor();
        if below < 1.0 {
            return Estimate { value, lower: f64::NEG_INFINITY, upper: f64::INFINITY };
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to the count"
        )]
        let below = below as usize;
        let at = |index: usize, end: f64| self.0.get(index).copied().unwrap_or(end);
        let lower = at(below - 1, f64::NEG_INFINITY).min(value);
        let upper = at(self.0.len() - below, f64::INFINITY).max(value);
        Estimate { value, lower, upper }
    }
}

/// The height at the last point of the line of this slope through the middle of all points.
pub(crate) fn level_at_last(points: &[Point], slope: f64) -> f64 {
    let mut levels: Vec<f64> =
        points.iter().map(|point| point.value - slope * point.seconds).collect();
    levels.sort_unstable_by(f64::total_cmp);
    median_of_sorted(&levels)
}

/// The middle value, or the mean of the two middle ones; 0 if there is none.
pub(super) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    match (sorted.len() % 2).cmp(&1) {
        Ordering::Equal => at(middle),
        _ if sorted.is_empty() => 0.0,
        // Halved first: the sum of two large values may not fit.
        _ => at(middle - 1) / 2.0 + at(middle) / 2.0,
    }
}
