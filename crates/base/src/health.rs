//! One health scale for everything, and the trait of whatever can be asked for its health.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// How well a part is doing.
///
/// | Health | [`score`](Health::score) | [`from_score`](Health::from_score) |
/// |---|---|---|
/// | `Healthy` | 1.0 | 0.8 and above |
/// | `Unknown` | 0.5 | NaN only |
/// | `Degraded` | 0.5 | 0.4 up to 0.8 |
/// | `Critical` | 0.0 | below 0.4 |
///
/// `Unknown` scores like `Degraded`: a part that cannot be seen is neither trusted nor given up.
///
/// # Example
///
/// ```
/// use steadfast_base::Health;
///
/// assert_eq!(Health::Healthy.worst(Health::Degraded), Health::Degraded);
/// assert_eq!(Health::from_score(0.95), Health::Healthy);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Does what it should.
    Healthy,
    /// Works, but not as it should.
    Degraded,
    /// Does not work.
    Critical,
    /// Not known: not asked yet, or it did not answer.
    #[default]
    Unknown,
}

/// At this score and above a part is healthy.
const HEALTHY_MIN: f64 = 0.8;
/// At this score and above, below [`HEALTHY_MIN`], a part is degraded.
const DEGRADED_MIN: f64 = 0.4;

impl Health {
    /// The worse of two: `Critical`, then `Degraded`, then `Unknown`, then `Healthy`.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Health;
    ///
    /// assert_eq!(Health::Unknown.worst(Health::Healthy), Health::Unknown);
    /// assert_eq!(Health::Unknown.worst(Health::Critical), Health::Critical);
    /// ```
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        if self.badness() >= other.badness() { self } else { other }
    }

    /// The worst of many; `Unknown` if there are none.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Health;
    ///
    /// assert_eq!(Health::worst_of([Health::Healthy, Health::Critical]), Health::Critical);
    /// assert_eq!(Health::worst_of([]), Health::Unknown);
    /// ```
    pub fn worst_of(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().reduce(Self::worst).unwrap_or_default()
    }

    /// The health as a number in 0..=1; see the table at [`Health`].
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Health::Healthy.score(), 1.0);
    /// ```
    pub fn score(self) -> f64 {
        match self {
            Self::Healthy => 1.0,
            Self::Degraded | Self::Unknown => 0.5,
            Self::Critical => 0.0,
        }
    }

    /// The health that a score in 0..=1 stands for; see the table at [`Health`].
    ///
    /// Scores outside count as the nearer end.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Health;
    ///
    /// assert_eq!(Health::from_score(0.5), Health::Degraded);
    /// assert_eq!(Health::from_score(f64::NAN), Health::Unknown);
    /// ```
    pub fn from_score(score: f64) -> Self {
        if score.is_nan() {
            Self::Unknown
        } else if score >= HEALTHY_MIN {
            Self::Healthy
        } else if score >= DEGRADED_MIN {
            Self::Degraded
        } else {
            Self::Critical
        }
    }

    /// The health's name, as it is shown and serialized.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Health::Degraded.as_str(), "degraded");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    fn badness(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Unknown => 1,
            Self::Degraded => 2,
            Self::Critical => 3,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a health check found.
///
/// # Example
///
/// ```
/// use steadfast_base::{Health, HealthReport};
///
/// let report = HealthReport::new(Health::Degraded).because("replica lags 40 s");
/// assert_eq!(report.reason.as_deref(), Some("replica lags 40 s"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HealthReport {
    /// How the part is doing.
    pub health: Health,
    /// Why, in words for an operator.
    pub reason: Option<String>,
}

impl HealthReport {
    /// A report without a reason.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Health, HealthReport};
    ///
    /// assert_eq!(HealthReport::new(Health::Healthy).reason, None);
    /// ```
    pub fn new(health: Health) -> Self {
        Self { health, reason: None }
    }

    /// Adds the reason.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Health, HealthReport};
    ///
    /// let report = HealthReport::new(Health::Critical).because("disk is full");
    /// assert_eq!(report.reason.as_deref(), Some("disk is full"));
    /// ```
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

impl From<Health> for HealthReport {
    fn from(health: Health) -> Self {
        Self::new(health)
    }
}

/// A part that can be asked how it is doing.
///
/// Implementations need no time-out of their own: whoever runs checks bounds them. A check should
/// be cheap, have no lasting effect, and answer with a report rather than panic.
///
/// # Example
///
/// ```
/// use async_trait::async_trait;
/// use steadfast_base::{Health, HealthCheck, HealthReport};
///
/// struct FreeDisk {
///     free_ratio: f64,
/// }
///
/// #[async_trait]
/// impl HealthCheck for FreeDisk {
///     fn name(&self) -> &str {
///         "free-disk"
///     }
///
///     async fn check(&self) -> HealthReport {
///         match self.free_ratio {
///             ratio if ratio < 0.05 => Health::Critical.into(),
///             ratio if ratio < 0.15 => HealthReport::new(Health::Degraded).because("below 15 %"),
///             _ => Health::Healthy.into(),
///         }
///     }
/// }
///
/// let check: Box<dyn HealthCheck> = Box::new(FreeDisk { free_ratio: 0.1 });
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// assert_eq!(runtime.block_on(check.check()).health, Health::Degraded);
/// # Ok::<(), std::io::Error>(())
/// ```
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// The check's name, unique among the checks it runs with.
    ///
    /// # Example
    ///
    /// See [`HealthCheck`].
    fn name(&self) -> &str;

    /// Whether the whole is critical when this part is; true unless said otherwise.
    ///
    /// # Example
    ///
    /// See [`HealthCheck`].
    fn critical(&self) -> bool {
        true
    }

    /// Looks how the part is doing.
    ///
    /// # Cancel safety
    ///
    /// Implementations must be cancel safe: a check that takes too long is dropped and counts as
    /// [`Health::Unknown`].
    ///
    /// # Example
    ///
    /// See [`HealthCheck`].
    async fn check(&self) -> HealthReport;
}
