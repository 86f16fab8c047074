//! The most of everything that a breaker keeps.

use std::time::Duration;

/// Largest window in calls; two bits each, so 256 KiB per breaker.
pub const WINDOW_CALLS_MAX: u32 = 1_000_000;
/// Longest time window.
pub const WINDOW_TIME_MAX: Duration = Duration::from_hours(24);
/// Most probes at once while half-open.
pub const HALF_OPEN_CALLS_MAX: u32 = 10_000;
/// Largest failure limit; the time of each failure is kept, eight bytes each.
pub const FAILURE_LIMIT_MAX: u32 = 100_000;

/// Changes that a machine keeps until they are taken; then the oldest is forgotten.
pub const UNTAKEN_CHANGES_MAX: usize = 64;
/// Listeners of one breaker; one more is refused.
pub const LISTENERS_MAX: usize = 64;
/// Health checks of one breaker; one more is refused.
pub const HEALTH_CHECKS_MAX: usize = 32;
