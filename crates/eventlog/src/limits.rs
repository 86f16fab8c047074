//! Every limit of the log, by name; what happens at each is said beside it.

/// The most bytes of one event, with its names (1 MiB); an append beyond is `TooLarge`.
///
/// A payload of this size still fits a frame four times over. Larger things belong into a file or an object
/// store, with the event naming them.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// What an event weighs at most beside its names and payload: the columns of its envelope.
pub const EVENT_OVERHEAD_BYTES: usize = 108;

/// The most events of one batch; an append beyond is `TooLarge`.
///
/// As many as fit a frame when small, so that a batch is whole or absent after a crash.
pub const BATCH_EVENTS_MAX: usize = 10_000;

/// The most bytes of one batch (3 MiB); an append beyond is `TooLarge`.
///
/// Leaves room for headers in a frame of 4 MiB: a batch is never split over frames.
pub const BATCH_BYTES_MAX: usize = 3 << 20;

/// The longest name of an actor, in bytes; an append beyond is `TooLarge`.
pub const ACTOR_BYTES_MAX: usize = 1_024;

/// The longest name of a payload's type, in bytes; an append beyond is `TooLarge`.
pub const TYPE_NAME_BYTES_MAX: usize = 256;

/// The longest name of an application's kind, in bytes; an append beyond is `TooLarge`.
pub const KIND_NAME_BYTES_MAX: usize = 256;

/// The most events handed over at once by a cursor or subscription; a reader asks for more when done.
///
/// Batches of a thousand are what ended the out-of-memory replays of Pekko (pekko#3325).
pub const READ_BATCH_EVENTS: usize = 1_000;

/// The most actors, kinds or both that a [`Query`](crate::Query) names; beyond it is `TooBroad`.
pub const QUERY_NAMES_MAX: usize = 10_000;
