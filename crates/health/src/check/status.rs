//! What checks are known to be: each one's state, the whole, and the error of a failed whole.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use steadfast_base::Health;

/// The verdict on one check.
///
/// ```text
///             passed                     failure_threshold failures in a row
///   Unknown ----------> Healthy  --------------------------------------------> Unhealthy
///      ^                Degraded <--------------------------------------------     |
///      |                          success_threshold passes in a row                |
///      | all that it needs is back                                                 |
///      +----------------------- Blocked <--- something that it needs is down ------+ (from any)
/// ```
///
/// Below a threshold a check stays what it was: that is what thresholds are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Neither passed nor failed often enough since the start, or since it was blocked.
    #[default]
    Unknown,
    /// It passes.
    Healthy,
    /// It passes and says that something is not as it should be.
    Degraded,
    /// It failed too often in a row.
    Unhealthy,
    /// It is not run, and not blamed: something that it needs is down.
    Blocked,
}

impl CheckState {
    /// The state on the common scale: unhealthy is critical, blocked is unknown.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Health;
    /// use steadfast_health::CheckState;
    ///
    /// assert_eq!(CheckState::Unhealthy.health(), Health::Critical);
    /// ```
    pub fn health(self) -> Health {
        match self {
            Self::Healthy => Health::Healthy,
            Self::Degraded => Health::Degraded,
            Self::Unhealthy => Health::Critical,
            Self::Unknown | Self::Blocked => Health::Unknown,
        }
    }

    /// Whether the last verdict was a pass.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(steadfast_health::CheckState::Degraded.is_up());
    /// ```
    pub fn is_up(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }

    /// Whether checks that need this one are blocked.
    pub(super) fn is_down(self) -> bool {
        matches!(self, Self::Unhealthy | Self::Blocked)
    }

    /// The name, as it is serialized.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_health::CheckState::Blocked.as_str(), "blocked");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Blocked => "blocked",
        }
    }
}

impl fmt::Display for CheckState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of one check.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckStatus {
    /// The check's name.
    pub name: String,
    /// The verdict.
    pub state: CheckState,
    /// Whether the whole is critical when it is unhealthy: it is critical itself, or one that needs
    /// it is.
    pub critical: bool,
    /// Whether liveness depends on it.
    pub liveness: bool,
    /// Why it is what it is, or what its last run said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The unhealthy check that blocks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// Failures since the last pass.
    pub failures_in_a_row: u32,
    /// Passes since the last failure.
    pub successes_in_a_row: u32,
    /// Time since its last result; none before the first.
    #[serde(serialize_with = "maybe_seconds", rename = "age_seconds")]
    pub age: Option<Duration>,
    /// How long its last run took.
    #[serde(serialize_with = "maybe_seconds", rename = "took_seconds")]
    pub took: Option<Duration>,
    /// Whether it has passed since the start.
    pub passed_once: bool,
}

impl CheckStatus {
    /// What it adds to the whole: an unhealthy check that is not critical degrades it.
    pub(super) fn weight(&self) -> Health {
        match self.state.health() {
            Health::Critical if !self.critical => Health::Degraded,
            health => health,
        }
    }

    /// One line for an operator.
    fn explain(&self) -> String {
        let Self { name, state, .. } = self;
        match &self.reason {
            Some(reason) => format!("{name} is {state}: {reason}"),
            None => format!("{name} is {state}"),
        }
    }
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn maybe_seconds<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(serializer)
}

/// What is known of all checks, at one moment.
///
/// The whole is as healthy as its worst check, where an unhealthy check that is not critical counts
/// as degraded. Without checks it is unknown.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HealthSummary {
    /// The health of the whole.
    pub health: Health,
    /// The checks that make it no better than that; none while it is healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Every check, in the order in which they were added.
    pub checks: Vec<CheckStatus>,
}

/// Checks that a reason names one by one.
const REASONS_NAMED: usize = 3;

impl HealthSummary {
    pub(super) fn new(checks: Vec<CheckStatus>) -> Self {
        let health = Health::worst_of(checks.iter().map(CheckStatus::weight));
        let reason = (health != Health::Healthy).then(|| reason(health, &checks));
        Self { health, reason, checks }
    }

    /// The status of one check.
    pub fn check(&self, name: &str) -> Option<&CheckStatus> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// Every unhealthy check. Blocked ones are not among them: those that block them are.
    pub fn failed_checks(&self) -> Vec<FailedCheck> {
        let failed = self.checks.iter().filter(|check| check.state == CheckState::Unhealthy);
        failed
            .map(|check| FailedCheck {
                name: check.name.clone(),
                critical: check.critical,
                reason: check.reason.clone().unwrap_or_default(),
            })
            .collect()
    }

    /// The summary itself, unless the whole is critical.
    ///
    /// # Errors
    ///
    /// Fails with the checks that failed if the whole is critical. Degraded and unknown pass.
    pub fn into_result(self) -> Result<Self, ChecksFailed> {
        if self.health == Health::Critical {
            Err(ChecksFailed { failed_checks: self.failed_checks() })
        } else {
            Ok(self)
        }
    }

    /// Whether work may be sent here: every critical check is up.
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| !check.critical || check.state.is_up())
    }

    /// Whether every critical check has passed since the start.
    pub fn is_started(&self) -> bool {
        self.checks.iter().all(|check| !check.critical || check.passed_once)
    }

    /// Whether no check that liveness depends on is unhealthy.
    pub fn is_alive(&self) -> bool {
        !self.checks.iter().any(|check| check.liveness && check.state == CheckState::Unhealthy)
    }
}

fn reason(health: Health, checks: &[CheckStatus]) -> String {
    let worst: Vec<String> =
        checks.iter().filter(|check| check.weight() == health).map(CheckStatus::explain).collect();
    if worst.is_empty() {
        return "there are no checks".to_owned();
    }
    let named = worst.iter().take(REASONS_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    match worst.len().checked_sub(REASONS_NAMED).filter(|more| *more > 0) {
        Some(more) => format!("{named}; and {more} more"),
        None => named,
    }
}

/// A check that is unhealthy, and why.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedCheck {
    /// The check's name.
    pub name: String,
    /// Whether it makes the whole critical.
    pub critical: bool,
    /// What its last failure said.
    pub reason: String,
}

/// The whole is critical: the checks that failed.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChecksFailed {
    /// Every unhealthy check, in the order in which they were added; at least one is critical.
    pub failed_checks: Vec<FailedCheck>,
}

impl fmt::Display for ChecksFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("health checks failed: ")?;
        for (index, check) in self.failed_checks.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{} ({})", check.name, check.reason)?;
        }
        Ok(())
    }
}

impl Error for ChecksFailed {}
