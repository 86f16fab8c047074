//! Plain actors that keep their state: snapshots to restart from, and changes written to the log.
//!
//! For actors that are not event-sourced. [`Persistence`] is installed in the system once; then an actor calls
//! [`cx.persist(&state)`](PersistCx::persist), its supervisor restarts it from
//! [`restart_from_snapshot`](RestartFromSnapshot::restart_from_snapshot), anybody may ask for a
//! [`snapshot_now`], and [`cx.record_change(..)`](PersistCx::record_change) writes what changed to the log.
//!
//! All of it may be done by an actor that is recorded: what came of it is on the tape, and a replay saves and
//! writes nothing.
//!
//! What lies between two snapshots is lost with a failure. An actor that must not lose anything is
//! event-sourced.

mod change;
mod cx;
mod error;
mod numbers;
mod persistence;
mod restart;
mod taped;

pub use self::change::{CHANGE_TYPE, StateChange};
pub use self::cx::PersistCx;
pub use self::error::PersistError;
pub use self::persistence::{PersistedSnapshot, Persistence, Persistent};
pub use self::restart::{RestartFromSnapshot, restored, restored_by, snapshot_now};
