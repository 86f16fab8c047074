//! The limits of this crate; a configuration beyond one is refused.

use std::time::Duration;

/// The shortest time between two runs, looks or readings.
pub const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// Checks of one checker.
pub const CHECKS_MAX: usize = 256;
/// Components of one self-healing.
pub const COMPONENTS_MAX: usize = 256;
/// Acts that a history can be told to remember.
pub const HISTORY_MAX: usize = 10_000;
/// Acts that a governor's window can be told to allow.
pub const GOVERNOR_ACTIONS_MAX: usize = 10_000;
/// Monitors of one degradation.
pub const MONITORS_MAX: usize = 64;
/// Features of one degradation: one word of switches, so that they change all at once.
pub const FEATURES_MAX: usize = 64;
/// Levels of one degradation.
pub const LEVELS_MAX: usize = 16;
/// Bytes of a reason that are kept; a longer one is cut.
pub const REASON_BYTES_MAX: usize = 512;
/// Gauges of one leak detector, beside those of the process and the system.
pub const GAUGES_MAX: usize = 256;
/// Trackers of one leak detector; one more is refused.
pub const LEAK_TRACKERS_MAX: usize = 256;
/// Things that a tracker can be told to watch at once.
pub const TRACKED_MAX: usize = 100_000;
/// The rarest sampling that can be asked for.
pub const SAMPLE_ONE_IN_MAX: usize = 65_536;
/// The highest limit of a count of the configuration.
pub const LEAK_COUNT_MAX: usize = 1_000_000_000;
/// Reports that a leak detector keeps; then the oldest makes room.
pub const LEAK_REPORTS_KEPT: usize = 1_024;
/// Messages of a chaos that are kept while links are cut; then the oldest is dropped before its time.
pub const CUT_MESSAGES_MAX: usize = 1_024;
