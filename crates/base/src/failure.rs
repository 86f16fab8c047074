//! What failed, when, where, and how badly.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::id::CorrelationId;
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// The sort of a failure.
///
/// # Example
///
/// ```
/// use steadfast_base::FailureKind;
///
/// assert_eq!(FailureKind::ResourceExhausted.as_str(), "resource-exhausted");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureKind {
    /// An operation answered with an error.
    Error,
    /// Code panicked.
    Panic,
    /// The answer did not come in time.
    Timeout,
    /// The call was turned away: an open breaker, a full bulkhead, a rate limit, load shedding.
    Rejection,
    /// Memory, disk, handles, permits or the like ran out.
    ResourceExhausted,
    /// Behavior far outside of what is usual.
    AnomalyDetected,
    /// Replicas or voters did not agree.
    ConsensusFailure,
    /// The actor was killed.
    Killed,
    /// A supervisor's restart budget was spent.
    Meltdown,
    /// A supervisor passed a child's failure up.
    Escalated,
    /// An actor could not be started.
    StartFailed,
}

impl FailureKind {
    /// The kind's name, as it is shown and serialized.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::FailureKind::StartFailed.as_str(), "start-failed");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Rejection => "rejection",
            Self::ResourceExhausted => "resource-exhausted",
            Self::AnomalyDetected => "anomaly-detected",
            Self::ConsensusFailure => "consensus-failure",
            Self::Killed => "killed",
            Self::Meltdown => "meltdown",
            Self::Escalated => "escalated",
            Self::StartFailed => "start-failed",
        }
    }

    /// How bad a failure of this kind is if nothing more is known.
    ///
    /// | Kind | Severity | Why |
    /// |---|---|---|
    /// | `Rejection` | 0.2 | protection at work |
    /// | `Timeout`, `Killed` | 0.4 | often passes, or was meant |
    /// | `Error`, `AnomalyDetected` | 0.5 | one operation |
    /// | `Panic`, `StartFailed`, `ConsensusFailure` | 0.7 | a bug, or a part that is missing |
    /// | `ResourceExhausted`, `Escalated` | 0.8 | others are next |
    /// | `Meltdown` | 1.0 | restarting did not help |
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::FailureKind;
    ///
    /// assert!(FailureKind::Meltdown.severity() > FailureKind::Timeout.severity());
    /// ```
    pub fn severity(self) -> Severity {
        Severity(match self {
            Self::Rejection => 0.2,
            Self::Timeout | Self::Killed => 0.4,
            Self::Error | Self::AnomalyDetected => 0.5,
            Self::Panic | Self::StartFailed | Self::ConsensusFailure => 0.7,
            Self::ResourceExhausted | Self::Escalated => 0.8,
            Self::Meltdown => 1.0,
        })
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How bad a failure is, from 0 (harmless) to 1 (worst).
///
/// Never NaN, so it is totally ordered.
///
/// # Example
///
/// ```
/// use steadfast_base::Severity;
///
/// assert_eq!(Severity::new(0.25).as_f64(), 0.25);
/// assert_eq!(Severity::new(7.0), Severity::WORST);
/// ```
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Severity(f64);

impl Severity {
    /// Severity 0: harmless.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Severity::HARMLESS.as_f64(), 0.0);
    /// ```
    pub const HARMLESS: Self = Self(0.0);

    /// Severity 1: the worst there is.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Severity::WORST.as_f64(), 1.0);
    /// ```
    pub const WORST: Self = Self(1.0);

    /// A severity; values outside 0..=1 count as the nearer end, NaN as the worst.
    ///
    /// NaN counts as the worst because a severity that could not be computed must not hide a
    /// failure.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Severity;
    ///
    /// assert_eq!(Severity::new(-3.0), Severity::HARMLESS);
    /// assert_eq!(Severity::new(f64::NAN), Severity::WORST);
    /// ```
    pub fn new(severity: f64) -> Self {
        if severity.is_nan() {
            return Self::WORST;
        }
        // Adding zero turns a negative zero into the positive one.
        Self(severity.clamp(0.0, 1.0) + 0.0)
    }

    /// The severity as a number in 0..=1.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Severity::new(0.5).as_f64(), 0.5);
    /// ```
    pub fn as_f64(self) -> f64 {
        self.0
    }
}

impl From<f64> for Severity {
    fn from(severity: f64) -> Self {
        Self::new(severity)
    }
}

impl From<Severity> for f64 {
    fn from(severity: Severity) -> Self {
        severity.0
    }
}

impl PartialEq for Severity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Severity {}

impl PartialOrd for Severity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Severity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Severity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One failure, as it is kept in histories, events and exports.
///
/// Bounded by its builder methods: a message beyond [`MESSAGE_BYTES_MAX`](Self::MESSAGE_BYTES_MAX)
/// is cut and ends in `…`; a propagation path beyond [`HOPS_MAX`](Self::HOPS_MAX) keeps its first
/// hops, which lead to the cause.
///
/// # Example
///
/// ```
/// use steadfast_base::{FailureKind, FailureRecord, Timestamp};
///
/// let record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Panic, "index out of bounds")
///     .with_actor("/flights/N14228")
///     .with_hop("/flights");
/// assert_eq!(record.to_string(), "panic in /flights/N14228: index out of bounds");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailureRecord {
    /// When it happened.
    pub at: Timestamp,
    /// What sort of failure it was.
    pub kind: FailureKind,
    /// The path of the actor it happened in, if it was one.
    pub actor: Option<String>,
    /// What the error said.
    pub message: String,
    /// The piece of work it happened in.
    pub correlation: Option<CorrelationId>,
    /// Whom it reached, from the place where it happened outwards.
    pub propagation: Vec<String>,
    /// How bad it was; by default that of its kind.
    pub severity: Severity,
}

