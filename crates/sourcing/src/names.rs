//! Names of the events that entities emit to a `Sink`, and of their fields.

/// An entity came into memory. Fields: entity, seq, snapshot (0 for none), events, passed-over.
pub const RECOVERED: &str = "sourcing.recovered";
/// An entity could not be recovered. Fields: entity, seq, message.
pub const RECOVERY_FAILED: &str = "sourcing.recovery-failed";
/// Somebody else wrote events of an entity; it recovers again. Fields: entity, seq, actual.
pub const CONFLICT: &str = "sourcing.conflict";
/// Entities take no commands any more. Fields: kind, message.
pub const GATE_CLOSED: &str = "sourcing.gate-closed";
/// The log was opened again; entities take commands. Fields: kind.
pub const REOPENED: &str = "sourcing.reopened";
/// A snapshot was saved. Fields: entity, seq.
pub const SNAPSHOT_SAVED: &str = "sourcing.snapshot-saved";
/// A snapshot could not be saved, or what it makes superfluous not deleted. Fields: entity, seq, message.
pub const SNAPSHOT_FAILED: &str = "sourcing.snapshot-failed";

pub(crate) const ACTUAL: &str = "actual";
pub(crate) const ENTITY: &str = "entity";
pub(crate) const EVENTS: &str = "events";
pub(crate) const KIND: &str = "kind";
pub(crate) const MESSAGE: &str = "message";
pub(crate) const PASSED_OVER: &str = "passed-over";
pub(crate) const SEQ: &str = "seq";
pub(crate) const SNAPSHOT: &str = "snapshot";
