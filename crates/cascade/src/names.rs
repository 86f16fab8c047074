//! The names of events and of their fields.

/// A key was blocked; fields `key`, `ttl`.
pub const QUARANTINE_BLOCKED: &str = "cascade.quarantine.blocked";
/// A key is free again; field `key`.
pub const QUARANTINE_RELEASED: &str = "cascade.quarantine.released";
/// Emergency mode was entered; fields `success`, `capacity`.
pub const EMERGENCY_ENTERED: &str = "cascade.emergency.entered";
/// Emergency mode was left; field `after`.
pub const EMERGENCY_LEFT: &str = "cascade.emergency.left";

/// The key, as it prints for debugging.
pub const KEY: &str = "key";
/// For how long a key is blocked.
pub const TTL: &str = "ttl";
/// The share of calls that succeeded, 0 to 1.
pub const SUCCESS: &str = "success";
/// Calls a second that are let in.
pub const CAPACITY: &str = "capacity";
/// How long it lasted.
pub const AFTER: &str = "after";
