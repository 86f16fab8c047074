//! Input replay: takes the recorded turns of one actor again.

use std::{
    any::Any,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

use steadfast_actor_core::{
    Actor, TimerKey,
    tape::{self, Rehearsal, Source, Step, Taken},
};
use steadfast_base::{CallContext, Seed, context};
use steadfast_eventlog::{CodecError, Event, EventKind, Payload};

use super::{
    Difference, ReplayError, Stage, StateDifference,
    playback::Playback,
    player::{Fork, Played, Player, Saved, Unit},
    stages::Stages,
    state_differences,
};
use crate::record::{
    Gap, Sent, Shape, TurnEnding, ValueHash,
    opened::{GAP_TYPE, OPENED_TYPE, Opened, read_signal},
    shape::tree_of,
    turn::{TURN_TYPE, TurnRecord},
    vocabulary::CODEC,
};

/// Builds an actor for a replay.
pub(crate) type Build<A> = Arc<dyn Fn(&Stage) -> A + Send + Sync>;

/// Takes the recorded turns of one actor again.
pub(crate) struct ActorPlayer<A: Actor> {
    shape: Shape<A>,
    build: Build<A>,
    stages: Stages,
    stage: Option<Stage>,
    rehearsal: Option<Rehearsal<A>>,
    /// Always there but while it plays.
    tape: Option<Box<Playback>>,
    /// The context of the turn at hand; its memory is used again.
    context: Arc<CallContext>,
    opened: Option<Opened>,
    /// No turn can be taken until there is a state again.
    is_blind: bool,
    explores: bool,
    replaced: BTreeMap<u64, Box<dyn Any + Send>>,
    saved: Option<Saved>,
}

/// One kept moment of an actor.
struct Moment<A> {
    actor: Mutex<A>,
    words_drawn: u64,
    incarnation: u32,
    opened: Option<Opened>,
}

impl<A: Actor> ActorPlayer<A> {
    pub(crate) fn new(shape: Shape<A>, build: Build<A>, stages: Stages) -> Self {
        let tape = Some(Box::new(Playback::new(shape.vocabulary.clone())));
        Self {
            shape,
            build,
            stages,
            stage: None,
            rehearsal: None,
            tape,
            context: Arc::new(CallContext::new()),
            opened: None,
            is_blind: true,
            explores: false,
            replaced: BTreeMap::new(),
            saved: None,
        }
    }

    fn malformed(event: &Event) -> ReplayError {
        ReplayError::Malformed { actor: event.actor.clone(), position: event.position }
    }

    fn decode_error(event: &Event, cause: CodecError) -> ReplayError {
        ReplayError::Decode { actor: event.actor.clone(), position: event.position, cause }
    }

    /// A recording begins: the stage is set for it.
    fn open(&mut self, event: &Event) -> Result<(), ReplayError> {
        let opened = Opened::read(event.payload.bytes().clone());
        let opened = opened.ok().ok_or_else(|| Self::malformed(event))?;
        self.set_stage(&opened)?;
        self.is_blind = !opened.from_birth;
        self.opened = Some(opened);
        Ok(())
    }

    fn set_stage(&mut self, opened: &Opened) -> Result<(), ReplayError> {
        let name = opened.path.split('/').nth(1).unwrap_or("replay");
        let stage = self.stages.get(name, Seed::new(opened.seed)).map_err(ReplayError::Stage)?;
        let stage = stage.for_actor(&opened.path);
        let mut rehearsal = Rehearsal::new(stage.system(), opened.id, &opened.path);
        rehearsal.catch_up(opened.incarnation);
        rehearsal.set_words_drawn(opened.words_drawn);
        self.rehearsal = Some(rehearsal);
        self.stage = Some(stage);
        Ok(())
    }

    /// A kept state: the turns behind it begin with it, if the ones before could not be taken.
    fn begin_with(&mut self, event: &Event) -> Result<(), ReplayError> {
        if !self.is_blind {
            return Ok(());
        }
        let (Some(restore), Some(rehearsal)) = (self.shape.restore, &mut self.rehearsal) else {
            return Ok(());
        };
        let state = restore(&event.payload).map_err(|cause| Self::decode_error(event, cause))?;
        drop(rehearsal.seat(state));
        self.is_blind = false;
        Ok(())
    }

    /// Takes one turn.
    fn turn(&mut self, unit: &Unit) -> Result<Played, ReplayError> {
        let malformed = || Self::malformed(&unit.event);
        let Some(mut playback) = self.tape.take() else { return Ok(Played::Blind) };
        let read = playback.record.read(unit.event.payload.bytes().clone());
        let sent = read.and_then(|()| read_sent(unit, &mut playback.expected));
        if sent.is_err() {
            self.tape = Some(playback);
            return Err(malformed());
        }
        let step = self.step(unit, &playback.record);
        let (Some(step), Some(rehearsal), Some(stage)) =
            (step?, self.rehearsal.as_mut(), &self.stage)
        else {
            self.tape = Some(playback);
            return Ok(Played::Blind);
        };
        let record = &playback.record;
        stage.clock().set(record.began, record.began_wall);
        set_context(&mut self.context, unit, record);
        playback.rewind();
        let taken = {
            let _context = context::replace(Some(Arc::clone(&self.context)));
            let guard = tape::enter(playback);
            let taken = rehearsal.take(step);
            let tape: Option<Box<dyn Any>> = guard.leave().map(|tape| -> Box<dyn Any> { tape });
            self.tape = tape.and_then(|tape| tape.downcast().ok());
            taken
        };
        let Some(difference) = self.compare(taken) else { return Ok(Played::Turn) };
        let state = self.state_differences(unit);
        Ok(Played::Differs(difference, state))
    }

    /// What the turn is taken with; none if there is no state for it.
    fn step(
        &mut self,
        unit: &Unit,
        record: &TurnRecord,
    ) -> Result<Option<Step<A::Msg>>, ReplayError> {
        let (Some(rehearsal), Some(stage)) = (self.rehearsal.as_mut(), &self.stage) else {
            return Ok(None);
        };
        let starts = matches!(record.source, Source::Start | Source::Resumed);
        if starts {
            rehearsal.next_incarnation();
            rehearsal.catch_up(record.incarnation);
        }
        if record.source == Source::Start {
            stage.clock().set(record.began, record.began_wall);
            drop(rehearsal.seat((self.build)(stage)));
            if self.is_blind {
                // Only the words of this turn are known, not those drawn before it.
                rehearsal.set_words_drawn(record.words_drawn);
            }
            self.is_blind = false;
        }
        if self.is_blind {
            return Ok(None);
        }
        if starts {
            return Ok(Some(Step::Start));
        }
        if record.source == Source::Signal {
            let signal = read_signal(record.input.clone()).ok();
            let signal = signal.ok_or_else(|| Self::malformed(&unit.event))?;
            return Ok(Some(Step::Signal(signal)));
        }
        let source = match &record.timer_name {
            Some(name) => {
                let name = std::str::from_utf8(name).unwrap_or_default();
                Source::Timer(rehearsal.timer_named(name).unwrap_or(TimerKey::Name("")))
            }
            None => record.source,
        };
        let replaced = self.replaced.remove(&unit.event.turn);
        let replaced = replaced.and_then(|message| message.downcast::<A::Msg>().ok());
        let message = if let Some(message) = replaced {
            *message
        } else {
            let input = record.input.clone();
            let payload = Payload::new(CODEC, &self.shape.message_type, 1, input);
            let decoded = (self.shape.decode)(&payload);
            decoded.map_err(|cause| Self::decode_error(&unit.event, cause))?
        };
        Ok(Some(Step::Message(source, message)))
    }

    /// Where the turn parted from its record, if it did.
    fn compare(&mut self, taken: Taken) -> Option<Difference> {
        let playback = self.tape.as_mut()?;
        let cut_short = playback.record.ending == TurnEnding::CutShort;
        let found = match taken {
            Taken::Goes => TurnEnding::Goes,
            Taken::Stops => TurnEnding::Stops,
            Taken::Failed(error) => TurnEnding::Failed(error.to_string()),
            Taken::Panicked(text) => TurnEnding::Panicked(text),
            _ => TurnEnding::CutShort,
        };
        if let Some(difference) = playback.take_difference() {
            return Some(difference);
        }
        if found != playback.record.ending {
            let expected = playback.record.ending.clone();
            return Some(match found {
                TurnEnding::CutShort => {
                    Difference::Unrecorded { what: "it waits for something".to_owned() }
                }
                found => Difference::Ending { expected, found },
            });
        }
        let rehearsal = self.rehearsal.as_ref()?;
        let (expected, found) = (playback.record.words_drawn, rehearsal.words_drawn());
        if expected != found && !cut_short {
            return Some(Difference::Random { expected, found });
        }
        let expected = playback.record.state?;
        let found = self.shape.state_hash(rehearsal.actor()?)?;
        (expected != found).then_some(Difference::State { expected, found })
    }

    fn state_differences(&self, unit: &Unit) -> Vec<StateDifference> {
        let expected = unit.kept.as_ref().and_then(|kept| tree_of(&kept.payload));
        match (expected, self.state_tree()) {
            (Some(expected), Some(found)) => state_differences(&expected, &found),
            _ => Vec::new(),
        }
    }

    /// Takes the place of another player, with this state.
    pub(crate) fn begin_as(&mut self, fork: Fork, state: A) -> Result<(), ReplayError> {
        self.set_stage(&fork.opened)?;
        self.opened = Some(fork.opened);
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.catch_up(fork.incarnation);
            rehearsal.set_words_drawn(fork.words_drawn);
            drop(rehearsal.seat(state));
        }
        self.is_blind = false;
        Ok(())
    }

    fn actor(&self) -> Option<&A> {
        self.rehearsal.as_ref().and_then(Rehearsal::actor)
    }
}

