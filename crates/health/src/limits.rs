//! The limits of this crate; a configuration beyond one is refused.

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
