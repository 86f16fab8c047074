//! The pure core: what the limit becomes with each call that ends.

use std::time::Duration;

use steadfast_base::Instant;

use super::config::{AdaptiveAlgorithm, AdaptiveConfig, Aimd, Gradient};
use super::samples::Samples;

/// A limit that follows what calls come to; no clock and no lock.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Instant;
/// use steadfast_policy::{AdaptiveConfig, AdaptiveLimit, Sample, SampleOutcome};
///
/// let mut limit = AdaptiveLimit::new(AdaptiveConfig::aimd(Duration::from_millis(10)))?;
/// let slow = Sample {
///     started: Instant::ZERO,
///     ended: Instant::ZERO + Duration::from_millis(11),
///     running: 20,
///     outcome: SampleOutcome::Success,
/// };
/// assert_eq!(limit.current(), 20);
/// limit.observe(&slow);
/// assert_eq!(limit.current(), 18);
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AdaptiveLimit {
    config: AdaptiveConfig,
    limit: f64,
    phase: Phase,
}

/// One call that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it started.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Calls running when it ended, itself included.
    pub running: u32,
    /// What it came to.
    pub outcome: SampleOutcome,
}

/// What a call says about the load of the callee.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleOutcome {
    /// Done; how long it took says how loaded the callee is.
    Success,
    /// Timed out, or turned away for want of capacity.
    Overload,
    /// Given up by the caller: it would have taken longer than it did, so it counts as a long call if it
    /// was one already, and as nothing else.
    Abandoned,
}

#[derive(Clone, Debug)]
enum Phase {
    /// AIMD: calls that started before this do not decrease the limit again.
    Aimd { decreased: Instant },
    /// Few calls run, to show the latency of a callee without load; calls from before do not count.
    Measuring { since: Option<Instant>, samples: Samples },
    /// The limit follows the latency.
    Following { least: u64, measured: Instant, window: Instant, samples: Samples },
}

impl Phase {
    fn of(config: &AdaptiveConfig) -> Self {
        match config.algorithm {
            AdaptiveAlgorithm::Aimd(_) => Self::Aimd { decreased: Instant::ZERO },
            AdaptiveAlgorithm::Gradient(_) => {
                Self::Measuring { since: None, samples: Samples::default() }
            }
        }
    }
}

impl AdaptiveLimit {
    /// The initial limit.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`AdaptiveConfig::validate`] finds.
    pub fn new(config: AdaptiveConfig) -> Result<Self, steadfast_base::ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config))
    }

    pub(super) fn unchecked(config: AdaptiveConfig) -> Self {
        Self { config, limit: config.limit_initial.into(), phase: Phase::of(&config) }
    }

    /// Changes the settings; the limit goes on from where it is, within its new range.
    pub(super) fn reconfigure(&mut self, config: AdaptiveConfig) {
        if std::mem::discriminant(&self.config.algorithm)
            != std::mem::discriminant(&config.algorithm)
        {
            self.phase = Phase::of(&config);
        }
        self.config = config;
        self.set(self.limit);
    }

    /// The settings.
    pub fn config(&self) -> &AdaptiveConfig {
        &self.config
    }

    /// How many calls may run now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the limit lies between two counts of 32 bits"
    )]
    pub fn current(&self) -> u32 {
        match self.phase {
            Phase::Measuring { .. } => self.config.limit_min,
            _ => self.limit as u32,
        }
    }

    /// The latency of a callee without load, as last measured; `None` before, and with AIMD.
    pub fn least_latency(&self) -> Option<Duration> {
        match self.phase {
            Phase::Following { least, .. } => Some(Duration::from_nanos(least)),
            _ => None,
        }
    }

    /// Takes in a call that ended; says whether the limit changed.
    pub fn observe(&mut self, sample: &Sample) -> bool {
        let before = self.current();
        match self.config.algorithm {
            AdaptiveAlgorithm::Aimd(aimd) => self.observe_aimd(&aimd, sample),
            AdaptiveAlgorithm::Gradient(gradient) => self.observe_gradient(&gradient, sample),
        }
        self.current() != before
    }

    fn observe_aimd(&mut self, aimd: &Aimd, sample: &Sample) {
        let Phase::Aimd { decreased } = &mut self.phase else { return };
        let slow = sample.ended - sample.started > aimd.slow_call;
        if slow || sample.outcome == SampleOutcome::Overload {
            if sample.started >= *decreased {
                *decreased = sample.ended;
                self.set((self.limit * aimd.backoff_ratio).floor());
            }
        } else if sample.outcome == SampleOutcome::Success
            && f64::from(sample.running) * 2.0 >= self.limit
        {
            self.set(self.limit + 1.0 / self.limit);
        }
    }

    fn observe_gradient(&mut self, gradient: &Gradient, sample: &Sample) {
        let latency = nanos(sample.ended - sample.started);
        let Sample { started, ended, running, outcome } = *sample;
        match &mut self.phase {
            Phase::Aimd { .. } => {}
            Phase::Measuring { since, samples } => {
                if started < *since.get_or_insert(started) || outcome != SampleOutcome::Success {
                    return;
                }
                samples.add(latency, running);
                if samples.count() >= gradient.measure_samples
                    && let Some(least) = samples.take(gradient.percentile)
                {
                    let samples = std::mem::take(samples);
                    self.phase =
                        Phase::Following { least, measured: ended, window: ended, samples };
                }
            }
            Phase::Following { least, measured, window, samples } => {
                let tolerated = in_units(*least) * (1.0 + gradient.buffer);
                if outcome == SampleOutcome::Abandoned && in_units(latency) <= tolerated {
                    return;
                }
                samples.add(latency, running);
                if ended - *window < gradient.window || samples.count() < gradient.samples_min {
                    return;
                }
                *window = ended;
                let idle = f64::from(samples.running_max()) * 2.0 < self.limit;
                let seen = samples.take(gradient.percentile).map_or(1.0, in_units);
                let measure = ended - *measured >= gradient.measure_every;
                let slope = (tolerated / seen).clamp(SLOPE_MIN, SLOPE_MAX);
                let next = slope * self.limit + self.limit.sqrt();
                // A limit that nobody uses says nothing about how high it may be.
                self.set(if idle { next.min(self.limit) } else { next });
                if measure {
                    let samples = Samples::default();
                    self.phase = Phase::Measuring { since: Some(ended), samples };
                }
            }
        }
    }

    fn set(&mut self, limit: f64) {
        let AdaptiveConfig { limit_min, limit_max, .. } = self.config;
        self.limit = limit.clamp(limit_min.into(), f64::from(limit_max).max(limit_min.into()));
    }
}

/// One window changes the limit at most to half or to twice, as in Envoy.
const SLOPE_MIN: f64 = 0.5;
const SLOPE_MAX: f64 = 2.0;

fn nanos(latency: Duration) -> u64 {
    u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX)
}

/// A latency to compute with; never zero.
#[expect(clippy::cast_precision_loss, reason = "a latency needs no more than 53 bits")]
fn in_units(nanos: u64) -> f64 {
    nanos.max(1) as f64
}
