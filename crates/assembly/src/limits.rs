//! The most of everything that an assembled system keeps.

use std::time::Duration;

/// Most components of one system; each is at most one health check of the
/// [`CHECKS_MAX`](steadfast_health::limits::CHECKS_MAX) that a checker runs.
pub const COMPONENTS_MAX: usize = 1_000;
/// Longest name of a component.
pub const NAME_BYTES_MAX: usize = 128;
/// Largest configuration file; a larger one is refused.
pub const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// How long a stop waits for tasks to end.
pub const STOP_WAIT: Duration = Duration::from_secs(5);
