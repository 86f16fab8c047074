//! Entities: event-sourced actors by id, brought into memory when they are asked for.

mod actor;
mod builder;
mod config;
mod entity_ref;
mod fault;
mod keeper;
mod recover;
mod residents;
mod retain;
mod shared;
mod snapshots;
mod statistics;

use std::fmt;
use std::sync::Arc;

use steadfast_eventlog::EventStore;
use steadfast_supervision::SupervisorRef;

pub use self::actor::SNAPSHOT_WAITS_MAX;
pub use self::builder::{EntitiesBuilder, EntitiesError};
pub use self::config::{
    EntitiesConfig, PASSIVATE_AFTER, RECOVERIES_MAX, RESIDENT_MAX, RETRY_AFTER, ROOM_WAIT,
    SNAPSHOT_EVERY,
};
pub use self::entity_ref::{EntityAsk, EntityRef};
pub use self::fault::{
    CommandError, CommandFault, PersistFailed, RecoveryCause, RecoveryFailed, SnapshotFault,
};
pub use self::recover::{Moment, Recovered};
pub use self::retain::{RetainError, Retained, UnpinFault};
use self::shared::Shared;
pub use self::statistics::EntitiesStatistics;
use crate::EventSourced;

/// All entities of one kind. Clones share them.
///
/// An entity is named by an id of any text. It is brought into memory and recovered when it is first asked
/// for, and leaves again when it is idle or another one needs the room; nobody notices. At any time there is
/// at most one incarnation of it, and each of its appends says which event it expects to be the last: should
/// somebody else write nevertheless, the command fails and the entity recovers.
///
/// # Guarantees
///
/// - Commands of one entity are handled one after another, each on the state with all earlier events.
/// - Replies, closures and futures of a command come after its events are durable and applied, in order;
///   never if they could not be stored.
/// - The state is the fold of the stored events, at every moment and after every recovery.
/// - A command that was accepted is not lost because its entity leaves memory.
///
/// # What is not guaranteed
///
/// A command told to an entity that fails for good, or to a system that stops, becomes a dead letter. After
/// [`CommandFault::Unknown`] the events may be stored or not.
///
/// # Example
///
/// See the README of the crate.
pub struct Entities<S: EventSourced> {
    shared: Arc<Shared<S>>,
    top: SupervisorRef,
}

impl<S: EventSourced> Entities<S> {
    /// Describes entities of a kind: the first part of the names of their events' actors. Never change it
    /// once there are events.
    pub fn builder(kind: impl Into<Arc<str>>) -> EntitiesBuilder<S> {
        EntitiesBuilder::new(kind)
    }

    /// The way to one entity. Nothing happens until something is sent.
    pub fn get(&self, id: impl Into<Arc<str>>) -> EntityRef<S> {
        EntityRef::new(Arc::clone(&self.shared), id.into())
    }

    /// Their kind.
    pub fn kind(&self) -> &str {
        &self.shared.kind
    }

    /// The supervisor above them.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.top
    }

    /// The log, as it is open now.
    pub fn store(&self) -> Arc<dyn EventStore> {
        self.shared.log()
    }

    /// Why commands are refused at present, if they are.
    pub fn fault(&self) -> Option<CommandFault> {
        self.shared.gate.check().err()
    }

    /// Goes on with a log that was opened again after a failed write.
    pub fn reopened(&self, log: Arc<dyn EventStore>) {
        self.shared.reopened(log);
    }

    /// Takes no more commands, and stops all entities after the command at hand.
    ///
    /// # Cancel safety
    ///
    /// The shutdown goes on if the future is dropped.
    pub async fn shutdown(&self) {
        self.shared.end();
        self.top.shutdown().await;
    }
}

impl<S: EventSourced> Clone for Entities<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), top: self.top.clone() }
    }
}

impl<S: EventSourced> fmt::Debug for Entities<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entities").field("kind", &self.shared.kind).finish_non_exhaustive()
    }
}
