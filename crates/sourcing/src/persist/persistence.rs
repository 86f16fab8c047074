//! Where plain actors keep their states, and how they are found again.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use steadfast_actor_core::{Actor, System};
use steadfast_base::{EventId, Timestamp};
use steadfast_eventlog::{ActorName, CodecId, EventStore, Payload, Position, Seq, Upcasters};
use steadfast_snapshot::limits::LOAD_ATTEMPTS_MAX;
use steadfast_snapshot::{Criteria, Snapshot, SnapshotInfo, SnapshotRetention, SnapshotStore};

use super::error::PersistError;
use super::numbers::Numbers;

/// A plain actor whose state can be kept: it lies in one piece that is encoded.
pub trait Persistent: Actor {
    /// What is kept. What an actor only holds (refs, connections, timers) does not belong in it.
    type State: Serialize + DeserializeOwned + Send + 'static;

    /// The name under which states are stored. Never change it once some are.
    const STATE_TYPE: &'static str;

    /// Which shape of the state this code writes; older ones are brought up to it by upcasters.
    const STATE_VERSION: u16 = 1;

    /// The state as it is now.
    fn state(&self) -> &Self::State;
}

/// Where the plain actors of a system keep their states, and write what changed.
///
/// | Setting | Default |
/// |---|---|
/// | [`with_log`](Self::with_log) | none: changes cannot be recorded |
/// | [`with_codec`](Self::with_codec) | field-named |
/// | [`with_retention`](Self::with_retention) | 3 snapshots of each actor, 7 days |
/// | [`with_upcasters`](Self::with_upcasters) | none: a state of another version counts as damaged |
///
/// An actor's state is found by its path (`/bank/acc-42`), so it outlives restarts of the process as long as
/// system and actor keep their names. Memory: one small entry for each actor that persisted.
pub struct Persistence {
    snapshots: Arc<dyn SnapshotStore>,
    log: Option<Arc<dyn EventStore>>,
    codec: CodecId,
    retention: SnapshotRetention,
    upcasters: Option<Upcasters>,
    numbers: Numbers,
}

/// A state that was found again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PersistedSnapshot<S> {
    /// The state.
    pub state: S,
    /// The number of the snapshot; each one of an actor has a higher one than those before.
    pub seq: Seq,
    /// When it was taken.
    pub at: Timestamp,
    /// The id that was given to the snapshot.
    pub event: Option<EventId>,
    /// How many newer ones were passed over as damaged or not readable.
    pub passed_over: usize,
}

impl Persistence {
    /// States go to this store.
    pub fn new(snapshots: Arc<dyn SnapshotStore>) -> Self {
        Self {
            snapshots,
            log: None,
            codec: CodecId::NAMED,
            retention: SnapshotRetention::default(),
            upcasters: None,
            numbers: Numbers::default(),
        }
    }

    /// Changes that actors record go to this log.
    #[must_use]
    pub fn with_log(mut self, log: Arc<dyn EventStore>) -> Self {
        self.log = Some(log);
        self
    }

    /// Sets what encodes states.
    #[must_use]
    pub fn with_codec(mut self, codec: CodecId) -> Self {
        self.codec = codec;
        self
    }

    /// Sets which snapshots of each actor are kept.
    #[must_use]
    pub fn with_retention(mut self, retention: SnapshotRetention) -> Self {
        self.retention = retention;
        self
    }

    /// Sets what brings states of older versions up to date.
    #[must_use]
    pub fn with_upcasters(mut self, upcasters: Upcasters) -> Self {
        self.upcasters = Some(upcasters);
        self
    }

    /// Puts it at the disposal of the system's actors.
    ///
    /// # Errors
    ///
    /// Itself, if the system has one already.
    pub fn install(self, system: &System) -> Result<(), Arc<Self>> {
        system.install(Arc::new(self))
    }

    pub(super) fn of(system: &System) -> Result<Arc<Self>, PersistError> {
        system.installed::<Self>().ok_or(PersistError::NotInstalled)
    }

    pub(super) fn log(&self) -> Result<Arc<dyn EventStore>, PersistError> {
        self.log.clone().ok_or(PersistError::NoLog)
    }