/// The outputs of a turn, read into `into`.
fn read_sent(unit: &Unit, into: &mut Vec<Sent>) -> Result<(), crate::record::wire::Malformed> {
    into.clear();
    for sent in &unit.sent {
        into.push(Sent::read(sent.payload.bytes().clone())?);
    }
    Ok(())
}

/// The context that the turn was taken in.
fn set_context(place: &mut Arc<CallContext>, unit: &Unit, record: &TurnRecord) {
    let mut call = record.context.clone().unwrap_or_default().with_causation(unit.event.id);
    if let Some(correlation) = unit.event.correlation {
        call = call.with_correlation(correlation);
    }
    match Arc::get_mut(place) {
        Some(place) => *place = call,
        // Something of the last turn keeps its context.
        None => *place = Arc::new(call),
    }
}

impl<A: Actor> Player for ActorPlayer<A> {
    fn play(&mut self, unit: &Unit) -> Result<Played, ReplayError> {
        let event = &unit.event;
        let type_name = event.payload.type_name().as_str();
        match &event.kind {
            EventKind::MessageProcessed if type_name == TURN_TYPE => {
                self.saved = None;
                let played = self.turn(unit)?;
                if let (Played::Blind, Some(kept)) = (&played, &unit.kept) {
                    self.begin_with(kept)?;
                }
                Ok(played)
            }
            EventKind::SnapshotTaken => {
                self.saved = None;
                self.begin_with(event)?;
                Ok(Played::Aside)
            }
            _ if type_name == OPENED_TYPE => {
                self.saved = None;
                self.open(event)?;
                Ok(Played::Aside)
            }
            _ if type_name == GAP_TYPE => {
                self.saved = None;
                self.is_blind = true;
                let gap = Gap::read(event.payload.bytes().clone());
                gap.map(Played::Gap).ok().ok_or_else(|| Self::malformed(event))
            }
            _ => Ok(Played::Aside),
        }
    }

