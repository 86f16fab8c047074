//! The most of everything that a policy keeps or does.

use std::time::Duration;

/// Most attempts of a retry.
pub const RETRY_ATTEMPTS_MAX: u32 = 1_000;
/// Longest wait between attempts.
pub const RETRY_WAIT_MAX: Duration = Duration::from_hours(24);
/// Most tokens of a budget.
pub const BUDGET_TOKENS_MAX: u32 = 1_000_000;
/// Most extra calls that a second earns.
pub const BUDGET_PER_SECOND_MAX: f64 = 1_000_000.0;
/// Longest time-out or total deadline.
pub const TIMEOUT_MAX: Duration = Duration::from_hours(24 * 7);
/// Keys of a cache of last good values; at the maximum the oldest value makes room.
pub const LAST_GOOD_KEYS_MAX: usize = 100_000;
/// Largest settings file; a larger one is refused.
pub const SETTINGS_BYTES_MAX: u64 = 1024 * 1024;
