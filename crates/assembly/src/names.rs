//! The names of events and of their fields; those of the parts are in the parts' crates.

/// A configuration is in force; fields `source` (`code` or `file`).
pub const CONFIG_APPLIED: &str = "assembly.config.applied";
/// A configuration was refused and the old one stays; fields `source`, `error`.
pub const CONFIG_REFUSED: &str = "assembly.config.refused";
