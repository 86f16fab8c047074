//! The recorder: switches recordings on and off, and hands what they keep to the log.

use std::{
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Serialize, de::DeserializeOwned};

use steadfast_actor_core::{
    Actor, ActorHandle, Factory, IntoFactory, Spawn, System, VisitError, tape::Tape,
};
use steadfast_base::IdSource;
use steadfast_eventlog::{AppendError, EventStore, NewEvent};

use super::{
    Shape,
    commands::CommandRecorder,
    line::{Line, WhenFull},
    recording::Recording,
};
use crate::{EventSourced, TurnRecorder};

/// How a [`Recorder`] records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecorderConfig {
    /// Every how many turns the hash of the state is kept: 16; 0 for never.
    ///
    /// A divergence that shows in no output is found at the next kept hash.
    pub state_hash_every: u64,
    /// Every how many turns the whole state is kept: 0, for only where it is needed to begin with.
    ///
    /// With a kept state a replay can begin there, and say where two states differ.
    pub snapshot_every: u64,
    /// What happens when the log does not keep up: [`WhenFull::Gap`].
    pub when_full: WhenFull,
    /// Names the build that recorded, such as a commit; empty by default.
    pub build: String,
}

/// Turns between two kept hashes by default: a hash costs about as much as the rest of the record.
pub const STATE_HASH_EVERY_DEFAULT: u64 = 16;

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            state_hash_every: STATE_HASH_EVERY_DEFAULT,
            snapshot_every: 0,
            when_full: WhenFull::Gap,
            build: String::new(),
        }
    }
}

/// What the recordings of one recorder share.
pub(super) struct Desk {
    pub(super) config: RecorderConfig,
    pub(super) ids: IdSource,
    system: System,
    line: Mutex<Line>,
    recorded: AtomicU64,
    missed: AtomicU64,
}

impl Desk {
    pub(super) fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record.
    pub(super) fn push(self: &Arc<Self>, events: Vec<NewEvent>) {
        let mut line = self.line();
        line.push(events);
        if line.wants_tending() {
            line.is_tended = true;
            drop(line);
            self.tend();
        }
    }

    /// Takes the last record of a recording: it is not gathered, for nothing may come behind it.
    pub(super) fn push_last(&self, events: Vec<NewEvent>) {
        let mut line = self.line();
        line.push(events);
        line.hand_over();
    }

    /// Looks after the line until it is empty: when an answer comes and nobody records any more, what is
    /// gathered is handed over all the same.
    fn tend(self: &Arc<Self>) {
        let tending = Tending(Arc::clone(self));
        let tended = async move { poll_fn(|task| tending.0.line().poll_empty(task)).await };
        drop(self.system.spawn_task(tended));
    }

