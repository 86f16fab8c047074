//! A crash-safe event log: store contract, embedded and memory stores, queries, retention.
//!
//! | You want to | Start at |
//! |---|---|
//! | know what a store promises | [`EventStore`] |
//! | append | [`NewEvent`], [`Append`], [`Expected`], [`AppendError`] |
//! | read, or follow the log | [`Query`], [`Events`], [`Subscription`] |
//! | use it without async | [`Blocking`], [`block_on`] |
//! | keep a log on the disk | [`SegmentStore`](segment_store::SegmentStore) |
//! | test without a disk | [`MemoryStore`] |
//! | encode payloads, and read old versions of them | [`Payload::encode`], [`Upcasters`] |
//! | play events again | [`replay_events`], [`Speed`] |
//! | take a log elsewhere | [`export_jsonl`], [`import_jsonl`] |
//! | keep a former writer out | [`LeaseStore`], [`Fence`] |
//! | see every limit | [`limits`] |
//! | read or write the bytes of the embedded store | [`mod@format`] |
//!
//! # Features
//!
//! - `test-util`: the conformance suite that any store can run.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod append;
mod blocking;
mod codec;
#[cfg(feature = "test-util")]
pub mod conformance;
mod error;
mod event;
pub mod format;
mod hash;
mod lease;
pub mod limits;
mod memory;
mod read;
mod replay;
mod retention;
pub mod segment_store;
mod statistics;
mod store;
mod transfer;
mod waiting;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use self::append::{
    Append, AppendError, Appended, Appending, Cause, Completion, Decision, Epoch, Expected, Fence,
    Known, Placed, Places, Rejection, decide,
};
pub use self::blocking::{Blocking, BlockingEvents, BlockingSubscription, block_on};
pub use self::codec::{BINCODE_BYTES_MAX, CodecError, UpcastError, Upcasters};
pub use self::error::StoreError;
pub use self::event::{
    ActorName, CodecId, Event, EventKind, KindName, NewEvent, Payload, Position, Seq, TypeName,
    to_micros,
};
pub use self::lease::{Lease, LeaseError, LeaseStore};
pub use self::memory::{MemoryLeases, MemoryStore};
pub use self::read::{
    Cursor, DamageKind, Delivery, Direction, Events, Query, ReadError, Subscription, Tail,
};
pub use self::replay::{Replayed, Speed, replay_events};
pub use self::retention::{Pin, Retention, Retired, Unreleased};
pub use self::statistics::{Statistics, VerifyFault, VerifyReport};
pub use self::store::{ActorExtent, EventStore, LogExtent};
pub use self::transfer::{
    ExportError, ImportError, Imported, LINE_BYTES_MAX, Numbering, export_jsonl, export_readable,
    import_jsonl,
};
