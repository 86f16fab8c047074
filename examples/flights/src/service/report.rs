//! What the calls to one service came to.

use serde::{Deserialize, Serialize};

/// The calls to one service over a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// Lookups made; each ends as answered, not found or unanswered.
    pub calls: u64,
    /// Lookups that the service answered with a record.
    pub answered: u64,
    /// Lookups that it answered with: there is no such record.
    pub not_found: u64,
    /// Lookups without an answer, whatever was tried.
    pub unanswered: u64,
    /// Requests that reached the service.
    pub requests: u64,
    /// Requests that failed: errors and time-outs.
    pub failed: u64,
    /// Of the failed requests, those that were given up for want of an answer.
    pub timed_out: u64,
    /// Calls saved: requests that the open breaker did not let through.
    pub rejected_by_breaker: u64,
    /// Requests that found no place in the bulkhead.
    pub rejected_by_bulkhead: u64,
    /// Further attempts that were scheduled after a failed one.
    pub retried: u64,
    /// What was used in place of answers.
    pub fallbacks: Fallbacks,
    /// Outages that were planned.
    pub outages: u64,
    /// The breaker's state at the end.
    pub breaker_state: String,
    /// Times the breaker opened.
    pub breaker_opened: u64,
    /// Changes of the breaker's state.
    pub breaker_changes: u64,
    /// The last of them, at most 100, in simulated time (UTC).
    pub breaker_history: Vec<BreakerChange>,
}

/// Answers in place of those that did not come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallbacks {
    /// The last good answer for the same key.
    pub last_good: u64,
    /// Nothing was known.
    pub unknown: u64,
}

/// A change of a breaker's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerChange {
    /// When, in simulated time (UTC).
    pub at: String,
    /// The state before.
    pub from: String,
    /// The state from then on.
    pub to: String,
    /// Why.
    pub cause: String,
}
