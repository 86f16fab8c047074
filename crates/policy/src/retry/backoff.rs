//! How long to wait before the next attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::defaults;
use crate::serde_forms::seconds;

/// How the wait grows from retry to retry; jitter comes on top.
///
/// | Backoff | Wait before the n-th retry |
/// |---|---|
/// | `Constant` | `base` |
/// | `Linear` | n x `base` |
/// | `Exponential` | `base` x `factor`^(n-1) |
/// | `Decorrelated` | at random between `base` and 3 x the wait before |
///
/// All of them end at `max`. Decorrelated jitter is from Brooker, "Exponential backoff and jitter"
/// (AWS Architecture Blog, 2015); it is random by itself and gets no more jitter.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::Backoff;
///
/// let backoff = Backoff::exponential(Duration::from_millis(500));
/// let waits: Vec<_> = (1..=3).map(|n| backoff.wait(n, Duration::ZERO, 0.0)).collect();
/// assert_eq!(waits, [500, 1_000, 2_000].map(Duration::from_millis));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Backoff {
    /// How the wait grows.
    pub growth: Growth,
    /// The first wait.
    #[serde(with = "seconds")]
    pub base: Duration,
    /// Growth of an exponential backoff, at least 1.
    pub factor: f64,
    /// The longest wait, jitter not counted.
    #[serde(with = "seconds")]
    pub max: Duration,
}

/// How a [`Backoff`] grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Growth {
    /// Not at all.
    Constant,
    /// By the first wait each time.
    Linear,
    /// By a factor each time.
    Exponential,
    /// At random, up to three times the wait before.
    Decorrelated,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::exponential(defaults::RETRY_BASE)
    }
}

impl Backoff {
    fn new(growth: Growth, base: Duration) -> Self {
        let max = defaults::RETRY_WAIT_MAX.max(base);
        Self { growth, base, factor: defaults::RETRY_FACTOR, max }
    }

    /// The same wait each time.
    pub fn constant(base: Duration) -> Self {
        Self::new(Growth::Constant, base)
    }

    /// One more `base` each time.
    pub fn linear(base: Duration) -> Self {
        Self::new(Growth::Linear, base)
    }

    /// Twice the wait each time.
    pub fn exponential(base: Duration) -> Self {
        Self::new(Growth::Exponential, base)
    }

    /// A random wait that grows with the one before.
    pub fn decorrelated(base: Duration) -> Self {
        Self::new(Growth::Decorrelated, base)
    }

    /// The wait before retry `number` (counted from 1), after a wait of `previous` (zero at first).
    ///
    /// `random` is a number in 0..1; only [`Growth::Decorrelated`] looks at it.
    pub fn wait(&self, number: u32, previous: Duration, random: f64) -> Duration {
        let base = self.base.as_secs_f64();
        if self.base.is_zero() && self.growth != Growth::Decorrelated {
            // Nothing grows from nothing; times a growth beyond all numbers it would be no number at all.
            return Duration::ZERO;
        }
        let steps = number.saturating_sub(1);
        let seconds = match self.growth {
            Growth::Constant => base,
            Growth::Linear => base * f64::from(number.max(1)),
            Growth::Exponential => {
                base * self.factor.powi(i32::try_from(steps).unwrap_or(i32::MAX))
            }
            Growth::Decorrelated => {
                let most = (previous.as_secs_f64() * 3.0).max(base);
                base + random * (most - base)
            }
        };
        Duration::try_from_secs_f64(seconds).map_or(self.max, |wait| wait.min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn waits(backoff: Backoff, random: f64) -> Vec<u128> {
        let mut previous = Duration::ZERO;
        (1..=5)
            .map(|number| {
                previous = backoff.wait(number, previous, random);
                previous.as_millis()
            })
            .collect()
    }

    #[test]
    fn waits_grow_as_they_are_told_and_end_at_the_maximum() {
        let capped = |backoff: Backoff| Backoff { max: ms(400), ..backoff };
        for (backoff, random, expected) in [
            (Backoff::constant(ms(100)), 0.9, [100, 100, 100, 100, 100]),
            (Backoff::linear(ms(100)), 0.9, [100, 200, 300, 400, 500]),
            (Backoff::exponential(ms(100)), 0.9, [100, 200, 400, 800, 1_600]),
            (
                Backoff { factor: 1.5, ..Backoff::exponential(ms(80)) },
                0.0,
                [80, 120, 180, 270, 405],
            ),
            (capped(Backoff::exponential(ms(100))), 0.0, [100, 200, 400, 400, 400]),
            (capped(Backoff::linear(ms(150))), 0.0, [150, 300, 400, 400, 400]),
            (Backoff::decorrelated(ms(100)), 0.0, [100, 100, 100, 100, 100]),
            (Backoff::decorrelated(ms(100)), 0.5, [100, 200, 350, 575, 912]),
            (capped(Backoff::decorrelated(ms(100))), 0.999, [100, 299, 400, 400, 400]),
        ] {
            assert_eq!(waits(backoff, random), expected, "{backoff:?} at {random}");
        }
    }

    #[test]
    fn no_number_of_retries_overflows() {
        let backoff = Backoff::exponential(ms(100));
        assert_eq!(backoff.wait(u32::MAX, Duration::ZERO, 0.0), backoff.max);
        let endless = Backoff { max: Duration::MAX, ..Backoff::linear(Duration::MAX) };
        assert_eq!(endless.wait(u32::MAX, Duration::MAX, 0.5), Duration::MAX);
        let at_once = Backoff::exponential(Duration::ZERO);
        assert_eq!(at_once.wait(u32::MAX, Duration::ZERO, 0.5), Duration::ZERO);
    }
}
