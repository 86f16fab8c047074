//! Event replay: folds the stored events of an event-sourced actor.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use serde_json::Value;

use steadfast_eventlog::{Event, EventKind, Payload, Seq, Upcasters};

use super::{
    ReplayError,
    player::{Fork, Played, Player, Saved, Unit},
};
use crate::{
    EventSourced,
    record::{Sent, ValueHash, vocabulary::CODEC},
};

/// Folds the stored events of one event-sourced actor.
pub(crate) struct EntityPlayer<E: EventSourced> {
    state: E,
    /// The number of the last event; every one before it has been played.
    seq: Seq,
    upcasters: Option<Arc<Upcasters>>,
    saved: Option<Saved>,
}

/// One kept moment of an entity.
struct Moment<E> {
    state: Mutex<E>,
    seq: Seq,
}

impl<E: EventSourced + Serialize + Clone> EntityPlayer<E> {
    pub(crate) fn new(state: E, upcasters: Option<Arc<Upcasters>>) -> Self {
        Self { state, seq: Seq::ZERO, upcasters, saved: None }
    }

    pub(crate) fn entity(&self) -> &E {
        &self.state
    }

    pub(crate) fn fold(&mut self, event: &Event) -> Result<(), ReplayError> {
        self.saved = None;
        let upcast = |cause| ReplayError::Upcast {
            actor: event.actor.clone(),
            position: event.position,
            cause,
        };
        match &self.upcasters {
            // Without upcasters there is one version, and it is the one this program writes.
            None => self.apply(event, &event.payload),
            Some(upcasters) => {
                let payloads = upcasters.upcast(event.payload.clone()).map_err(upcast)?;
                payloads.iter().try_for_each(|payload| self.apply(event, payload))
            }
        }
    }

    fn apply(&mut self, event: &Event, payload: &Payload) -> Result<(), ReplayError> {
        let known = (E::EVENT_TYPE, E::EVENT_VERSION);
        let (type_name, version) = (payload.type_name(), payload.version());
        if (type_name.as_str(), version) != known {
            return Err(ReplayError::Upcast {
                actor: event.actor.clone(),
                position: event.position,
                cause: steadfast_eventlog::UpcastError::Unknown {
                    type_name: type_name.clone(),
                    version,
                },
            });
        }
        let decoded: E::Event = payload.decode().map_err(|cause| ReplayError::Decode {
            actor: event.actor.clone(),
            position: event.position,
            cause,
        })?;
        apply_all(&mut self.state, event, &[decoded])
    }
}

/// Folds events of one entity into a state; `at` is the place in the log that an error names.
pub(crate) fn apply_all<E: EventSourced>(
    state: &mut E,
    at: &Event,
    events: &[E::Event],
) -> Result<(), ReplayError> {
    let folded =
        catch_unwind(AssertUnwindSafe(|| events.iter().for_each(|event| state.apply(event))));
    folded.map_err(|payload| ReplayError::Panicked {
        actor: at.actor.clone(),
        position: at.position,
        message: text_of(&*payload),
    })
}

/// The text of a panic; empty if it has none.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

impl<E: EventSourced + Serialize + Clone> Player for EntityPlayer<E> {
    fn play(&mut self, unit: &Unit) -> Result<Played, ReplayError> {
        // INV-REP-1: a state is made of every event from the first one on; where retention has removed some there
        // is none, and no other state is shown in its place.
        let (event, expected) = (&unit.event, self.seq.next());
        if event.seq != expected {
            let (actor, found) = (event.actor.clone(), event.seq);
            return Err(ReplayError::Missing { actor, expected, found });
        }
        (self.seq, self.saved) = (event.seq, None);
        if !self.is_turn(event) {
            return Ok(Played::Aside);
        }
        self.fold(&unit.event)?;
        Ok(Played::Turn)
    }

    fn is_turn(&self, event: &Event) -> bool {
        event.kind == EventKind::StateChanged
    }

    fn save(&mut self) -> Option<Saved> {
        let (state, seq) = (&self.state, self.seq);
        let moment = || -> Saved { Arc::new(Moment { state: Mutex::new(state.clone()), seq }) };
        Some(Arc::clone(self.saved.get_or_insert_with(moment)))
    }

    fn load(&mut self, saved: &Saved) {
        if let Some(Moment { state, seq }) = saved.downcast_ref::<Moment<E>>() {
            self.state = state.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.seq = *seq;
            self.saved = Some(Arc::clone(saved));
        }
    }

    fn state_hash(&self) -> Option<ValueHash> {
        state_hash(&self.state)
    }

    fn state_tree(&self) -> Option<Value> {
        serde_json::to_value(&self.state).ok()
    }

    fn state(&self) -> Option<&dyn Any> {
        Some(&self.state)
    }

    fn fork(&self) -> Option<Fork> {
        None
    }

    fn replace(&mut self, _: u64, _: Box<dyn Any + Send>) -> bool {
        false
    }

    fn explore(&mut self) {}

    fn found(&self) -> &[Sent] {
        &[]
    }
}

/// The hash of a state, as replays have it: the same for equal states of one build.
///
/// `None` if the state cannot be encoded. To compare a live state with a replayed one.
///
/// # Example
///
/// ```
/// use steadfast_sourcing::replay::state_hash;
///
/// assert_eq!(state_hash(&(1, "a")), state_hash(&(1, "a")));
/// assert_ne!(state_hash(&(1, "a")), state_hash(&(2, "a")));
/// ```
pub fn state_hash<S: Serialize>(state: &S) -> Option<ValueHash> {
    let payload = Payload::encode(CODEC, "state", 1, state).ok()?;
    Some(ValueHash::of(payload.bytes()))
}
