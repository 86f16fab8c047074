//! What a plain actor does with its state from inside its handlers.

use std::collections::BTreeMap;
use std::future::Future;

use serde::Serialize;

use steadfast_actor_core::{Actor, Cx};
use steadfast_eventlog::{ActorName, Append, Appended, CodecId, EventKind, NewEvent, Payload};
use steadfast_snapshot::SnapshotInfo;

use super::change::{CHANGE_TYPE, StateChange};
use super::error::PersistError;
use super::persistence::{PersistedSnapshot, Persistence, Persistent};
use super::taped::taped;

/// Keeps the state of a plain actor, from inside its handlers.
pub trait PersistCx<A: Actor> {
    /// Saves a state; once answered, the next incarnation can begin with it.
    ///
    /// The state is encoded by the call, so it may change before the answer.
    ///
    /// # Errors
    ///
    /// [`PersistError`]; what was saved before is still there.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the state is saved or not; whole either way.
    fn persist(
        &self,
        state: &A::State,
    ) -> impl Future<Output = Result<SnapshotInfo, PersistError>> + Send + use<Self, A>
    where
        A: Persistent;

    /// The last state that was saved, by this or an earlier incarnation; `None` if none ever was.
    ///
    /// # Errors
    ///
    /// [`PersistError`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    fn persisted_snapshot(
        &self,
    ) -> impl Future<Output = Result<Option<PersistedSnapshot<A::State>>, PersistError>>
    + Send
    + use<Self, A>
    where
        A: Persistent;

    /// Writes to the log that something of this actor changed: an event of the kind `StateChanged` with a
    /// [`StateChange`] as its payload, in the correlation and with the causation of the message at hand.
    ///
    /// The event is handed to the log by the call, in the order of the calls; the answer says when it is stored.
    ///
    /// # Errors
    ///
    /// [`PersistError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the answer loses only the answer.
    fn record_change<T: Serialize>(
        &self,
        kind: &str,
        old: T,
        new: T,
        metadata: BTreeMap<String, String>,
    ) -> impl Future<Output = Result<Appended, PersistError>> + Send + use<Self, A, T>;
}

/// The name that an actor's state is found by: its path.
pub(super) fn name_of(path: &str) -> Result<ActorName, PersistError> {
    let own = path.rsplit('/').next().unwrap_or_default();
    if own.starts_with('$') { Err(PersistError::Anonymous) } else { Ok(ActorName::from(path)) }
}

impl<A: Actor> PersistCx<A> for Cx<A> {
    fn persist(
        &self,
        state: &A::State,
    ) -> impl Future<Output = Result<SnapshotInfo, PersistError>> + Send + use<A>
    where
        A: Persistent,
    {
        let system = self.system();
        let taken = Persistence::of(&system).and_then(|persistence| {
            let id = system.ids().event();
            let taken =
                persistence.take::<A>(&name_of(&self.path())?, state, self.timestamp(), id)?;
            Ok((persistence, taken))
        });
        taped("persist", async move {
            let (persistence, taken) = taken?;
            persistence.save(taken).await
        })
    }

    fn persisted_snapshot(
        &self,
    ) -> impl Future<Output = Result<Option<PersistedSnapshot<A::State>>, PersistError>> + Send + use<A>
    where
        A: Persistent,
    {
        let found = Persistence::of(&self.system())
            .and_then(|persistence| Ok((persistence, name_of(&self.path())?)));
        taped("persisted-snapshot", async move {
            let (persistence, name) = found?;
            persistence.persisted::<A>(&name).await
        })
    }

    fn record_change<T: Serialize>(
        &self,
        kind: &str,
        old: T,
        new: T,
        metadata: BTreeMap<String, String>,
    ) -> impl Future<Output = Result<Appended, PersistError>> + Send + use<A, T> {
        let change = StateChange { metadata, ..StateChange::new(kind, old, new) };
        let payload = Payload::encode(CodecId::NAMED, CHANGE_TYPE, 1, &change);
        let appending = payload.map_err(PersistError::Encode).and_then(|payload| {
            let system = self.system();
            let log = Persistence::of(&system)?.log()?;
            let id = system.ids().event();
            let event = NewEvent::new(id, name_of(&self.path())?, EventKind::StateChanged, payload);
            let mut event = event.with_at(self.timestamp());
            if let Some(context) = self.context() {
                (event.correlation, event.causation) = (context.correlation(), context.causation());
            }
            Ok(log.append(Append::one(event)))
        });
        taped("record-change", async move { appending?.await.map_err(PersistError::Log) })
    }
}