impl FailureRecord {
    /// The longest message kept, in bytes: enough for an error with its causes, not for a payload.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{FailureKind, FailureRecord, Timestamp};
    ///
    /// let long = "x".repeat(1 << 20);
    /// let record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Error, long);
    /// assert!(record.message.len() <= FailureRecord::MESSAGE_BYTES_MAX);
    /// ```
    pub const MESSAGE_BYTES_MAX: usize = 4_096;

    /// The most hops kept in the propagation path: deeper than any sensible supervision tree.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(steadfast_base::FailureRecord::HOPS_MAX >= 32);
    /// ```
    pub const HOPS_MAX: usize = 64;

    /// A record with the severity of its kind and nothing else known.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{FailureKind, FailureRecord, Timestamp};
    ///
    /// let record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Error, "disk is gone");
    /// assert_eq!(record.severity, FailureKind::Error.severity());
    /// ```
    pub fn new(at: Timestamp, kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            at,
            kind,
            actor: None,
            message: cut(message.into()),
            correlation: None,
            propagation: Vec::new(),
            severity: kind.severity(),
        }
    }

    /// Sets the path of the actor it happened in.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{FailureKind, FailureRecord, Timestamp};
    ///
    /// let record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Error, "no")
    ///     .with_actor("/bank/acc-42");
    /// assert_eq!(record.actor.as_deref(), Some("/bank/acc-42"));
    /// ```
    #[must_use]
    pub fn with_actor(mut self, path: impl Into<String>) -> Self {
        self.actor = Some(path.into());
        self
    }

    /// Sets the piece of work it happened in.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CorrelationId, FailureKind, FailureRecord, Timestamp};
    ///
    /// let id = CorrelationId::from_u128(3);
    /// let record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Error, "no")
    ///     .with_correlation(id);
    /// assert_eq!(record.correlation, Some(id));
    /// ```
    #[must_use]
    pub fn with_correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// Adds the next one it reached; ignored once the path is full.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{FailureKind, FailureRecord, Timestamp};
    ///
    /// let record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Escalated, "no")
    ///     .with_hop("/bank/vault")
    ///     .with_hop("/bank");
    /// assert_eq!(record.propagation, ["/bank/vault", "/bank"]);
    /// ```
    #[must_use]
    pub fn with_hop(mut self, path: impl Into<String>) -> Self {
        if self.propagation.len() < Self::HOPS_MAX {
            self.propagation.push(path.into());
        }
        self
    }

    /// Sets how bad it was.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{FailureKind, FailureRecord, Severity, Timestamp};
    ///
    /// let record = FailureRecord::new(Timestamp::UNIX_EPOCH, FailureKind::Error, "no")
    ///     .with_severity(Severity::WORST);
    /// assert_eq!(record.severity, Severity::WORST);
    /// ```
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// Cuts a message at its longest length, at a character's end.
fn cut(mut message: String) -> String {
    const MARK: char = '…';
    if message.len() > FailureRecord::MESSAGE_BYTES_MAX {
        let room = FailureRecord::MESSAGE_BYTES_MAX - MARK.len_utf8();
        message.truncate(message.floor_char_boundary(room));
        message.push(MARK);
        message.shrink_to_fit();
    }
    message
}

impl fmt::Display for FailureRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.actor {
            Some(path) => write!(f, "{} in {path}: {}", self.kind, self.message),
            None => write!(f, "{}: {}", self.kind, self.message),
        }
    }
}
