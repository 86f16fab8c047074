//! Defaults of what is not set, each with its reason.

use std::time::Duration;

/// Time between two looks at the configuration file: soon enough for an operator who waits for it.
pub const FILE_LOOK_EVERY: Duration = Duration::from_secs(2);
/// The least time that a bulkhead's failures count in the health of its component: long enough for a
/// few calls a minute to show, short enough for a recovery to be seen.
pub const RECENT: Duration = Duration::from_mins(1);
