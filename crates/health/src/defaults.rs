//! The default of every setting of this crate, with its reason.

use std::time::Duration;

/// Time between two runs of a check; often enough to act, rare enough to cost nothing.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(30);
/// Longest time for one run of a check; slower than this is no answer.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// Failures in a row that make a check unhealthy; one lost packet must not.
pub const FAILURE_THRESHOLD: u32 = 3;
/// Passes in a row that make an unhealthy check healthy again; one lucky answer must not.
pub const SUCCESS_THRESHOLD: u32 = 2;

/// Time between two looks at the components that can be healed.
pub const HEALING_INTERVAL: Duration = Duration::from_mins(1);
/// Shortest time between two acts on one component; an act needs time to show its effect.
pub const HEALING_COOLDOWN: Duration = Duration::from_mins(5);
/// Longest time to find out whether a component is unwell.
pub const CONDITION_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for one act.
pub const ACTION_TIMEOUT: Duration = Duration::from_mins(1);
/// Healing acts allowed within [`GOVERNOR_WINDOW`]; more means that acting does not help.
pub const GOVERNOR_ACTIONS_MAX: usize = 10;
/// The sliding time that the acts are counted in.
pub const GOVERNOR_WINDOW: Duration = Duration::from_mins(10);
/// Share of the components that may be acted on at once; one is always allowed.
pub const GOVERNOR_SHARE_MAX: f64 = 0.25;
/// How long after its act a component still counts as acted on.
pub const GOVERNOR_SETTLE: Duration = Duration::from_mins(1);
/// Time an operator has to answer; a restart asked for at night must not happen at noon.
pub const APPROVAL_EXPIRY: Duration = Duration::from_mins(15);
/// Acts that the history remembers.
pub const HISTORY_MAX: usize = 256;

/// Time between two readings of the resources.
pub const READING_INTERVAL: Duration = Duration::from_secs(5);
/// Longest time for one reading.
pub const READING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the last reading of a monitor counts that gives no other.
pub const READING_STALE: Duration = Duration::from_mins(1);
/// Processor use above which the system is degraded.
pub const CPU_DEGRADED: f64 = 0.7;
/// Processor use above which it does the minimum only.
pub const CPU_MINIMAL: f64 = 0.9;
/// Memory use above which the system is degraded.
pub const MEMORY_DEGRADED: f64 = 0.8;
/// Memory use above which it does the minimum only.
pub const MEMORY_MINIMAL: f64 = 0.9;
/// Disk use above which it does the minimum only.
pub const DISK_MINIMAL: f64 = 0.95;
/// A level is left only this far below what enters it, so that it does not flap.
pub const LEVEL_MARGIN: f64 = 0.05;
/// How long all must be calm before a level is left.
pub const LEVEL_LEAVE_AFTER: Duration = Duration::from_mins(1);
/// How long a threshold must be exceeded before its level is entered: at once.
pub const LEVEL_ENTER_AFTER: Duration = Duration::ZERO;

/// Time between two scans for leaks; a leak that matters lasts longer.
pub const LEAK_INTERVAL: Duration = Duration::from_mins(1);
/// Share of its memory above which the process leaks.
pub const LEAK_MEMORY_SHARE: f64 = 0.8;
/// Open file handles above which the process leaks; the usual limit of a process is 1,024.
pub const LEAK_FILE_HANDLES: usize = 1_000;
/// Open connections above which the process leaks.
pub const LEAK_CONNECTIONS: usize = 100;
/// Tasks above which a system leaks; each costs memory, and most systems have far fewer.
pub const LEAK_TASKS: usize = 10_000;
/// Permits out above which they leak; more than bulkheads usually have.
pub const LEAK_PERMITS: usize = 1_000;
/// Actors above which a system leaks; idle ones are cheap, so there may be many.
pub const LEAK_ACTORS: usize = 100_000;
/// Time after which a thing still held is a leak; well beyond any time-out of a call.
pub const LEAK_HELD_MAX: Duration = Duration::from_mins(5);
/// Of so many acquires one is tracked; what that costs is lost in the cost of an acquire.
pub const LEAK_SAMPLE_ONE_IN: usize = 128;
/// Things that one tracker watches at once; at one in 128 they stand for 131,072.
pub const LEAK_TRACKED_MAX: usize = 1_024;
/// Readings that growth is judged on: an hour of scans.
pub const GROWTH_SAMPLES: usize = 60;
/// Readings needed for a verdict on growth; a service that warms up grows for a while.
pub const GROWTH_SAMPLES_MIN: usize = 30;
/// Confidence of the verdict on growth; a false alarm each week is one too many.
pub const GROWTH_CONFIDENCE: f64 = 0.99;
/// Growth that is worth a report, as a share of the limit.
pub const GROWTH_SHARE_MIN: f64 = 0.05;
/// Growth is reported if the limit would be reached within this time.
pub const GROWTH_HORIZON: Duration = Duration::from_hours(24);
