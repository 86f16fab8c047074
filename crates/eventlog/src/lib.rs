//! A crash-safe event log: store contract, embedded and memory stores, queries, retention.
//!
//! | You want to | Start at |
//! |---|---|
//! | know what a store promises | [`EventStore`] |
//! | append | [`NewEvent`], [`Append`], [`Expected`], [`AppendError`] |
//! | read, or follow the log | [`Query`], [`Events`], [`Subscription`] |
//! | use it without async | [`Blocking`], [`block_on`] |
//! | test without a disk | [`MemoryStore`] |
//! | keep a former writer out | [`LeaseStore`], [`Fence`] |
//! | see every limit | [`limits`] |
//!
//! # Features
//!
//! - `test-util`: the conformance suite that any store can run.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod append;
mod blocking;
mod error;
mod event;
pub mod format;
mod lease;
pub mod limits;
mod memory;
mod read;
mod retention;
mod statistics;
mod store;

pub use self::append::{
    Append, AppendError, Appended, Appending, Cause, Completion, Decision, Epoch, Expected, Fence,
    Known, Placed, Places, Rejection, decide,
};
pub use self::blocking::{Blocking, BlockingEvents, BlockingSubscription, block_on};
pub use self::error::StoreError;
pub use self::event::{
    ActorName, CodecId, Event, EventKind, KindName, NewEvent, Payload, Position, Seq, TypeName,
    to_micros,
};
pub use self::lease::{Lease, LeaseError, LeaseStore};
pub use self::memory::MemoryStore;
pub use self::read::{
    Cursor, DamageKind, Delivery, Direction, Events, Query, ReadError, Subscription, Tail,
};
pub use self::retention::{Pin, Retention, Retired, Unreleased};
pub use self::statistics::{Statistics, VerifyFault, VerifyReport};
pub use self::store::{ActorExtent, EventStore, LogExtent};
