//! Recording what event-sourced actors decide upon.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use steadfast_eventlog::{ActorName, CodecId, EventKind, NewEvent, Payload, limits};

use super::{ValueHash, recorder::Desk, recording_of};
use crate::{EventSourced, Turn, TurnInputs, TurnOutcome, TurnRecorder};

/// The type of the payloads that hold decisions.
pub(crate) const COMMAND_TYPE: &str = "steadfast.recording.Command";

/// One recorded decision. Stored with the names of its fields, so that fields can be added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CommandRecord {
    pub(crate) codec: CodecId,
    pub(crate) command: Vec<u8>,
    pub(crate) inputs: TurnInputs,
    /// The hashes of the events decided upon, in order.
    pub(crate) events: Vec<[u8; 32]>,
    /// The text of the failure of `decide`.
    pub(crate) failed: Option<String>,
    /// The hash of the state after the turn, if its events were stored.
    pub(crate) state: Option<[u8; 32]>,
}

/// Records the commands of one kind of entities. Made by [`Recorder::entities`](super::Recorder::entities).
pub(super) struct CommandRecorder<S> {
    desk: Arc<Desk>,
    entity: PhantomData<fn() -> S>,
}

impl<S> CommandRecorder<S> {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self { desk, entity: PhantomData }
    }
}

impl<S> fmt::Debug for CommandRecorder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandRecorder").finish_non_exhaustive()
    }
}

/// The hash of an event, as recordings have it.
pub(crate) fn event_hash<E: Serialize>(event: &E) -> Option<ValueHash> {
    let payload = Payload::encode(CodecId::NAMED, "event", 1, event).ok()?;
    Some(ValueHash::of(payload.bytes()))
}

impl<S> TurnRecorder<S> for CommandRecorder<S>
where
    S: EventSourced + Serialize,
    S::Command: Serialize + DeserializeOwned,
{
    fn begin(&self, _: &ActorName, command: &S::Command) -> Option<Payload> {
        Payload::encode(CodecId::NAMED, COMMAND_TYPE, 1, command).ok()
    }

    fn end(&self, turn: Turn<'_, S>) {
        let stored = matches!(turn.outcome, TurnOutcome::Stored(_));
        let failed = match turn.outcome {
            TurnOutcome::Failed(error) => Some(error.to_string()),
            _ => None,
        };
        let state = if stored { crate::replay::state_hash(turn.state) } else { None };
        let record = CommandRecord {
            codec: turn.command.codec(),
            command: turn.command.bytes().to_vec(),
            inputs: turn.inputs.clone(),
            events: turn.events.iter().filter_map(event_hash).map(|hash| hash.0).collect(),
            failed,
            state: state.map(|hash| hash.0),
        };
        let Ok(payload) = Payload::encode(CodecId::NAMED, COMMAND_TYPE, 1, &record) else {
            return self.desk.count_missed();
        };
        let (id, name) = (self.desk.ids.event(), recording_of(turn.actor.as_str()));
        let mut event = NewEvent::new(id, name, EventKind::MessageProcessed, payload);
        event.turn = turn.number;
        event.correlation = turn.inputs.correlation;
        event.causation = turn.inputs.causation;
        // Each decision stands on the stored events: one that is missing leaves no other one blind.
        let fits = event.size_bytes() <= limits::EVENT_BYTES_MAX;
        if !fits || !self.desk.line().look_for_room() {
            return self.desk.count_missed();
        }
        self.desk.push(vec![event]);
        self.desk.count_recorded();
    }
}
