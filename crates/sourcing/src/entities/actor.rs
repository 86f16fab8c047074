//! The actor behind an entity: recovers, decides, stores, applies, and only then acts.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use steadfast_actor_core::{Actor, BoxError, Cx, Flow, Reply, Started};
use steadfast_base::{CallContext, EventId, Value, context};
use steadfast_eventlog::{
    ActorName, Append, AppendError, CodecError, EventKind, Expected, NewEvent, Payload, Position,
    Seq,
};
use steadfast_snapshot::{Snapshot, SnapshotInfo};

use super::recover::{Moment, Recovered};
use super::shared::{Handed, Recovering, Shared, add, count};
use super::snapshots;
use crate::{
    CommandFault, Decide, Effect, EventSourced, PersistFailed, SnapshotFault, Turn, TurnOutcome,
    names,
};

/// How long an entity that wants to leave waits for its last asker to let go.
const LEAVE_AGAIN: Duration = Duration::from_millis(50);

/// What an entity is told.
pub(crate) enum Msg<S: EventSourced> {
    /// Comes before all others in each incarnation.
    Recover,
    /// A command, and where to leave a reason if it comes to nothing; 0 for nowhere.
    Command { command: S::Command, ticket: u64 },
    /// The result of a future that a command had started.
    Performed(S::Command),
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
}

/// A snapshot that is being saved, and who waits for it, if somebody does.
struct Saving(Option<SnapshotReply>);

type SnapshotReply = Reply<Result<SnapshotInfo, SnapshotFault>>;

/// The state, and how far it has come.
struct Live<S> {
    state: S,
    seq: Seq,
    position: Position,
    event: Option<EventId>,
    /// Events and their bytes since the last snapshot.
    events: u64,
    bytes: u64,
}

/// Leaves word if the entity panics on a command.
struct Blame<'a, S: EventSourced> {
    shared: &'a Shared<S>,
    ticket: u64,
}

impl<S: EventSourced> Drop for Blame<'_, S> {
    fn drop(&mut self) {
        if thread::panicking() {
            count(&self.shared.counters.failures);
            self.shared.blame(self.ticket, CommandFault::Panicked);
        }
    }
}

