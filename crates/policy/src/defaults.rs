//! The default of every setting, with its reason.

use std::time::Duration;

/// Attempts of a retry, the first one included; more rarely help and always cost.
pub const RETRY_ATTEMPTS: u32 = 3;
/// Wait before the first retry.
pub const RETRY_BASE: Duration = Duration::from_millis(100);
/// Growth of an exponential backoff.
pub const RETRY_FACTOR: f64 = 2.0;
/// Longest backoff, jitter not counted.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(30);
/// Share of a wait that is added at random, so that callers that failed together come back apart.
pub const RETRY_JITTER: f64 = 0.1;
/// Longest wait that a callee may ask for; the call is given up instead of waiting longer.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// Extra calls earned by each first attempt (SRE book, "Addressing cascading failures").
pub const BUDGET_RATIO: f64 = 0.1;
/// Extra calls earned by each second, so that rare callers can retry at all (Finagle).
pub const BUDGET_PER_SECOND: f64 = 10.0;
/// Extra calls that can be saved up.
pub const BUDGET_BURST: u32 = 10;

/// Calls that must have ended well or failed before a bulkhead's failure rate makes it critical; fewer
/// make a rate a matter of luck.
pub const HEALTH_MIN_CALLS: u64 = 10;

/// Time from one look at a settings file to the next: soon enough for an operator, cheap enough for ever.
pub const SETTINGS_LOOK_EVERY: Duration = Duration::from_secs(2);
