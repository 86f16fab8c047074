//! Snapshots of actors' states: store contract, file store, memory store, integrity, retention.
//!
//! | You want to | Start at |
//! |---|---|
//! | know what a store promises | [`SnapshotStore`] |
//! | keep snapshots in files | [`FileSnapshots`] |
//! | keep them in memory, for tests | [`MemorySnapshots`] |
//! | choose among them | [`Criteria`] |
//! | keep few of them | [`SnapshotRetention`] |
//! | delete what a snapshot makes superfluous, in the safe order | [`retire_behind`] |
//! | see every limit | [`limits`] |
//!
//! # Features
//!
//! - `test-util`: the conformance suite that any store can run.
#![forbid(unsafe_code)]

#[cfg(feature = "test-util")]
pub mod conformance;
mod criteria;
mod error;
mod file;
pub mod format;
pub mod limits;
mod memory;
mod pool;
mod retention;
mod snapshot;
mod store;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use self::criteria::Criteria;
pub use self::error::{SnapshotDamage, SnapshotError};
pub use self::file::{FileSnapshots, FileSnapshotsConfig};
pub use self::memory::MemorySnapshots;
pub use self::retention::{RetireError, SnapshotRetention, retire_behind};
pub use self::snapshot::{Snapshot, SnapshotInfo};
pub use self::store::{Damaged, Loaded, SnapshotStatistics, SnapshotStore};
