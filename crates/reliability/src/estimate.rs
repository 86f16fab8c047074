//! MTBF, MTTR, availability and chances, each with a credible interval.

use std::time::Duration;

use serde::Serialize;

use crate::config::{EstimateConfig, RatePrior};
use crate::history::Observed;
use crate::quantile;

/// A value with the interval that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate<T> {
    /// The best single answer; for credible intervals the median, as likely too low as too high.
    pub value: T,
    /// The lower end.
    pub lower: T,
    /// The upper end.
    pub upper: T,
}

impl<T> Estimate<T> {
    /// The same change made to all three; `change` must keep their order.
    fn map<U>(self, change: impl Fn(T) -> U) -> Estimate<U> {
        Estimate { value: change(self.value), lower: change(self.lower), upper: change(self.upper) }
    }

    /// The same change made to all three where it turns their order around.
    fn map_reversed<U>(self, change: impl Fn(T) -> U) -> Estimate<U> {
        Estimate { value: change(self.value), lower: change(self.upper), upper: change(self.lower) }
    }
}

/// What observations say about failures and repairs to come.
///
/// The model: failures come at a constant rate while up, repairs at a constant rate while down (both times
/// are exponential). A gamma prior and the counts give a gamma posterior of each rate,
/// `Gamma(prior.events + events, prior.exposure + time)`. Time of a period still under way counts, its end
/// does not (right-censoring), so a long up without a failure counts in favor. Every answer is the median
/// of the posterior with a central credible interval, and `None` where nothing is known: no time observed
/// and none in the prior.
///
/// Not promised: wear, infant mortality and failures that come in bursts are not in the model; for those
/// the intervals are too narrow.
///
/// Sources: NIST/SEMATECH e-Handbook of Statistical Methods, 8.4.6 (gamma model); Atwood and others,
/// NUREG/CR-6823, 6.2.2 (Jeffreys prior).
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_reliability::{EstimateConfig, Observed, Reliability};
///
/// let observed = Observed {
///     up: Duration::from_secs(1_000_000),
///     down: Duration::from_secs(500),
///     failures: 5,
///     repairs: 5,
/// };
/// let reliability = Reliability::new(observed, EstimateConfig::default());
/// let mtbf = reliability.mtbf().expect("time was observed");
/// assert!(mtbf.lower < Duration::from_secs(200_000) && mtbf.upper > Duration::from_secs(200_000));
/// let availability = reliability.availability().expect("a repair was observed");
/// assert!(availability.lower > 0.99 && availability.upper < 1.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    observed: Observed,
    config: EstimateConfig,
}

impl Reliability {
    /// Estimates from these observations.
    ///
    /// Settings that [`EstimateConfig::validate`] refuses are brought to the nearest allowed value.
    pub fn new(observed: Observed, config: EstimateConfig) -> Self {
        Self { observed, config }
    }

    /// What was observed.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Failures per second while up.
    pub fn failure_rate(&self) -> Option<Estimate<f64>> {
        self.failures().map(|rate| rate.per_second(self.config.credibility))
    }

    /// Mean time between failures: the mean time up until a failure.
    pub fn mtbf(&self) -> Option<Estimate<Duration>> {
        self.failure_rate().map(|rate| rate.map_reversed(mean_time))
    }

    /// Mean time to repair: the mean time down until a repair.
    pub fn mttr(&self) -> Option<Estimate<Duration>> {
        let rate = self.repairs()?.per_second(self.config.credibility);
        Some(rate.map_reversed(mean_time))
    }