    /// Encodes a state now, and gives it its place in the order of the actor's states.
    pub(super) fn take<A: Persistent>(
        &self,
        actor: &ActorName,
        state: &A::State,
        at: Timestamp,
        id: EventId,
    ) -> Result<Taken, PersistError> {
        let state = Payload::encode(self.codec, A::STATE_TYPE, A::STATE_VERSION, state)
            .map_err(PersistError::Encode)?;
        Ok(Taken { actor: actor.clone(), place: self.numbers.take(actor), state, at, id })
    }

    /// Saves a state that was taken, and lets old snapshots of the actor go.
    pub(super) async fn save(&self, taken: Taken) -> Result<SnapshotInfo, PersistError> {
        let Taken { actor, place, state, at, id } = taken;
        let base = if let Some(base) = self.numbers.base(&actor) {
            base
        } else {
            let known = self.snapshots.list(&actor).await?;
            let highest = known.last().map_or(Seq::ZERO, |info| info.seq);
            self.numbers.set_base(&actor, highest)
        };
        let seq = Seq::new(base.get().saturating_add(place));
        let snapshot = Snapshot::new(&actor, seq, Position::ZERO, state).with_at(at).with_event(id);
        let info = self.snapshots.save(snapshot).await?;
        self.snapshots.retain(&actor, &self.retention).await?;
        Ok(info)
    }

    /// The last state that an actor persisted; of the damaged ones, the newest behind them that is sound.
    ///
    /// `None` if it never did.
    ///
    /// # Errors
    ///
    /// [`PersistError::AllDamaged`] if there are snapshots and none of the three newest can be read: what to
    /// begin with then is not for a library to guess.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn persisted<A: Persistent>(
        &self,
        actor: &ActorName,
    ) -> Result<Option<PersistedSnapshot<A::State>>, PersistError> {
        self.newest::<A>(actor, Criteria::latest()).await
    }

    /// The last state that an actor had persisted by a time, as far as it is still kept; otherwise as
    /// [`persisted`](Self::persisted).
    ///
    /// # Errors
    ///
    /// As for [`persisted`](Self::persisted).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn persisted_by<A: Persistent>(
        &self,
        actor: &ActorName,
        at: Timestamp,
    ) -> Result<Option<PersistedSnapshot<A::State>>, PersistError> {
        self.newest::<A>(actor, Criteria::latest().taken_until(at)).await
    }

    async fn newest<A: Persistent>(
        &self,
        actor: &ActorName,
        mut criteria: Criteria,
    ) -> Result<Option<PersistedSnapshot<A::State>>, PersistError> {
        let mut passed_over = 0;
        while passed_over < LOAD_ATTEMPTS_MAX {
            let loaded = self.snapshots.load(actor, &criteria).await?;
            passed_over += loaded.damaged.len();
            let Some(snapshot) = loaded.snapshot else { break };
            if let Some(state) = self.decode::<A>(&snapshot) {
                let at = snapshot.at.unwrap_or(Timestamp::UNIX_EPOCH);
                let (seq, event) = (snapshot.seq, snapshot.event);
                return Ok(Some(PersistedSnapshot { state, seq, at, event, passed_over }));
            }
            passed_over += 1;
            criteria.seq_to = snapshot.seq.previous();
        }
        if passed_over > 0 {
            Err(PersistError::AllDamaged { tried: passed_over })
        } else {
            Ok(None)
        }
    }

    fn decode<A: Persistent>(&self, snapshot: &Snapshot) -> Option<A::State> {
        let state = match &self.upcasters {
            Some(upcasters) => upcasters.upcast(snapshot.state.clone()).ok()?.pop()?,
            None => snapshot.state.clone(),
        };
        let known =
            state.type_name().as_str() == A::STATE_TYPE && state.version() == A::STATE_VERSION;
        if known { state.decode().ok() } else { None }
    }
}

/// A state on its way into the store.
pub(super) struct Taken {
    actor: ActorName,
    place: u64,
    state: Payload,
    at: Timestamp,
    id: EventId,
}

impl fmt::Debug for Persistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persistence")
            .field("snapshots", &self.snapshots)
            .field("log", &self.log)
            .field("codec", &self.codec)
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}
