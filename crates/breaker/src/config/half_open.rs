//! How a breaker probes whether it may close.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::defaults;

use super::serde_forms::seconds;

/// How probing is bounded and judged while half-open.
///
/// # Example
///
/// ```
/// use steadfast_breaker::{HalfOpen, ProbeVerdict};
///
/// assert_eq!(HalfOpen::default().verdict, ProbeVerdict::Successes(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HalfOpen {
    /// Probes under way at once; further calls are rejected, not queued. With
    /// [`ProbeVerdict::Rate`] also the number of results that probing may collect.
    pub calls: u32,
    /// What closes and what re-opens.
    pub verdict: ProbeVerdict,
    /// How long a probe may stay unanswered before probing ends without a verdict.
    pub max_wait: ProbeWait,
    /// Where probing ends when `max_wait` has passed.
    pub then: AfterProbeWait,
}

impl Default for HalfOpen {
    fn default() -> Self {
        Self {
            calls: defaults::HALF_OPEN_CALLS,
            verdict: ProbeVerdict::Successes(defaults::CLOSING_SUCCESSES),
            max_wait: ProbeWait::OpenWait,
            then: AfterProbeWait::Open,
        }
    }
}

/// What closes a half-open breaker and what re-opens it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeVerdict {
    /// The first failed or slow probe re-opens, so many successes close.
    Successes(u32),
    /// The rates are judged once, when the smaller of `min_calls` and `half_open.calls` results are in.
    Rate,
}

/// How long a half-open breaker waits for an unanswered probe.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeWait {
    /// As long as the first open wait.
    OpenWait,
    /// This long.
    For(#[serde(with = "seconds")] Duration),
    /// For ever: a probe that never reports keeps its place.
    Unlimited,
}

/// Where a half-open breaker goes when a probe stayed unanswered for too long.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterProbeWait {
    /// Back to open.
    Open,
    /// To closed.
    Closed,
}
