//! The default of every setting of a breaker, with its reason.

use std::time::Duration;

/// Calls that a default window remembers; a rate of one per cent is still visible.
pub const WINDOW_CALLS: u32 = 100;
/// Results needed before a rate is judged; fewer make a rate a matter of luck.
pub const MIN_CALLS: u32 = 10;
/// Failure rate that opens; half of all calls failing helps nobody.
pub const FAILURE_RATE: f64 = 0.5;
/// Slow-call rate that opens.
pub const SLOW_RATE: f64 = 0.5;
/// A call that takes longer than this is slow.
pub const SLOW_CALL: Duration = Duration::from_secs(1);
/// Failures in a row that open; a dead peer is noticed long before a window fills.
pub const CONSECUTIVE_FAILURES: u32 = 5;
/// Time from opening to the first probe.
pub const OPEN_WAIT: Duration = Duration::from_mins(1);
/// Longest open wait, however often probing failed.
pub const OPEN_WAIT_MAX: Duration = Duration::from_hours(1);
/// Probes that may be under way at once while half-open.
pub const HALF_OPEN_CALLS: u32 = 3;
/// Successful probes that close.
pub const CLOSING_SUCCESSES: u32 = 3;
/// Longest time for one health check.
pub const HEALTH_CHECK_TIMEOUT: Duration = Duration::from_secs(5);
