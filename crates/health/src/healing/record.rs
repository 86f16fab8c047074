//! What healing did and what it waits for, as operators see it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use steadfast_base::Timestamp;

use super::governor::GovernorRule;

/// How an act ended.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "reason")]
pub enum HealingOutcome {
    /// The action did what it should.
    Succeeded,
    /// It failed, for this reason.
    Failed(String),
    /// It did not end within its time and was dropped.
    TimedOut,
    /// It panicked, with this text.
    Panicked(String),
}

impl HealingOutcome {
    /// The name, as it is serialized.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_health::HealingOutcome::TimedOut.as_str(), "timed_out");
    /// ```
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::TimedOut => "timed_out",
            Self::Panicked(_) => "panicked",
        }
    }

    /// Why it did not succeed, as far as that is known.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_health::HealingOutcome::Succeeded.reason(), "");
    /// ```
    pub fn reason(&self) -> &str {
        match self {
            Self::Failed(reason) | Self::Panicked(reason) => reason,
            Self::Succeeded | Self::TimedOut => "",
        }
    }
}

/// One act of healing that has ended.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HealingRecord {
    /// Its number; acts are numbered from 1 in the order in which they began.
    pub number: u64,
    /// The component.
    pub component: String,
    /// The action.
    pub action: String,
    /// Why the component was unwell.
    pub reason: String,
    /// Who approved it, if it had to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    #[serde(serialize_with = "in_seconds", rename = "took_seconds")]
    pub took: Duration,
    /// How it ended.
    pub outcome: HealingOutcome,
    /// Whether the component was well at the next look; none before that.
    pub recovered: Option<bool>,
}

/// Acts since the start, counted beyond what the history remembers.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HealingStats {
    /// Acts that have ended.
    pub ended: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those after which the component was well at the next look.
    pub recovered: u64,
}

impl HealingStats {
    /// The share of acts that succeeded; none before the first has ended.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_health::HealingStats::default().success_rate(), None);
    /// ```
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more than 53 bits of its counts"
    )]
    pub fn success_rate(&self) -> Option<f64> {
        (self.ended > 0).then(|| self.succeeded as f64 / self.ended as f64)
    }
}

/// What healing is doing about one component.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealingPhase {
    /// Nothing; it would act if the component were unwell.
    Watching,
    /// It waits for an operator's answer, or for the governor after it was approved.
    AwaitingApproval,
    /// It acts.
    Acting,
    /// It acted, or was refused, and lets the cooldown pass.
    CoolingDown,
}

/// What is known of one component.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentStatus {
    /// Its name.
    pub component: String,
    /// What is being done about it.
    pub phase: HealingPhase,
    /// Why it was unwell at the last look, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unwell: Option<String>,
    /// The rule by which the governor puts its act off, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred_by: Option<GovernorRule>,
    /// Its acts.
    pub stats: HealingStats,
}

/// An act that waits for an operator.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApprovalRequest {
    /// Its number, to answer it by.
    pub id: u64,
    /// The component.
    pub component: String,
    /// The action.
    pub action: String,
    /// Why the component is unwell.
    pub reason: String,
    /// Time left to answer.
    #[serde(serialize_with = "in_seconds", rename = "expires_in_seconds")]
    pub expires_in: Duration,
    /// Who approved it, if it only waits for the governor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
}

fn in_seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

/// No request for approval of this number waits for an answer.
///
/// It was answered, expired, or withdrawn because the component recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRequest(pub(super) u64);

impl fmt::Display for UnknownRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no request {} waits for approval", self.0)
    }
}

impl Error for UnknownRequest {}
