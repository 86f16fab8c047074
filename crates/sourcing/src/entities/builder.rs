//! Describing entities, and starting them.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use steadfast_actor_core::{BoxError, Overflow, System};
use steadfast_base::{ConfigError, NullSink, Sink};
use steadfast_eventlog::{CodecId, EventStore, Fence, Payload, Upcasters};
use steadfast_snapshot::SnapshotStore;
use steadfast_supervision::{
    Backoff, Budget, ChildFailure, ChildSpec, ChildTemplate, Directive, Supervisor, SupervisorError,
};

use super::Entities;
use super::config::{CONFIGURED, EntitiesConfig};
use super::keeper::Keeper;
use super::recover::Seat;
use super::shared::{Parts, Reopen, Shared};
use crate::{EventSourced, PersistFailed, RecoveryFailed, TurnRecorder};

type Decider = Arc<dyn Fn(&ChildFailure<'_>) -> Directive + Send + Sync>;

/// Entities before they start. Made by [`Entities::builder`].
///
/// | Setting | Default |
/// |---|---|
/// | [`store`](Self::store) | none: it must be given |
/// | [`snapshots`](Self::snapshots) | none: recovery reads all events |
/// | [`upcasters`](Self::upcasters) | none: only the version that this code writes is known |
/// | [`reopen`](Self::reopen) | none: [`Entities::reopened`] goes on after a poisoned log |
/// | [`decider`](Self::decider) | restart |
/// | all else | as in [`EntitiesConfig`] |
#[must_use = "entities start with `start`"]
pub struct EntitiesBuilder<S: EventSourced> {
    kind: Arc<str>,
    config: EntitiesConfig,
    log: Option<Arc<dyn EventStore>>,
    reopen: Option<Reopen>,
    seat: Option<Seat<S>>,
    upcasters: Upcasters,
    fence: Option<Fence>,
    recorder: Option<Arc<dyn TurnRecorder<S>>>,
    sink: Arc<dyn Sink>,
    decider: Option<Decider>,
}

impl<S: EventSourced> EntitiesBuilder<S> {
    pub(crate) fn new(kind: impl Into<Arc<str>>) -> Self {
        Self {
            kind: kind.into(),
            config: EntitiesConfig::default(),
            log: None,
            reopen: None,
            seat: None,
            upcasters: Upcasters::new(),
            fence: None,
            recorder: None,
            sink: Arc::new(NullSink),
            decider: None,
        }
    }

    /// Sets the log that holds the events.
    pub fn store(mut self, log: Arc<dyn EventStore>) -> Self {
        self.log = Some(log);
        self
    }

    /// Sets the store that holds snapshots of the states.
    pub fn snapshots(mut self, store: Arc<dyn SnapshotStore>) -> Self
    where
        S: Serialize + DeserializeOwned,
    {
        self.seat = Some(Seat {
            store,
            encode: |codec, state| {
                let name = format!("{}.state", S::EVENT_TYPE);
                Payload::encode(codec, name, S::STATE_VERSION, state)
            },
            decode: Payload::decode,
        });
        self
    }

    /// Sets the steps that bring old events up to the version that this code writes.
    pub fn upcasters(mut self, upcasters: Upcasters) -> Self {
        self.upcasters = upcasters;
        self
    }

    /// Opens the log again after a failed write, with a growing delay while that fails.
    ///
    /// The closure has to close the old log first: it is poisoned, and may hold the lock of its directory.
    pub fn reopen<F, R>(mut self, reopen: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Arc<dyn EventStore>, BoxError>> + Send + 'static,
    {
        self.reopen = Some(Arc::new(move || Box::pin(reopen())));
        self
    }

    /// Sets the lease under which events are written.
    pub fn fenced_by(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// Has each turn written down.
    pub fn recorder(mut self, recorder: Arc<dyn TurnRecorder<S>>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Emits an event for each recovery, snapshot and conflict.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = sink;
        self
    }

    /// Decides what is done about each failure of an entity, except where only one thing can be: one whose
    /// events may not be stored stops, and so does one that can never be recovered.
    pub fn decider(
        mut self,
        decide: impl Fn(&ChildFailure<'_>) -> Directive + Send + Sync + 'static,
    ) -> Self {
        self.decider = Some(Arc::new(decide));
        self
    }

    /// Takes a snapshot after this many events.
    pub fn snapshot_every(mut self, events: u64) -> Self {
        self.config.snapshot_every = Some(events);
        self
    }

    /// How long an entity stays in memory without a command.
    pub fn passivate_after(mut self, idle: Duration) -> Self {
        self.config.passivate_after = Some(idle);
        self
    }

    /// How many entities are in memory at most.
    pub fn resident_max(mut self, entities: usize) -> Self {
        self.config.resident_max = entities;
        self
    }

    /// How many entities recover at the same time at most.
    pub fn recoveries_max(mut self, entities: usize) -> Self {
        self.config.recoveries_max = entities;
        self
    }

    /// What encodes events and states.
    pub fn codec(mut self, codec: CodecId) -> Self {
        self.config.codec = codec;
        self
    }

    /// How many commands wait for one entity.
    pub fn capacity(mut self, commands_max: u32) -> Self {
        self.config.capacity = Some(commands_max);
        self
    }

    /// What happens to a command for which an entity's mailbox has no room.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.config.overflow = Some(overflow);
        self
    }

    /// The delay before an entity that failed is started again.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.config.backoff = backoff;
        self
    }

    /// How often one entity may be started again.
    pub fn budget(mut self, restarts: u32, period: Duration) -> Self {
        self.config.budget = Budget::new(restarts, period);
        self
    }

    /// Replaces all settings that are plain data, say by those of a configuration.
    pub fn config(mut self, config: EntitiesConfig) -> Self {
        self.config = config;
        self
    }

    /// Starts them under a supervisor at the top of a system, named after the kind. No entity is brought
    /// into memory.
    ///
    /// # Errors
    ///
    /// [`EntitiesError`]: the settings make no sense, or the supervisor did not start.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the supervisor running, without an entity.
    pub async fn start(self, system: &System) -> Result<Entities<S>, EntitiesError> {
        let mut faults = self.config.faults();
        faults.require(self.log.is_some(), "store", || "must be given".to_owned());
        faults.require(!self.kind.is_empty() && !self.kind.contains('/'), "kind", || {
            format!("is {:?}; it must be a name without a slash", self.kind)
        });
        let (Some(log), true) = (self.log, faults.is_empty()) else {
            return Err(EntitiesError::Invalid(faults.into_error(CONFIGURED)));
        };
        let Self { kind, config, reopen, seat, upcasters, fence, recorder, sink, decider, .. } =
            self;
        let tree = tree(&config, decider, &sink);
        let parts = Parts { kind, config, log, reopen, seat, upcasters, fence, recorder, sink };
        let shared = Arc::new(Shared::new(parts, system.clone()));
        let kept = Arc::clone(&shared);
        let keeper = ChildSpec::new(KEEPER, move || Keeper::new(Arc::clone(&kept))).permanent();
        let top = tree.child(keeper).start(system, &shared.kind).await?;
        if let Some(supervisor) = top.supervisor(ALL).await {
            drop(shared.supervisor.set(supervisor));
        }
        if let Some(keeper) = top.child(KEEPER).await {
            drop(shared.keeper.set(keeper));
        }
        Ok(Entities { shared, top })
    }
}

/// The supervisor of all entities, by name.
const ALL: &str = "all";
/// The one who looks after them, by name.
const KEEPER: &str = "keeper";

fn tree(config: &EntitiesConfig, decider: Option<Decider>, sink: &Arc<dyn Sink>) -> Supervisor {
    let Budget { restarts, period, .. } = config.budget;
    let overflow = config.overflow.unwrap_or(Overflow::Wait(config.room_wait));
    let mut template = ChildTemplate::new()
        .transient()
        .backoff(config.backoff)
        .budget(restarts, period)
        .overflow(overflow);
    if let Some(capacity) = config.capacity {
        template = template.capacity(capacity);
    }
    let entities = Supervisor::dynamic(template).decider(move |failure| {
        if failure.downcast_ref::<PersistFailed>().is_some() {
            return Directive::Stop;
        }
        match failure.downcast_ref::<RecoveryFailed>() {
            Some(failed) if !failed.is_transient() => Directive::Stop,
            _ => decider.as_ref().map_or(Directive::Restart, |decide| decide(failure)),
        }
    });
    Supervisor::one_for_one()
        .sink(Arc::clone(sink))
        .child(ChildSpec::supervisor(ALL, entities).permanent())
}

impl<S: EventSourced> fmt::Debug for EntitiesBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntitiesBuilder")
            .field("kind", &self.kind)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why entities did not start. Nothing of them runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EntitiesError {
    /// The settings make no sense.
    Invalid(ConfigError),
    /// The supervisor did not start.
    Supervisor(SupervisorError),
}

impl fmt::Display for EntitiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(faults) => fmt::Display::fmt(faults, f),
            Self::Supervisor(_) => f.write_str("the supervisor of the entities did not start"),
        }
    }
}

impl Error for EntitiesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid(_) => None,
            Self::Supervisor(error) => Some(error),
        }
    }
}

impl From<SupervisorError> for EntitiesError {
    fn from(error: SupervisorError) -> Self {
        Self::Supervisor(error)
    }
}