    fn is_turn(&self, event: &Event) -> bool {
        event.kind == EventKind::MessageProcessed && event.payload.type_name().as_str() == TURN_TYPE
    }

    fn save(&mut self) -> Option<Saved> {
        if let Some(saved) = &self.saved {
            return Some(Arc::clone(saved));
        }
        let (clone, rehearsal) = (self.shape.clone?, self.rehearsal.as_mut()?);
        if self.is_blind || !rehearsal.is_bare() {
            return None;
        }
        let words_drawn = rehearsal.words_drawn();
        let incarnation = rehearsal.incarnation();
        let actor = Mutex::new(clone(rehearsal.actor()?));
        let moment = Moment { actor, words_drawn, incarnation, opened: self.opened.clone() };
        let saved: Saved = Arc::new(moment);
        self.saved = Some(Arc::clone(&saved));
        Some(saved)
    }

    fn load(&mut self, saved: &Saved) {
        let Some(moment) = saved.downcast_ref::<Moment<A>>() else { return };
        let (Some(clone), Some(opened)) = (self.shape.clone, &moment.opened) else { return };
        if self.set_stage(opened).is_err() {
            self.is_blind = true;
            return;
        }
        let Some(rehearsal) = &mut self.rehearsal else { return };
        rehearsal.catch_up(moment.incarnation);
        rehearsal.set_words_drawn(moment.words_drawn);
        let actor = moment.actor.lock().unwrap_or_else(PoisonError::into_inner);
        drop(rehearsal.seat(clone(&actor)));
        self.opened = Some(opened.clone());
        self.is_blind = false;
        self.saved = Some(Arc::clone(saved));
    }

    fn state_hash(&self) -> Option<ValueHash> {
        self.shape.state_hash(self.actor()?)
    }

    fn state_tree(&self) -> Option<Value> {
        self.shape.state_tree(self.actor()?)
    }

    fn state(&self) -> Option<&dyn Any> {
        self.actor().map(|actor| -> &dyn Any { actor })
    }

    fn fork(&self) -> Option<Fork> {
        let (opened, rehearsal) = (self.opened.clone()?, self.rehearsal.as_ref()?);
        let (words_drawn, incarnation) = (rehearsal.words_drawn(), rehearsal.incarnation());
        Some(Fork { opened, words_drawn, incarnation })
    }

    fn replace(&mut self, turn: u64, message: Box<dyn Any + Send>) -> bool {
        let is_one = message.is::<A::Msg>();
        if is_one {
            self.replaced.insert(turn, message);
        }
        is_one
    }

    fn explore(&mut self) {
        self.explores = true;
        if let Some(tape) = &mut self.tape {
            tape.keeps_found = true;
        }
    }

    fn found(&self) -> &[Sent] {
        self.tape.as_ref().map_or(&[], |tape| &tape.found)
    }
}
