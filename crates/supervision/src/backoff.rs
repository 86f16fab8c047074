//! How long to wait before a restart.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// First delay: short enough to go unnoticed, long enough not to spin.
pub const BACKOFF_BASE: Duration = Duration::from_millis(100);
/// Growth per consecutive failure.
pub const BACKOFF_FACTOR: f64 = 2.0;
/// Longest delay.
pub const BACKOFF_CAP: Duration = Duration::from_secs(30);
/// Share of random extra delay, so that children that failed together do not return together.
pub const BACKOFF_JITTER: f64 = 0.1;
/// Time up after which a failure counts as the first again.
pub const BACKOFF_RESET: Duration = Duration::from_mins(1);

/// How the delay grows with each consecutive failure `n = 0, 1, 2 ...`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// No delay at all (OTP).
    None,
    /// Always the base.
    Constant,
    /// `base * (1 + n)`.
    Linear,
    /// `base * factor^n`. The default.
    #[default]
    Exponential,
}

/// The delay before a restart, as plain data.
///
/// `min(cap, raw(n) * (1 + jitter * sample))` with a sample in `[0, 1)` given by the caller. A
/// child that was up for `reset` or longer starts again at `n = 0`. That is decided from the
/// time it was up when it fails, so no reset timer exists that could be stale.
///
/// | field | default | unit |
/// |---|---|---|
/// | `growth` | exponential | |
/// | `base` | 0.1 | s |
/// | `factor` | 2.0 | 1 or more |
/// | `cap` | 30 | s |
/// | `jitter` | 0.1 | 0..=1 |
/// | `reset` | 60 | s |
///
/// ```
/// use std::time::Duration;
/// use steadfast_supervision::Backoff;
///
/// let backoff = Backoff::exponential(Duration::from_secs(1)).with_cap(Duration::from_secs(10));
/// let delays: Vec<u64> = (0..6).map(|n| backoff.delay(n, 0.0).as_secs()).collect();
/// assert_eq!(delays, [1, 2, 4, 8, 10, 10]);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backoff {
    /// The shape of the growth.
    pub growth: Growth,
    /// The first delay.
    pub base: Duration,
    /// Multiplier per failure, 1 or more; exponential growth only.
    pub factor: f64,
    /// The longest delay, jitter included.
    pub cap: Duration,
    /// Largest random share added to a delay, 0..=1.
    pub jitter: f64,
    /// Time up after which the next failure counts as the first.
    pub reset: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            growth: Growth::Exponential,
            base: BACKOFF_BASE,
            factor: BACKOFF_FACTOR,
            cap: BACKOFF_CAP,
            jitter: BACKOFF_JITTER,
            reset: BACKOFF_RESET,
        }
    }
}

impl Backoff {
    /// No delay: the next incarnation starts at once.
    pub fn none() -> Self {
        Self { growth: Growth::None, ..Self::default() }
    }

    /// The same delay each time.
    pub fn constant(delay: Duration) -> Self {
        Self { growth: Growth::Constant, base: delay, ..Self::default() }
    }

    /// `base`, `2 * base`, `3 * base` and so on.
    pub fn linear(base: Duration) -> Self {
        Self { growth: Growth::Linear, base, ..Self::default() }
    }

    /// `base`, then doubled each time.
    pub fn exponential(base: Duration) -> Self {
        Self { growth: Growth::Exponential, base, ..Self::default() }
    }

    /// Sets the multiplier of exponential growth.
    #[must_use]
    pub fn with_factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Sets the longest delay.
    #[must_use]
    pub fn with_cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets the share of random extra delay.
    #[must_use]
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets the time up after which the delay returns to the base.
    #[must_use]
    pub fn with_reset(mut self, reset: Duration) -> Self {
        self.reset = reset;
        self
    }

    /// The delay after `failures` earlier consecutive failures, `sample` in `[0, 1)`.
    pub fn delay(&self, failures: u32, sample: f64) -> Duration {
        if self.base.is_zero() {
            return Duration::ZERO;
        }
        let multiple = match self.growth {
            Growth::None => return Duration::ZERO,
            Growth::Constant => 1.0,
            Growth::Linear => 1.0 + f64::from(failures),
            Growth::Exponential => self.factor.powi(i32::try_from(failures).unwrap_or(i32::MAX)),
        };
        let jitter = 1.0 + self.jitter * sample.clamp(0.0, 1.0);
        let seconds = self.base.as_secs_f64() * multiple * jitter;
        Duration::try_from_secs_f64(seconds).map_or(self.cap, |delay| delay.min(self.cap))
    }

    /// Whether the numbers are usable.
    pub(crate) fn is_valid(&self) -> bool {
        self.factor.is_finite() && self.factor >= 1.0 && (0.0..=1.0).contains(&self.jitter)
    }
}
