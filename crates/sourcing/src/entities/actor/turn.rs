//! One command: decided upon, stored, applied, and only then acted on.

use std::sync::Arc;
use std::thread;

use steadfast_actor_core::{BoxError, Cx, Flow};
use steadfast_base::{CallContext, EventId, Value, context};
use steadfast_eventlog::{
    ActorName, Append, AppendError, CodecError, EventKind, EventStore, Expected, NewEvent, Payload,
    Query, Seq,
};

use super::super::shared::{Handed, Shared, add, count};
use super::{EntityActor, Msg};
use crate::{
    CommandFault, CommandId, Effect, EventSourced, PersistFailed, Turn, TurnOutcome, names,
};

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
    /// Decides, stores, applies, acts.
    pub(super) async fn command(
        &mut self,
        command: S::Command,
        ticket: u64,
        key: Option<CommandId>,
        cx: &mut Cx<Self>,
    ) -> Result<Flow, BoxError> {
        if let Some(key) = key
            && let Some(fault) =
                Box::pin(earlier_try(self.shared.log(), self.actor.clone(), key)).await
        {
            // The asker is told when the command, and the reply in it, is dropped.
            self.shared.blame(ticket, fault);
            return Ok(Flow::Continue);
        }
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
            self.act(effect, ticket, key, cx);
            return Ok(self.flow(cx));
        }
        let new = match self.new_events(&effect.events, key, recording.is_some()) {
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
            for (event, place) in effect.events.iter().zip(places) {
                live.at.note(place.at, S::happened_at(event).is_some());
            }
            live.events += places.len() as u64;
            live.bytes += bytes as u64;
        }
        add(&self.shared.counters.events, places.len() as u64);
        self.record(recording, &effect, TurnOutcome::Stored(places));
        self.act(effect, ticket, key, cx);
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

    fn new_events(
        &self,
        events: &[S::Event],
        key: Option<CommandId>,
        recorded: bool,
    ) -> Result<Vec<NewEvent>, CodecError> {
        let shared = &self.shared;
        let inputs = self.decide.inputs();
        let codec = shared.config.codec;
        let encode = |(number, event)| {
            let (name, version) = (&shared.event_type, S::EVENT_VERSION);
            let payload = Payload::encode(codec, name, version, event)?;
            let id = match key {
                Some(key) => key.event(&self.actor, number),
                None => shared.system.ids().event(),
            };
            let mut new = NewEvent::new(id, &self.actor, EventKind::StateChanged, payload);
            new.at = S::happened_at(event).or(inputs.at);
            new.correlation = inputs.correlation;
            new.causation = inputs.causation;
            new.turn = if recorded { self.turn } else { 0 };
            Ok(new)
        };
        (0..).zip(events).map(encode).collect()
    }

    /// Answers, and starts what is to be done: in the context of the call, caused by its last event.
    fn act(
        &mut self,
        effect: Effect<S::Event>,
        ticket: u64,
        key: Option<CommandId>,
        cx: &mut Cx<Self>,
    ) {
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
        for (number, perform) in (0..).zip(performs) {
            let key = key.map(|key| key.performed(&self.actor, number));
            let performed = move |command| Msg::Performed(command, key);
            if cx.pipe_to_self(perform, performed).is_ok() {
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
}

/// Why a command with this id is not decided upon: an earlier try of it is stored, or the log cannot say.
async fn earlier_try(
    log: Arc<dyn EventStore>,
    actor: ActorName,
    key: CommandId,
) -> Option<CommandFault> {
    let first = Query::event(key.event(&actor, 0)).actors([actor]);
    match log.read(first).next().await {
        Ok(found) => found.first().map(|event| CommandFault::Stored { seq: event.seq }),
        Err(error) => Some(CommandFault::Unread(Arc::new(error))),
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
