//! The Mann-Kendall test of a trend, with ties, exact for few samples.

use std::cmp::Ordering;

use serde::Serialize;

use crate::{quantile, real};

/// Up to so many untied values the p-value is computed from the exact distribution, as Gilbert (1987)
/// advises; the normal approximation is good beyond.
const EXACT_MAX: usize = 10;

/// The outcome of a Mann-Kendall test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MannKendall {
    /// S: pairs that rise less pairs that fall.
    pub score: i64,
    /// Variance of S if there is no trend, ties (and serial correlation, if asked for) allowed for.
    pub variance: f64,
    /// S in standard deviations, with the correction for continuity; 0 if all values are equal.
    pub z: f64,
    /// Probability of an S at least so far from 0 if there is no trend; two-sided.
    pub p_value: f64,
    /// S as a share of all pairs, -1 to 1.
    pub tau: f64,
}

/// Tests values, in the order of their times, for a trend; as if they were independent.
///
/// A value that is not a number is as good as equal to all others.
///
/// # Example
///
/// ```
/// use steadfast_reliability::mann_kendall;
///
/// let test = mann_kendall(&[1.0, 2.0, 3.0, 4.0, 5.0]);
/// assert_eq!((test.score, test.tau), (10, 1.0));
/// assert!((test.p_value - 2.0 / 120.0).abs() < 1e-12);
/// ```
pub fn mann_kendall(values: &[f64]) -> MannKendall {
    let mut score = 0;
    let mut rest = values;
    while let Some((first, later)) = rest.split_first() {
        for value in later {
            score += match value.partial_cmp(first) {
                Some(Ordering::Less) => -1,
                Some(Ordering::Greater) => 1,
                Some(Ordering::Equal) | None => 0,
            };
        }
        rest = later;
    }
    let ties = ties(values);
    let exact = (ties.is_empty() && values.len() <= EXACT_MAX)
        .then(|| exact_two_sided(values.len(), score));
    judge(score, values.len(), variance(values.len(), &ties), exact)
}

/// Completes the test from S and its variance; `exact` is the p-value if it is known exactly.
pub(super) fn judge(score: i64, count: usize, variance: f64, exact: Option<f64>) -> MannKendall {
    #[expect(clippy::cast_precision_loss, reason = "S is below the square of 1,000 samples")]
    let distance = score as f64;
    let z = match score {
        _ if variance <= 0.0 => 0.0,
        0 => 0.0,
        _ => (distance - distance.signum()) / variance.sqrt(),
    };
    let p_value = exact.unwrap_or_else(|| quantile::normal_two_sided(z));
    let pairs = pairs(count);
    let tau = if pairs > 0.0 { distance / pairs } else { 0.0 };
    MannKendall { score, variance, z, p_value, tau }
}

/// The number of pairs among `count` values.
fn pairs(count: usize) -> f64 {
    real(count) * (real(count) - 1.0) / 2.0
}

/// The sizes of the groups of equal values, of two and more.
fn ties(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .chunk_by(|left, right| same(*left, *right))
        .map(<[f64]>::len)
        .filter(|size| *size > 1)
        .collect()
}

/// Whether two values are equal; 0 and -0 are.
pub(super) fn same(left: f64, right: f64) -> bool {
    left.partial_cmp(&right) == Some(Ordering::Equal)
}

/// The variance of S without a trend: Kendall (1975), with the term for ties.
fn variance(count: usize, ties: &[usize]) -> f64 {
    let term = |size: usize| real(size) * (real(size) - 1.0) * (2.0 * real(size) + 5.0);
    (term(count) - ties.iter().map(|size| term(*size)).sum::<f64>()) / 18.0
}

/// Probability of |S| or more among all orders of `count` different values.
///
/// S is the number of pairs less twice the number of inversions, and the orders of n values with k
/// inversions are counted by the Mahonian numbers.
fn exact_two_sided(count: usize, score: i64) -> f64 {
    let mut orders = vec![1.0];
    for size in 2..=count {
        let mut next = vec![0.0; orders.len() + size - 1];
        for shift in 0..size {
            for (slot, number) in next.iter_mut().skip(shift).zip(&orders) {
                *slot += number;
            }
        }
        orders = next;
    }
    let inversions_max = orders.len() - 1;
    let far = usize::try_from(score.unsigned_abs()).unwrap_or(usize::MAX);
    // |S| or more on one side: at most so many inversions.
    let tail_max = inversions_max.saturating_sub(far) / 2;
    let tail: f64 = orders.iter().take(tail_max + 1).sum();
    (2.0 * tail / orders.iter().sum::<f64>()).min(1.0)
}
