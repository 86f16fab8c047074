//! What serial correlation does to the variance of the Mann-Kendall score.

use super::mann_kendall::same;
use super::theil_sen::{Point, median_of_sorted};
use crate::{limits, real};

/// Residuals below this share of the range of the values are rounding, not signal.
const ROUNDING: f64 = 1e-9;

/// How many times larger correlated samples make the variance of S; at least 1.
///
/// Hamed and Rao (1998): the ranks of the detrended values are correlated with themselves at each lag, and
/// what is significant counts. Negative correlation would make the variance smaller; that is not believed,
/// since a leak must not be found by a test made sharper on a guess.
pub(super) fn variance_factor(points: &[Point], slope: f64, lags: usize, z: f64) -> f64 {
    let lags = lags.min(limits::CORRELATION_LAGS_MAX).min(points.len() / 3);
    let residuals: Vec<f64> =
        points.iter().map(|point| point.value - slope * point.seconds).collect();
    if lags == 0 || is_rounding(points, &residuals) {
        return 1.0;
    }
    let count = real(points.len());
    let ranks = ranks(&residuals);
    let weight = |lag: f64| (count - lag) * (count - lag - 1.0) * (count - lag - 2.0);
    let significant = z / count.sqrt();
    let sum: f64 = (1..=lags)
        .map(|lag| (real(lag), correlation(&ranks, lag)))
        .filter(|(_, correlation)| correlation.abs() > significant)
        .map(|(lag, correlation)| weight(lag) * correlation)
        .sum();
    (1.0 + 2.0 * sum / weight(0.0)).max(1.0)
}

/// Whether the values lie on their line up to rounding.
fn is_rounding(points: &[Point], residuals: &[f64]) -> bool {
    let mut sorted = residuals.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = median_of_sorted(&sorted);
    let largest = residuals.iter().map(|value| (value - middle).abs()).fold(0.0, f64::max);
    let (low, high) =
        points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
            (low.min(point.value), high.max(point.value))
        });
    largest <= ROUNDING * (high - low)
}

/// The rank of each value, from 1; equal values share their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|left, right| left.1.total_cmp(&right.1));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for group in order.chunk_by(|left, right| same(left.1, right.1)) {
        let rank = real(before) + f64::midpoint(real(group.len()), 1.0);
        for (index, _) in group {
            if let Some(slot) = ranks.get_mut(*index) {
                *slot = rank;
            }
        }
        before += group.len();
    }
    ranks
}

/// The correlation of values with those `lag` places later; 0 if all are equal.
fn correlation(values: &[f64], lag: usize) -> f64 {
    let mean = values.iter().sum::<f64>() / real(values.len());
    let spread: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let shared: f64 =
        values.iter().zip(values.iter().skip(lag)).map(|(a, b)| (a - mean) * (b - mean)).sum();
    if spread > 0.0 { shared / spread } else { 0.0 }
}
