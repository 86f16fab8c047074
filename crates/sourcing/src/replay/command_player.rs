//! Input replay of event-sourced actors: decides again upon the recorded commands.

use std::{
    any::Any,
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use steadfast_actor_core::{BoxError, tape::OutputKind};
use steadfast_eventlog::{Event, Payload, Upcasters};

use super::{
    Difference, ReplayError,
    entity_player::{EntityPlayer, apply_all, state_hash, text_of},
    player::{Fork, Played, Player, Saved, Unit},
};
use crate::{
    Decide, EventSourced,
    record::{
        Sent, TurnEnding, ValueHash,
        commands::{COMMAND_TYPE, CommandRecord, event_hash},
    },
};

/// Events that are kept until the decision that led to them is looked at; beyond, the oldest ones count as
/// not recorded.
const PENDING_MAX: usize = 10_000;

/// Folds the stored events of one entity, and decides again upon its recorded commands.
///
/// The record of a decision lies behind its events. So two states are kept: the present one, and one that stays
/// behind, to decide on.
pub(crate) struct CommandPlayer<E: EventSourced> {
    present: EntityPlayer<E>,
    behind: EntityPlayer<E>,
    /// The events that `behind` has not folded yet.
    pending: VecDeque<Event>,
    replaced: BTreeMap<u64, E::Command>,
    explores: bool,
    /// The state in a story that parted from the record.
    other: Option<E>,
    /// What the last decision led to, where somebody wants to know.
    found: Vec<Sent>,
}

/// One kept moment of an entity.
struct Kept {
    present: Saved,
    behind: Saved,
    pending: VecDeque<Event>,
}

impl<E> CommandPlayer<E>
where
    E: EventSourced + Serialize + Clone,
    E::Command: DeserializeOwned,
{
    pub(crate) fn new(state: E, upcasters: Option<Arc<Upcasters>>) -> Self {
        let behind = EntityPlayer::new(state.clone(), upcasters.clone());
        Self {
            present: EntityPlayer::new(state, upcasters),
            behind,
            pending: VecDeque::new(),
            replaced: BTreeMap::new(),
            explores: false,
            other: None,
            found: Vec::new(),
        }
    }

    fn fold_behind(&mut self, goes: impl Fn(&Event, usize) -> bool) -> Result<(), ReplayError> {
        while let Some(event) = self.pending.front() {
            if !goes(event, self.pending.len()) {
                break;
            }
            self.behind.fold(event)?;
            self.pending.pop_front();
        }
        Ok(())
    }

    fn decide(&mut self, event: &Event) -> Result<Played, ReplayError> {
        let decode = |cause| ReplayError::Decode {
            actor: event.actor.clone(),
            position: event.position,
            cause,
        };
        let record: CommandRecord = event.payload.decode().map_err(decode)?;
        let command = if let Some(replaced) = self.replaced.remove(&event.turn) {
            replaced
        } else {
            let command = Payload::new(record.codec, COMMAND_TYPE, 1, record.command.clone());
            command.decode().map_err(decode)?
        };
        let seq = record.inputs.seq;
        self.fold_behind(|event, _| event.seq <= seq)?;
        let name = event.actor.as_str();
        let name = name.strip_prefix("tape:").unwrap_or(name);
        let id = name.split_once('/').map_or(name, |(_, id)| id);
        let mut cx = Decide::<E>::replay(name, id, record.inputs.clone());
        // What would be sent once the events are stored is dropped: nothing leaves a replay.
        let state = self.other.as_ref().unwrap_or_else(|| self.behind.entity());
        let decided = catch_unwind(AssertUnwindSafe(|| state.decide(command, &mut cx)));
        let (events, ending) = match decided {
            Ok(Ok(effect)) => (effect.events, TurnEnding::Goes),
            Ok(Err(error)) => {
                let error: BoxError = error.into();
                (Vec::new(), TurnEnding::Failed(error.to_string()))
            }
            Err(payload) => (Vec::new(), TurnEnding::Panicked(text_of(&*payload))),
        };
        let hashes: Vec<Option<ValueHash>> = events.iter().map(event_hash).collect();
        let mut difference = match cx.missing() {
            Some(missing) => Some(Difference::Unrecorded { what: missing.to_owned() }),
            None => Self::difference(&record, ending, &hashes),
        };
        if self.explores {
            self.found = hashes.iter().map(|hash| Self::sent(*hash)).collect();
            if difference.is_some() || self.other.is_some() {
                let mut other = self.other.take().unwrap_or_else(|| self.behind.entity().clone());
                apply_all(&mut other, event, &events)?;
                self.other = Some(other);
            }
        }
        if let (None, Some(expected)) = (&difference, record.state.map(ValueHash)) {
            let found = match &self.other {
                Some(other) => state_hash(other),
                None => self.present.state_hash(),
            };
            difference = found
                .filter(|found| *found != expected)
                .map(|found| Difference::State { expected, found });
        }
        Ok(difference.map_or(Played::Turn, |difference| Played::Differs(difference, Vec::new())))
    }

    /// Where a decision parts from its record, if it does.
    fn difference(
        record: &CommandRecord,
        ending: TurnEnding,
        found: &[Option<ValueHash>],
    ) -> Option<Difference> {
        let expected = record.failed.clone().map_or(TurnEnding::Goes, TurnEnding::Failed);
        if expected != ending {
            return Some(Difference::Ending { expected, found: ending });
        }
        (0..found.len().max(record.events.len())).find_map(|at| {
            let expected = record.events.get(at).map(|hash| Some(ValueHash(*hash)));
            let found = found.get(at).copied();
            (expected != found).then(|| {
                let number = u32::try_from(at).unwrap_or(u32::MAX);
                let (expected, found) = (expected.map(Self::sent), found.map(Self::sent));
                Difference::Output { number, expected, found }
            })
        })
    }

    /// An event, as an output of a decision.
    fn sent(hash: Option<ValueHash>) -> Sent {
        Sent {
            kind: OutputKind::Effect,
            target: "event".to_owned(),
            type_name: E::EVENT_TYPE.to_owned(),
            hash,
        }
    }
}

fn is_command(event: &Event) -> bool {
    event.payload.type_name().as_str() == COMMAND_TYPE
}

impl<E> Player for CommandPlayer<E>
where
    E: EventSourced + Serialize + Clone,
    E::Command: DeserializeOwned,
{
    fn play(&mut self, unit: &Unit) -> Result<Played, ReplayError> {
        if is_command(&unit.event) {
            return self.decide(&unit.event);
        }
        let played = self.present.play(unit)?;
        if matches!(played, Played::Turn) {
            self.pending.push_back(unit.event.clone());
            self.fold_behind(|_, pending| pending > PENDING_MAX)?;
        }
        Ok(played)
    }

    fn is_turn(&self, event: &Event) -> bool {
        is_command(event) || self.present.is_turn(event)
    }

    fn save(&mut self) -> Option<Saved> {
        let (present, behind) = (self.present.save()?, self.behind.save()?);
        Some(Arc::new(Kept { present, behind, pending: self.pending.clone() }))
    }

    fn load(&mut self, saved: &Saved) {
        if let Some(kept) = saved.downcast_ref::<Kept>() {
            self.present.load(&kept.present);
            self.behind.load(&kept.behind);
            self.pending.clone_from(&kept.pending);
        }
    }

    fn state_hash(&self) -> Option<ValueHash> {
        self.present.state_hash()
    }

    fn state_tree(&self) -> Option<Value> {
        self.present.state_tree()
    }

    fn state(&self) -> Option<&dyn Any> {
        self.present.state()
    }

    fn fork(&self) -> Option<Fork> {
        None
    }

    fn replace(&mut self, turn: u64, message: Box<dyn Any + Send>) -> bool {
        let Ok(command) = message.downcast::<E::Command>() else { return false };
        self.replaced.insert(turn, *command);
        true
    }

    fn explore(&mut self) {
        self.explores = true;
    }

    fn found(&self) -> &[Sent] {
        &self.found
    }
}