impl<S: EventSourced> EntityActor<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, id: Arc<str>) -> Self {
        let actor = shared.actor_name(&id);
        let (time, seed) = (shared.system.time().clone(), shared.system.seed());
        let recorded = shared.recorder.is_some();
        let decide = Decide::live(actor.clone(), Arc::clone(&id), time, seed, recorded);
        Self { shared, id, actor, decide, live: None, turn: 0, performing: 0, saving: None }
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
        let Recovered { state, seq, position, event, snapshot, passed_over, events, bytes } =
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
        self.live = Some(Live { state, seq, position, event, events, bytes });
    }

    /// Decides, stores, applies, acts.
    async fn command(
        &mut self,
        command: S::Command,
        ticket: u64,
        cx: &mut Cx<Self>,
    ) -> Result<Flow, BoxError> {
        let (effect, recording) = match self.decide(command, ticket) {
            Ok(decided) => decided,
            Err(error) => {
                count(&self.shared.counters.failures);
                self.shared.blame(ticket, CommandFault::Failed(error.to_string().into()));
                return Err(error);
            }
        };
        if effect.events.is_empty() {
            self.record(recording, &effect, TurnOutcome::Stored(&[]));
            self.act(effect, ticket, cx);
            return Ok(self.flow(cx));
        }
        let new = match self.new_events(&effect.events, recording.is_some()) {
            Ok(new) => new,
            Err(error) => {
                self.record(recording, &effect, TurnOutcome::NotStored(&error));
                count(&self.shared.counters.rejected);
                self.shared.blame(ticket, CommandFault::Encoding(error));
                return Ok(Flow::Continue);
            }
        };
        let bytes: usize = new.iter().map(|event| event.payload.bytes().len()).sum();
        let last = new.last().map(|event| event.id);
        let seq = self.live.as_ref().map_or(Seq::ZERO, |live| live.seq);
        let append = Append {
            events: new,
            expected: Expected::Exact(seq),
            fence: self.shared.fence.clone(),
        };
        // INV-SRC-3: nothing is applied, answered or done before the events are acknowledged.
        let Handed { answer, opening } = self.shared.append(append);
        let appended = match answer.await {
            Ok(appended) => appended,
            Err(error) => {
                self.record(recording, &effect, TurnOutcome::NotStored(&error));
                return self.not_stored(error, opening, ticket, effect);
            }
        };
        let places = appended.places.as_slice();
        {
            let _blame = Blame { shared: &self.shared, ticket };
            let live = self.live.as_mut().ok_or("an entity is live after its recovery")?;
            effect.events.iter().for_each(|event| live.state.apply(event));
            live.seq = live.seq.plus(places.len() as u64);
            if let Some(place) = places.last() {
                assert_eq!(place.seq, live.seq, "the log numbers events without gaps");
                live.position = place.position;
            }
            live.event = last;
            live.events += places.len() as u64;
            live.bytes += bytes as u64;
        }
        add(&self.shared.counters.events, places.len() as u64);
        self.record(recording, &effect, TurnOutcome::Stored(places));
        self.act(effect, ticket, cx);
        self.snapshot_if_due(cx);
        Ok(self.flow(cx))
    }

    fn decide(
        &mut self,
        command: S::Command,
        ticket: u64,
    ) -> Result<(Effect<S::Event>, Option<Payload>), BoxError> {
        let Self { shared, decide, live, actor, .. } = self;
        let live = live.as_ref().ok_or("an entity is live after its recovery")?;
        count(&shared.counters.commands);
        self.turn += 1;
        decide.begin(live.seq);
        let recorder = shared.recorder.as_deref();
        let recording = recorder.and_then(|recorder| recorder.begin(actor, &command));
        let decided = {
            let _blame = Blame { shared, ticket };
            live.state.decide(command, decide).map_err(Into::into)
        };
        match decided {
            Ok(effect) => Ok((effect, recording)),
            Err(error) => {
                let nothing = Effect::none();
                self.record(recording, &nothing, TurnOutcome::Failed(&*error));
                Err(error)
            }
        }
    }

    fn new_events(&self, events: &[S::Event], recorded: bool) -> Result<Vec<NewEvent>, CodecError> {
        let shared = &self.shared;
        let inputs = self.decide.inputs();
        let codec = shared.config.codec;
        let encode = |event| {
            let (name, version) = (&shared.event_type, S::EVENT_VERSION);
            let payload = Payload::encode(codec, name, version, event)?;
            let id = shared.system.ids().event();
            let mut new = NewEvent::new(id, &self.actor, EventKind::StateChanged, payload);
            new.at = inputs.at;
            new.correlation = inputs.correlation;
            new.causation = inputs.causation;
            new.turn = if recorded { self.turn } else { 0 };
            Ok(new)
        };
        events.iter().map(encode).collect()
    }

    /// Answers, and starts what is to be done: in the context of the call, caused by its last event.
    fn act(&mut self, effect: Effect<S::Event>, ticket: u64, cx: &mut Cx<Self>) {
        let performs = self.decide.take_performs();
        let stored = !effect.events.is_empty();
        let caused = match self.live.as_ref().and_then(|live| live.event) {
            Some(event) if stored && context::is_set() => {
                let cause = |call: Option<&CallContext>| {
                    call.map(|call| Arc::new(call.child().with_causation(event)))
                };
                context::current_ref(cause)
            }
            _ => None,
        };
        let _context = caused.map(context::enter);
        {
            let _blame = Blame { shared: &self.shared, ticket };
            effect.after.into_iter().for_each(|act| act());
        }
        for perform in performs {
            if cx.pipe_to_self(perform, Msg::Performed).is_ok() {
                self.performing += 1;
            }
        }
    }

    /// What becomes of the entity whose events were not stored. No reply, no side effect.
    fn not_stored(
        &mut self,
        error: AppendError,
        opening: u64,
        ticket: u64,
        effect: Effect<S::Event>,
    ) -> Result<Flow, BoxError> {
        let shared = &self.shared;
        let first = error.events().first().map_or(EventId::from_u128(0), |event| event.id);
        let seq = self.live.as_ref().map_or(Seq::ZERO, |live| live.seq);
        let fault = match error {
            AppendError::Conflict { actual, .. } => CommandFault::Conflict { seq, actual },
            AppendError::CommitUnknown { cause, .. } => {
                CommandFault::Unknown { event: first, cause }
            }
            AppendError::Poisoned { .. } => CommandFault::Poisoned,
            AppendError::Fenced { .. } => CommandFault::Fenced,
            AppendError::Closed { .. } => CommandFault::Closed,
            other => CommandFault::Rejected(Arc::new(without_events(other))),
        };
        // The asker is told when the effect, and the reply in it, is dropped.
        shared.blame(ticket, fault.clone());
        drop(effect);
        match fault {
            CommandFault::Rejected(_) => {
                count(&shared.counters.rejected);
                Ok(Flow::Continue)
            }
            CommandFault::Conflict { actual, .. } => {
                count(&shared.counters.conflicts);
                shared.emit(names::CONFLICT, || {
                    [
                        (names::ENTITY, Value::Str(self.actor.as_str())),
                        (names::SEQ, Value::U64(seq.get())),
                        (names::ACTUAL, Value::U64(actual.get())),
                    ]
                });
                self.live = None;
                Ok(Flow::Continue)
            }
            fatal => {
                count(&shared.counters.failures);
                shared.log_failed(&fatal, opening);
                Err(PersistFailed(fatal).into())
            }
        }
    }

    fn record(
        &self,
        recording: Option<Payload>,
        effect: &Effect<S::Event>,
        outcome: TurnOutcome<'_>,
    ) {
        let (Some(command), Some(recorder), Some(live)) =
            (recording, &self.shared.recorder, &self.live)
        else {
            return;
        };
        recorder.end(Turn {
            actor: &self.actor,
            number: self.turn,
            command,
            inputs: self.decide.inputs(),
            events: &effect.events,
            outcome,
            state: &live.state,
        });
    }

    fn flow(&self, cx: &mut Cx<Self>) -> Flow {
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

    fn leave(&self, cx: &Cx<Self>) -> Flow {
        let idle = self.performing == 0 && self.saving.is_none();
        if !self.shared.residents.leave(&self.id, cx.id(), idle) {
            return Flow::Continue;
        }
        count(&self.shared.counters.passivations);
        Flow::Stop
    }

    fn snapshot_if_due(&mut self, cx: &mut Cx<Self>) {
        let Some(live) = &self.live else { return };
        let due = self.shared.config.wants_snapshot(live.events, live.bytes);
        if due && self.shared.seat.is_some() && self.saving.is_none() {
            self.snapshot(None, cx);
        }
    }

    /// Encodes the state and has it saved beside the entity.
    fn snapshot(&mut self, reply: Option<SnapshotReply>, cx: &mut Cx<Self>) {
        let shared = Arc::clone(&self.shared);
        let made = match (&shared.seat, &mut self.live, &self.saving) {
            (_, _, Some(_)) => Err(SnapshotFault::Busy),
            (Some(seat), Some(live), None) => {
                let state = (seat.encode)(shared.config.codec, &live.state);
                (live.events, live.bytes) = (0, 0);
                state.map_err(SnapshotFault::Encode).map(|state| {
                    let snapshot = Snapshot::new(&self.actor, live.seq, live.position, state);
                    match live.event {
                        Some(event) => snapshot.with_event(event),
                        None => snapshot,
                    }
                })
            }
            _ => Err(SnapshotFault::NoStore),
        };
        let fault = match made {
            Ok(snapshot) => {
                let save = async move { snapshots::save(&shared, snapshot).await };
                match cx.pipe_to_self(save, Msg::Saved) {
                    Ok(()) => {
                        self.saving = Some(Saving(reply));
                        return;
                    }
                    Err(_) => SnapshotFault::Busy,
                }
            }
            Err(fault) => fault,
        };
        match reply {
            Some(reply) => reply.send(Err(fault)),
            None => self.saved(&Err(fault)),
        }
    }

    fn saved(&self, saved: &Result<SnapshotInfo, SnapshotFault>) {
        let shared = &self.shared;
        match saved {
            Ok(info) => {
                count(&shared.counters.snapshots_saved);
                shared.emit(names::SNAPSHOT_SAVED, || {
                    [
                        (names::ENTITY, Value::Str(self.actor.as_str())),
                        (names::SEQ, Value::U64(info.seq.get())),
                    ]
                });
            }
            Err(fault) => {
                count(&shared.counters.snapshot_failures);
                let seq = self.live.as_ref().map_or(Seq::ZERO, |live| live.seq);
                shared.emit(names::SNAPSHOT_FAILED, || {
                    [
                        (names::ENTITY, Value::Str(self.actor.as_str())),
                        (names::SEQ, Value::U64(seq.get())),
                        (names::MESSAGE, Value::Display(fault)),
                    ]
                });
            }
        }
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
                    && let Some(failed) = error.downcast_ref::<crate::RecoveryFailed>()
                {
                    self.shared.blame(ticket, CommandFault::Recovery(failed.clone()));
                }
                return Err(error);
            }
        }
        match msg {
            Msg::Recover => {}
            Msg::Command { command, ticket } => return self.command(command, ticket, cx).await,
            Msg::Performed(command) => {
                self.performing = self.performing.saturating_sub(1);
                return self.command(command, 0, cx).await;
            }
            Msg::Look(look) => {
                if let Some(live) = &self.live {
                    look(&live.state, live.seq);
                }
            }
            Msg::Snapshot(reply) => self.snapshot(Some(reply), cx),
            Msg::Saved(saved) => {
                self.saved(&saved);
                if let Some(Saving(Some(reply))) = self.saving.take() {
                    reply.send(saved);
                }
            }
            Msg::Leave => return Ok(self.leave(cx)),
        }
        Ok(Flow::Continue)
    }
}

/// The same error without the events, which would be kept for nobody.
fn without_events(mut error: AppendError) -> AppendError {
    if let AppendError::TooLarge { events, .. }
    | AppendError::Rejected { events, .. }
    | AppendError::CorruptedIdempotency { events, .. }
    | AppendError::Unavailable { events, .. } = &mut error
    {
        *events = Vec::new();
    }
    error
}