    /// The share of the time that it will be up in the long run: MTBF / (MTBF + MTTR), 0 to 1.
    ///
    /// Exact for the model: the ratio of two gamma variables is that of a beta variable to the rest. For
    /// the share that was observed see [`Observed::availability`].
    pub fn availability(&self) -> Option<Estimate<f64>> {
        let (failures, repairs) = (self.failures()?, self.repairs()?);
        // W = failures.time * rate / (the same + repairs.time * rate) is beta distributed.
        let share = beta_estimate(failures.events, repairs.events, self.config.credibility);
        Some(share.map_reversed(|failing| {
            let up = failures.seconds * (1.0 - failing);
            let down = repairs.seconds * failing;
            if up + down > 0.0 { up / (up + down) } else { 1.0 }
        }))
    }

    /// The probability of at least one failure within `horizon` of being up, 0 to 1.
    ///
    /// The interval tells how well that probability is known. For a bet on one horizon use
    /// [`expected_failure_probability`](Self::expected_failure_probability).
    pub fn failure_probability(&self, horizon: Duration) -> Option<Estimate<f64>> {
        let seconds = horizon.as_secs_f64();
        self.failure_rate().map(|rate| rate.map(|rate| -(-rate * seconds).exp_m1()))
    }

    /// The probability of a failure within `horizon`, averaged over all rates that may be true.
    pub fn expected_failure_probability(&self, horizon: Duration) -> Option<f64> {
        let rate = self.failures()?;
        // The mean of exp(-rate * t) under a gamma posterior: (1 + t / time)^-events.
        Some(-(-rate.events * (horizon.as_secs_f64() / rate.seconds).ln_1p()).exp_m1())
    }

    fn failures(&self) -> Option<Rate> {
        Rate::new(self.config.failures, self.observed.failures, self.observed.up)
    }

    fn repairs(&self) -> Option<Rate> {
        Rate::new(self.config.repairs, self.observed.repairs, self.observed.down)
    }
}

/// The share of hits among all trials to come, 0 to 1, from those observed.
///
/// Beta posterior `Beta(prior.hits + hits, prior.misses + trials - hits)`; its median with a central
/// credible interval. Use it where there are trials rather than time: checks passed, calls failed. More
/// hits than trials count as all.
///
/// # Example
///
/// ```
/// use steadfast_reliability::{EstimateConfig, share};
///
/// let failing = share(1, 8, &EstimateConfig::default());
/// assert!(failing.lower > 0.0 && failing.value < 0.2 && failing.upper < 0.5);
/// ```
pub fn share(hits: u64, trials: u64, config: &EstimateConfig) -> Estimate<f64> {
    let misses = trials.saturating_sub(hits);
    let prior = config.shares;
    beta_estimate(
        positive(prior.hits) + real(hits.min(trials)),
        positive(prior.misses) + real(misses),
        config.credibility,
    )
}

/// The gamma posterior of a rate.
#[derive(Clone, Copy, Debug)]
struct Rate {
    events: f64,
    seconds: f64,
}

impl Rate {
    /// `None` where nothing is known.
    fn new(prior: RatePrior, events: u64, time: Duration) -> Option<Self> {
        let seconds = prior.exposure.as_secs_f64() + time.as_secs_f64();
        (seconds > 0.0).then(|| Self { events: positive(prior.events) + real(events), seconds })
    }

    fn per_second(self, credibility: f64) -> Estimate<f64> {
        let (lower, value, upper) = quantile::central(credibility);
        Estimate { value, lower, upper }.map(|p| quantile::gamma(self.events, p) / self.seconds)
    }
}

fn beta_estimate(a: f64, b: f64, credibility: f64) -> Estimate<f64> {
    let (lower, value, upper) = quantile::central(credibility);
    Estimate { value, lower, upper }.map(|p| quantile::beta(a, b, p).clamp(0.0, 1.0))
}

/// The mean time between events of this rate; the longest duration if the rate is next to nothing.
fn mean_time(per_second: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX)
}

/// A prior count, brought above 0 if a setting that would not validate was used all the same.
fn positive(count: f64) -> f64 {
    if count.is_finite() { count.max(f64::EPSILON) } else { crate::defaults::JEFFREYS }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 52 bits")]
fn real(count: u64) -> f64 {
    count as f64
}
