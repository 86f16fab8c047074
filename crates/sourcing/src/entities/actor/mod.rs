//! The actor behind an entity: recovers, decides, stores, applies, and only then acts.

mod saving;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::{Actor, BoxError, Cx, Flow, Reply, Started};
use steadfast_base::{EventId, Value};
use steadfast_eventlog::{ActorName, Position, Seq};
use steadfast_snapshot::SnapshotInfo;

use super::recover::{Latest, Moment, Recovered};
use super::shared::{Recovering, Shared, add, count};
use crate::{CommandFault, CommandId, Decide, EventSourced, RecoveryFailed, SnapshotFault, names};

/// How long an entity that wants to leave waits for its last asker to let go.
const LEAVE_AGAIN: Duration = Duration::from_millis(50);

/// What an entity is told.
pub(crate) enum Msg<S: EventSourced> {
    /// Comes before all others in each incarnation.
    Recover,
    /// A command, and where to leave a reason if it comes to nothing; 0 for nowhere.
    Command { command: S::Command, ticket: u64, key: Option<CommandId> },
    /// The result of a future that a command had started.
    Performed(S::Command, Option<CommandId>),
    /// A look at the state.
    Look(Look<S>),
    /// Takes a snapshot now.
    Snapshot(SnapshotReply),
    /// A snapshot was saved, or not.
    Saved(Result<SnapshotInfo, SnapshotFault>),
    /// Leaves memory, unless a command waits.
    Leave,
}

type Look<S> = Box<dyn FnOnce(&S, Seq) + Send>;

pub(crate) struct EntityActor<S: EventSourced> {
    shared: Arc<Shared<S>>,
    id: Arc<str>,
    actor: ActorName,
    decide: Decide<S>,
    live: Option<Live<S>>,
    /// Turns since the entity came into memory.
    turn: u64,
    /// Futures of commands that are under way.
    performing: usize,
    saving: Option<Saving>,
    /// Leaves memory once its snapshot is saved.
    leaves_saved: bool,
}

/// A snapshot that is being saved.
struct Saving {
    /// Who waits for it.
    replies: Vec<SnapshotReply>,
    /// Who asked for one meanwhile, and gets the next.
    next: Vec<SnapshotReply>,
}

/// How many may wait for the next snapshot of an entity while one is being saved: tools and drills, not callers.
pub const SNAPSHOT_WAITS_MAX: usize = 64;

type SnapshotReply = Reply<Result<SnapshotInfo, SnapshotFault>>;

/// The state, and how far it has come.
struct Live<S> {
    state: S,
    seq: Seq,
    position: Position,
    event: Option<EventId>,
    at: Latest,
    /// Events and their bytes since the last snapshot.
    events: u64,
    bytes: u64,
}

