//! Every limit of snapshots, by name; what happens at each is said beside it.

/// The greatest state in bytes (256 MiB); saving a greater one, or loading one that says so, is an error.
///
/// A state of this size takes a second to load; an actor with more needs another design.
pub const STATE_BYTES_MAX: u64 = 256 << 20;

/// The most bytes of the metadata (16 KiB): keys, values, and eight for each pair; more is an error.
pub const METADATA_BYTES_MAX: usize = 16 << 10;

/// How many snapshots are tried before giving up, the newest included; Pekko's `max-load-attempts`.
pub const LOAD_ATTEMPTS_MAX: usize = 3;

/// How many calls wait for a thread of the file store; further ones wait to be let in.
pub const QUEUE_MAX: usize = 64;

/// How many snapshots of an actor are kept by default: as many as are tried.
pub const KEEP: usize = LOAD_ATTEMPTS_MAX;