    pub(super) fn count_recorded(&self) {
        self.recorded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_missed(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Looks after the line; when it is dropped, also amid its task, somebody else may.
struct Tending(Arc<Desk>);

impl Drop for Tending {
    fn drop(&mut self) {
        self.0.line().is_tended = false;
    }
}

/// The flight recorder: keeps what ordinary actors take in and give out, so that it can be replayed.
///
/// A recording can begin with an actor's birth ([`spawn`](Self::spawn)) or at any time
/// ([`start`](Self::start)), and end at any time ([`stop`](Self::stop)). An actor that is not recorded
/// pays nothing. One that is pays for the encoding of its messages and a place in a buffer; the log writes
/// beside it.
///
/// Records go to the log in groups: one at once if nothing is under way, else all that came meanwhile
/// together, in their order. What a crash or a kill loses is what was not acknowledged, at most what the
/// limits below allow: of each recording a beginning is kept, and of a group all or nothing. Wait for
/// [`flush`](Self::flush) to know, also before the log is closed.
///
/// Each turn is one event of kind `MessageProcessed` and one `MessageSent` for each output, all under the
/// name that [`recording_of`](super::recording_of) gives; a turn that failed has a `FailureOccurred` too. They carry
/// the correlation of the message, or a new one, and the message's causation, so that a scenario over
/// several recorded actors is one query.
///
/// | What | Limit | Then |
/// |---|---|---|
/// | records not acknowledged | [`LINE_RECORDS_MAX`](super::LINE_RECORDS_MAX), [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX) | [`WhenFull`] |
/// | one group | [`GROUP_EVENTS_MAX`](super::GROUP_EVENTS_MAX), [`GROUP_BYTES_MAX`](super::GROUP_BYTES_MAX) | it goes to the log behind the ones before |
/// | one turn with its outputs | 1 MiB an event, 1.5 MiB together | a gap |
///
/// # What is not recorded
///
/// The hooks `restarting` and `stopped`. What reaches into the state by a visit is a gap, unless the state
/// is hashed at each turn and did not change.
///
/// # Example
///
/// ```
/// use std::{convert::Infallible, sync::Arc};
///
/// use serde::{Deserialize, Serialize};
/// use steadfast_actor_core::{Actor, Cx, Flow, testkit::TestSystem};
/// use steadfast_eventlog::{EventKind, EventStore, MemoryStore, Query, block_on};
/// use steadfast_sourcing::record::{Recorder, RecorderConfig, Shape};
///
/// struct Counter(u64);
///
/// #[derive(Serialize, Deserialize)]
/// struct Add(u64);
///
/// impl Actor for Counter {
///     type Msg = Add;
///     type Error = Infallible;
///     async fn handle(&mut self, Add(n): Add, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
///         self.0 += n;
///         Ok(Flow::Continue)
///     }
/// }
///
/// let test = TestSystem::new();
/// let store = Arc::new(MemoryStore::default());
/// let recorder = Recorder::new(&test, store.clone(), RecorderConfig::default());
/// test.run(async {
///     let counter = recorder.spawn(&test, "counter", Shape::new(), || Counter(0)).await?;
///     counter.tell(Add(2)).await.ok();
///     test.settle().await;
///     recorder.flush().await;
///     Ok::<(), steadfast_actor_core::StartError>(())
/// })?;
/// let turns = block_on(store.read(Query::kind(EventKind::MessageProcessed)).all())?;
/// assert_eq!(turns.len(), 2); // its start, and the message
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Recorder {
    desk: Arc<Desk>,
}

impl Recorder {
    /// A recorder that writes to a log. Its ids come from the system's seed and clock; it and its recordings
    /// hold a handle of the system.
    pub fn new(system: &System, store: Arc<dyn EventStore>, config: RecorderConfig) -> Self {
        let stream = system.seed().stream("steadfast/recorder");
        let ids = IdSource::new(Arc::clone(system.time().clock()), stream);
        let line = Mutex::new(Line::new(store));
        let (recorded, missed) = (AtomicU64::new(0), AtomicU64::new(0));
        let system = system.clone();
        Self { desk: Arc::new(Desk { config, ids, system, line, recorded, missed }) }
    }

    /// A tape for one actor, for [`Spawn::on_tape`](steadfast_actor_core::Spawn::on_tape).
    pub fn tape<A: Actor>(&self, shape: Shape<A>) -> Box<dyn Tape> {
        Box::new(Recording::new(Arc::clone(&self.desk), shape))
    }

    /// Prepares an actor that is recorded from its birth on.
    pub fn spawn<A: Actor, K, F: IntoFactory<A, K>>(
        &self,
        system: &System,
        name: &str,
        shape: Shape<A>,
        factory: F,
    ) -> Spawn<A, F::Factory>
    where
        F::Factory: Factory<A>,
    {
        system.spawn(name, factory).on_tape(self.tape(shape))
    }

    /// Begins to record an actor that lives, between two of its turns; a recording that goes on ends.
    ///
    /// To be replayed, its state must be [`restored`](Shape::restored).
    ///
    /// # Errors
    ///
    /// [`VisitError`] if the actor has stopped or its control lane is full.
    pub fn start<A: Actor>(&self, actor: &ActorHandle, shape: Shape<A>) -> Result<(), VisitError> {
        let recording = Recording::new(Arc::clone(&self.desk), shape);
        actor.visit::<A>(move |actor, cx| {
            end_recording::<A>(cx.take_tape());
            drop(cx.set_tape(Box::new(recording)));
            cx.with_tape(|tape| {
                let tape: &mut dyn std::any::Any = tape;
                if let Some(recording) = tape.downcast_mut::<Recording<A>>() {
                    recording.begin_with(actor);
                }
            });
        })
    }

    /// Ends the recording of an actor, between two of its turns. Without effect if there is none.
    ///
    /// # Errors
    ///
    /// [`VisitError`] if the actor has stopped or its control lane is full.
    pub fn stop<A: Actor>(&self, actor: &ActorHandle) -> Result<(), VisitError> {
        actor.visit::<A>(|_, cx| end_recording::<A>(cx.take_tape()))
    }

    /// Records the commands of a kind of entities, for
    /// [`EntitiesBuilder::recorder`](crate::EntitiesBuilder::recorder).
    ///
    /// Give it the entities' own log: a replay folds their events to have the states that were decided on. A
    /// decision that finds no room, or is larger than an event may be, is counted as missed.
    pub fn entities<S>(&self) -> Arc<dyn TurnRecorder<S>>
    where
        S: EventSourced + Serialize,
        S::Command: Serialize + DeserializeOwned,
    {
        Arc::new(CommandRecorder::new(Arc::clone(&self.desk)))
    }

    /// Waits until the log has answered everything that was handed over.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn flush(&self) {
        poll_fn(|task| self.desk.line().poll_empty(task)).await;
    }

    /// Turns that were taken down; acknowledged are all but those [in the line](Self::in_line).
    pub fn recorded(&self) -> u64 {
        self.desk.recorded.load(Ordering::Relaxed)
    }

    /// Turns that were not; the log says which ones.
    pub fn missed(&self) -> u64 {
        self.desk.missed.load(Ordering::Relaxed)
    }

    /// Records that the log has not acknowledged yet: turns, and what stands around them.
    pub fn in_line(&self) -> usize {
        self.desk.line().len()
    }

    /// Why the log refused an append the last time it did.
    pub fn last_error(&self) -> Option<AppendError> {
        self.desk.line().last_error()
    }
}

/// Says in the log that a recording ends.
fn end_recording<A: Actor>(tape: Option<Box<dyn Tape>>) {
    let Some(mut tape) = tape else { return };
    let tape: &mut dyn std::any::Any = &mut *tape;
    if let Some(recording) = tape.downcast_mut::<Recording<A>>() {
        recording.close();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("config", &self.desk.config)
            .field("recorded", &self.recorded())
            .field("missed", &self.missed())
            .finish_non_exhaustive()
    }
}