impl<S: EventSourced> EntityActor<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, id: Arc<str>) -> Self {
        let actor = shared.actor_name(&id);
        let (time, seed) = (shared.system.time().clone(), shared.system.seed());
        let recorded = shared.recorder.is_some();
        let decide = Decide::live(actor.clone(), Arc::clone(&id), time, seed, recorded);
        Self {
            shared,
            id,
            actor,
            decide,
            live: None,
            turn: 0,
            performing: 0,
            saving: None,
            leaves_saved: false,
        }
    }

    /// Brings the state back. No command is handled before.
    async fn recover(&mut self, cx: &mut Cx<Self>) -> Result<(), BoxError> {
        let shared = Arc::clone(&self.shared);
        let turn = shared.recoveries.acquire().await;
        let counters = &shared.counters;
        let recovering = Recovering::begin(counters);
        let recovered = shared.recover(&self.actor, &self.id, Moment::Now).await;
        drop(recovering);
        drop(turn);
        let recovered = match recovered {
            Ok(recovered) => recovered,
            Err(failed) => {
                count(&counters.recovery_failures);
                shared.emit(names::RECOVERY_FAILED, || {
                    [
                        (names::ENTITY, Value::Str(self.actor.as_str())),
                        (names::SEQ, Value::U64(failed.seq.get())),
                        (names::MESSAGE, Value::Display(&failed)),
                    ]
                });
                return Err(failed.into());
            }
        };
        self.begin(recovered);
        if shared.config.snapshot_after_recovery {
            self.snapshot_if_due(cx);
        }
        Ok(())
    }

    fn begin(&mut self, recovered: Recovered<S>) {
        let shared = &self.shared;
        let counters = &shared.counters;
        let Recovered { state, seq, position, event, at, snapshot, passed_over, events, bytes } =
            recovered;
        count(&counters.recoveries);
        add(&counters.recovered_events, events);
        add(&counters.snapshots_used, u64::from(snapshot.is_some()));
        add(&counters.snapshots_passed_over, u64::from(passed_over));
        shared.emit(names::RECOVERED, || {
            [
                (names::ENTITY, Value::Str(self.actor.as_str())),
                (names::SEQ, Value::U64(seq.get())),
                (names::SNAPSHOT, Value::U64(snapshot.map_or(0, Seq::get))),
                (names::EVENTS, Value::U64(events)),
                (names::PASSED_OVER, Value::U64(u64::from(passed_over))),
            ]
        });
        self.live = Some(Live { state, seq, position, event, at, events, bytes });
    }

    fn flow(&mut self, cx: &mut Cx<Self>) -> Flow {
        if !self.decide.leaves() {
            return Flow::Continue;
        }
        let flow = self.leave(cx);
        if flow == Flow::Continue {
            // Whoever asked still holds on to the entity until the answer has come.
            drop(cx.once("leave", LEAVE_AGAIN, Msg::Leave));
        }
        flow
    }

    fn leave(&mut self, cx: &mut Cx<Self>) -> Flow {
        self.leaves_saved = self.snapshot_to_leave(cx);
        let idle = self.performing == 0 && self.saving.is_none();
        if !self.shared.residents.leave(&self.id, cx.id(), idle) {
            return Flow::Continue;
        }
        count(&self.shared.counters.passivations);
        Flow::Stop
    }
}

impl<S: EventSourced> Actor for EntityActor<S> {
    type Msg = Msg<S>;
    type Error = BoxError;

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, BoxError> {
        // Before whatever waits in the mailbox, of this incarnation or the last one.
        if cx.stash(Msg::Recover).is_ok() {
            cx.unstash();
        }
        Ok(Started::Running)
    }

    async fn handle(&mut self, msg: Msg<S>, cx: &mut Cx<Self>) -> Result<Flow, BoxError> {
        if self.live.is_none() {
            if matches!(msg, Msg::Leave) {
                return Ok(self.leave(cx));
            }
            if let Err(error) = Box::pin(self.recover(cx)).await {
                if let Msg::Command { ticket, .. } = msg
                    && let Some(failed) = error.downcast_ref::<RecoveryFailed>()
                {
                    self.shared.blame(ticket, CommandFault::Recovery(failed.clone()));
                }
                return Err(error);
            }
        }
        match msg {
            Msg::Recover => {}
            Msg::Command { command, ticket, key } => {
                return self.command(command, ticket, key, cx).await;
            }
            Msg::Performed(command, key) => {
                self.performing = self.performing.saturating_sub(1);
                return self.command(command, 0, key, cx).await;
            }
            Msg::Look(look) => {
                if let Some(live) = &self.live {
                    look(&live.state, live.seq);
                }
            }
            Msg::Snapshot(reply) => self.snapshot_now(reply, cx),
            Msg::Saved(saved) => {
                self.saved(&saved, cx);
                if std::mem::take(&mut self.leaves_saved) {
                    return Ok(self.leave(cx));
                }
            }
            Msg::Leave => return Ok(self.leave(cx)),
        }
        Ok(Flow::Continue)
    }
}
