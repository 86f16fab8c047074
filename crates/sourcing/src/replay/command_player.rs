//! Input replay of event-sourced actors: decides again upon the recorded commands.

use std::{any::Any, collections::VecDeque, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use steadfast_actor_core::tape::OutputKind;
use steadfast_eventlog::{Event, Payload, Upcasters};

use super::{
    Difference, ReplayError,
    entity_player::EntityPlayer,
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
        Self { present: EntityPlayer::new(state, upcasters), behind, pending: VecDeque::new() }
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
        let command = Payload::new(record.codec, COMMAND_TYPE, 1, record.command);
        let command: E::Command = command.decode().map_err(decode)?;
        let seq = record.inputs.seq;
        self.fold_behind(|event, _| event.seq <= seq)?;
        let name = event.actor.as_str();
        let name = name.strip_prefix("tape:").unwrap_or(name);
        let id = name.split_once('/').map_or(name, |(_, id)| id);
        let mut cx = Decide::<E>::replay(name, id, record.inputs);
        // What would be sent once the events are stored is dropped: nothing leaves a replay.
        let decided = self.behind.entity().decide(command, &mut cx);
        if let Some(missing) = cx.missing() {
            let what = missing.to_owned();
            return Ok(Played::Differs(Difference::Unrecorded { what }, Vec::new()));
        }
        let (found, failed) = match decided {
            Ok(effect) => (effect.events, None),
            Err(error) => {
                (Vec::new(), Some(Into::<steadfast_actor_core::BoxError>::into(error).to_string()))
            }
        };
        if failed != record.failed {
            let ending = |text: Option<String>| text.map_or(TurnEnding::Goes, TurnEnding::Failed);
            let (expected, found) = (ending(record.failed), ending(failed));
            return Ok(Played::Differs(Difference::Ending { expected, found }, Vec::new()));
        }
        let found: Vec<Option<ValueHash>> = found.iter().map(event_hash).collect();
        for at in 0..found.len().max(record.events.len()) {
            let expected = record.events.get(at).map(|hash| Some(ValueHash(*hash)));
            let found = found.get(at).copied();
            if expected != found {
                let number = u32::try_from(at).unwrap_or(u32::MAX);
                let sent = |hash| Sent {
                    kind: OutputKind::Effect,
                    target: "event".to_owned(),
                    type_name: E::EVENT_TYPE.to_owned(),
                    hash,
                };
                let (expected, found) = (expected.map(sent), found.map(sent));
                let difference = Difference::Output { number, expected, found };
                return Ok(Played::Differs(difference, Vec::new()));
            }
        }
        match (record.state.map(ValueHash), self.present.state_hash()) {
            (Some(expected), Some(found)) if expected != found => {
                Ok(Played::Differs(Difference::State { expected, found }, Vec::new()))
            }
            _ => Ok(Played::Turn),
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

    fn replace(&mut self, _: u64, _: Box<dyn Any + Send>) {}

    fn explore(&mut self) {}

    fn found(&self) -> &[Sent] {
        &[]
    }
}
