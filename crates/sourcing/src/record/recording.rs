//! The tape that records: it lets everything happen, and keeps what a replay will need.

use std::{
    any::{Any, TypeId},
    sync::Arc,
    task::{Context, Poll},
};

use steadfast_actor_core::{
    Actor, ExitReason,
    tape::{About, End, Ending, Input, Outcome, Output, Passage, Recalled, Tape},
};
use steadfast_base::{CallContext, CorrelationId, EventId, Instant, Time, Timestamp};
use steadfast_eventlog::{ActorName, CodecId, EventKind, NewEvent, Payload, limits};

use super::{
    Gap, GapReason, Shape, ValueHash,
    line::WhenFull,
    opened::{
        CLOSED_KIND, GAP_KIND, GAP_TYPE, OPENED_KIND, OPENED_TYPE, Opened, is_for_supervisors,
        write_signal,
    },
    recorder::Desk,
    turn::{Came, Reading, SENT_TYPE, Sent, TURN_TYPE, TurnEnding, TurnRecord, VERSION},
    vocabulary::Vocabulary,
};

/// Records one actor. Made by [`Recorder::tape`](super::Recorder::tape).
pub(super) struct Recording<A: Actor> {
    desk: Arc<Desk>,
    shape: Shape<A>,
    /// The name of the recording in the log; empty until the tape is put in.
    name: ActorName,
    path: Arc<str>,
    turn: u64,
    /// The turn that goes on.
    open: Option<OpenTurn>,
    /// Outputs so far, over all turns, modulo 2^32: their numbers.
    numbers: u32,
    gap: Option<Gap>,
    refused_seen: u64,
    last_state: Option<ValueHash>,
}

struct OpenTurn {
    id: EventId,
    record: TurnRecord,
    correlation: CorrelationId,
    causation: Option<EventId>,
    first_number: u32,
    sent: Vec<Sent>,
    fault: Option<GapReason>,
}

impl<A: Actor> Recording<A> {
    pub(super) fn new(desk: Arc<Desk>, shape: Shape<A>) -> Self {
        Self {
            desk,
            shape,
            name: ActorName::from(""),
            path: "".into(),
            turn: 0,
            open: None,
            numbers: 0,
            gap: None,
            refused_seen: 0,
            last_state: None,
        }
    }

    fn vocabulary(&self) -> &Vocabulary {
        &self.shape.vocabulary
    }

    fn event(&self, id: EventId, kind: EventKind, payload: Payload) -> NewEvent {
        NewEvent::new(id, &self.name, kind, payload).with_turn(self.turn)
    }

    fn snapshot(&self, state: &A) -> Option<NewEvent> {
        let payload = self.shape.state_payload(state)?;
        let snapshot = self.event(self.desk.ids.event(), EventKind::SnapshotTaken, payload);
        // One that the log would refuse would take the rest of its append along.
        Some(snapshot).filter(|snapshot| snapshot.size_bytes() <= limits::EVENT_BYTES_MAX)
    }

    /// Notes the state from which a replay can begin; at the opening of a recording amid a life.
    pub(super) fn begin_with(&mut self, state: &A) {
        self.last_state = self.shape.state_hash(state);
        if let Some(snapshot) = self.snapshot(state) {
            self.desk.push(vec![snapshot]);
        }
    }

    /// Says that the recording ends, though the actor lives on.
    pub(super) fn close(&mut self) {
        self.cut_short();
        let payload = Payload::raw("steadfast.recording.Closed", "");
        let kind = EventKind::application(CLOSED_KIND);
        let event = self.event(self.desk.ids.event(), kind, payload);
        let gap = self.gap_event();
        self.desk.push_last(gap.into_iter().chain([event]).collect());
    }

    fn miss(&mut self, turn: u64, reason: GapReason) {
        let gap = self.gap.get_or_insert(Gap { turn, turns: 0, reason });
        gap.turns = gap.turns.saturating_add(1);
        self.desk.count_missed();
    }

    fn gap_event(&mut self) -> Option<NewEvent> {
        let gap = self.gap.take()?;
        let payload = Payload::new(CodecId::RAW, GAP_TYPE, VERSION, gap.write());
        let kind = EventKind::application(GAP_KIND);
        Some(self.event(self.desk.ids.event(), kind, payload))
    }

    /// A turn that was begun and not ended: the actor was killed in it.
    fn cut_short(&mut self) {
        if self.open.is_some() {
            self.store_turn(TurnEnding::CutShort, None, None);
        }
    }

    /// Ends the turn that goes on, and hands it over.
    fn store_turn(&mut self, ending: TurnEnding, words_drawn: Option<u64>, state: Option<&A>) {
        let Some(mut open) = self.open.take() else { return };
        open.record.ending = ending;
        open.record.words_drawn = words_drawn.unwrap_or(open.record.words_drawn);
        open.record.outputs = u32::try_from(open.sent.len()).unwrap_or(u32::MAX);
        let every = self.desk.config.state_hash_every;
        let hash_due = every != 0 && self.turn.is_multiple_of(every);
        let state_kept = self.desk.config.snapshot_every;
        let keep_due = state_kept != 0 && self.turn.is_multiple_of(state_kept);
        if let Some(state) = state.filter(|_| hash_due || keep_due) {
            open.record.state = self.shape.state_hash(state);
            self.last_state = open.record.state;
        }
        let fault = open.fault;
        let mut events = self.turn_events(&mut open);
        let fault = fault.or_else(|| is_too_large(&events).then_some(GapReason::TooLarge));
        let room = self.look_for_room() || self.desk.config.when_full == WhenFull::Wait;
        // The turns behind a gap say nothing without a state to begin with: the first one for which there
        // is room again is given up for the state after it.
        if fault.is_some() || !room || self.gap.is_some() {
            self.miss(self.turn, fault.unwrap_or(GapReason::Full));
            if room {
                let gap = self.gap_event();
                let snapshot = state.and_then(|state| self.snapshot(state));
                self.desk.push(gap.into_iter().chain(snapshot).collect());
            }
            return;
        }
        let snapshot = state.filter(|_| keep_due).and_then(|state| self.snapshot(state));
        events.extend(snapshot);
        self.desk.push(events);
        self.desk.count_recorded();
    }

    /// Whether there is room; a turn that the log refused meanwhile becomes a gap.
    fn look_for_room(&mut self) -> bool {
        let (room, refused) = {
            let mut line = self.desk.line();
            (line.look_for_room(), line.refused())
        };
        if refused != self.refused_seen {
            self.refused_seen = refused;
            // Which turn it was is not known: it may have been another actor's.
            self.gap.get_or_insert(Gap { turn: self.turn, turns: 0, reason: GapReason::Refused });
        }
        room
    }

    fn turn_events(&self, open: &mut OpenTurn) -> Vec<NewEvent> {
        let payload = Payload::new(CodecId::RAW, TURN_TYPE, VERSION, open.record.write());
        let began = open.record.began_wall;
        let failed = matches!(open.record.ending, TurnEnding::Failed(_) | TurnEnding::Panicked(_));
        let mut turn = self
            .event(open.id, EventKind::MessageProcessed, payload)
            .with_at(began)
            .with_correlation(open.correlation);
        turn.causation = open.causation;
        let mut events = vec![turn];
        let caused = |kind, payload| {
            self.event(self.desk.ids.event(), kind, payload)
                .with_at(began)
                .with_correlation(open.correlation)
                .with_causation(open.id)
        };
        for sent in open.sent.drain(..) {
            let payload = Payload::new(CodecId::RAW, SENT_TYPE, VERSION, sent.write());
            events.push(caused(EventKind::MessageSent, payload));
        }
        if failed && let TurnEnding::Failed(text) | TurnEnding::Panicked(text) = &open.record.ending
        {
            let payload = Payload::raw("steadfast.recording.Failure", text.clone());
            events.push(caused(EventKind::FailureOccurred, payload));
        }
        events
    }

    fn encode_input(&self, input: &Input<'_>) -> Result<bytes::Bytes, GapReason> {
        if let Some(signal) = input.signal {
            if is_for_supervisors(signal) {
                return Err(GapReason::Encoding);
            }
            return write_signal(signal).map(Into::into).ok_or(GapReason::Encoding);
        }
        let Some(message) = input.message else { return Ok(bytes::Bytes::new()) };
        let message = message.downcast_ref::<A::Msg>().ok_or(GapReason::Encoding)?;
        let payload = self.shape.encode(message).ok().ok_or(GapReason::Encoding)?;
        Ok(payload.bytes().clone())
    }
}

impl<A: Actor> Tape for Recording<A> {
    fn inserted(&mut self, about: &About<'_>) {
        self.path = about.path.into();
        self.name = super::recording_of(about.path);
        self.refused_seen = self.desk.line().refused();
        let opened = Opened {
            from_birth: about.incarnation == 0,
            build: self.desk.config.build.clone(),
            seed: about.seed.as_u64(),
            id: about.id,
            incarnation: about.incarnation,
            words_drawn: about.words_drawn,
            message_type: self.shape.message_type.to_string(),
            state_type: self.shape.state_type.to_string(),
            path: about.path.to_owned(),
        };
        let kind = if opened.from_birth {
            EventKind::ActorCreated
        } else {
            EventKind::application(OPENED_KIND)
        };
        let payload = Payload::new(CodecId::RAW, OPENED_TYPE, VERSION, opened.write());
        let event = self.event(self.desk.ids.event(), kind, payload);
        let event = event.with_at(about.time.timestamp());
        self.desk.push(vec![event]);
    }

    fn begin(&mut self, input: &Input<'_>) -> Option<Arc<CallContext>> {
        self.cut_short();
        self.turn = self.turn.saturating_add(1);
        let id = self.desk.ids.event();
        let outer = input.context;
        let known = outer.and_then(CallContext::correlation);
        let correlation = known.unwrap_or_else(|| self.desk.ids.correlation());
        let encoded = self.encode_input(input);
        let fault = encoded.as_ref().err().copied();
        let record = TurnRecord {
            source: input.source,
            incarnation: input.incarnation,
            began: input.time.now(),
            began_wall: input.time.timestamp(),
            context: outer.cloned(),
            input: encoded.unwrap_or_default(),
            ..TurnRecord::default()
        };
        let causation = outer.and_then(CallContext::causation);
        let first_number = self.numbers;
        let sent = Vec::new();
        self.open =
            Some(OpenTurn { id, record, correlation, causation, first_number, sent, fault });
        let context = outer.cloned().unwrap_or_default();
        Some(Arc::new(context.with_correlation(correlation).with_causation(id)))
    }

    fn end(&mut self, end: &End<'_>) {
        let ending = match end.ending {
            Ending::Stops => TurnEnding::Stops,
            Ending::Failed(text) => TurnEnding::Failed(text.to_owned()),
            Ending::Panicked(text) => TurnEnding::Panicked(text.to_owned()),
            _ => TurnEnding::Goes,
        };
        let state = end.actor.and_then(<dyn Any>::downcast_ref::<A>);
        self.store_turn(ending, Some(end.words_drawn), state);
    }

    fn poll_room(&mut self, task: &mut Context<'_>) -> Poll<()> {
        if self.desk.config.when_full == WhenFull::Gap {
            return Poll::Ready(());
        }
        self.desk.line().poll_room(task)
    }

    fn now(&mut self, time: &Time) -> Instant {
        let now = time.now();
        if let Some(open) = &mut self.open {
            open.record.readings.push(Reading::Now(now));
        }
        now
    }

    fn timestamp(&mut self, time: &Time) -> Timestamp {
        let now = time.timestamp();
        if let Some(open) = &mut self.open {
            open.record.readings.push(Reading::Wall(now));
        }
        now
    }

    fn output(&mut self, output: &Output<'_>) -> Passage {
        let number = self.numbers;
        self.numbers = number.wrapping_add(1);
        let sent = Sent::of(output, self.vocabulary());
        if let Some(open) = &mut self.open {
            open.sent.push(sent);
        }
        Passage::Out(number)
    }

    fn outcome(&mut self, number: u32, outcome: Outcome<'_>) {
        let came = match outcome {
            Outcome::Fault(fault) => Came::Fault(fault),
            Outcome::Flag(flag) => Came::Flag(flag),
            Outcome::Actor(id) => Came::Actor(id),
            Outcome::Bytes(bytes) => Came::Value(bytes.to_vec().into()),
            Outcome::Value(value, _) => match self.vocabulary().encode(value) {
                Some(payload) => Came::Value(payload.bytes().clone()),
                None => return,
            },
            _ => return,
        };
        let Some(open) = &mut self.open else { return };
        let place = number.wrapping_sub(open.first_number);
        // One of an earlier turn: its question was kept over turns, and has no place here.
        if usize::try_from(place).is_ok_and(|place| place < open.sent.len()) {
            open.record.came.push((place, came));
        }
    }

    fn recall(&mut self, _: u32, _: Option<TypeId>) -> Recalled {
        Recalled::Nothing
    }

    fn visited(&mut self, actor: &dyn Any) {
        let Some(state) = actor.downcast_ref::<A>() else { return };
        let hash = self.shape.state_hash(state);
        let looked_at_only = hash.is_some() && hash == self.last_state && self.is_fresh();
        if looked_at_only || self.gap.is_some() {
            return;
        }
        self.last_state = hash;
        self.gap = Some(Gap { turn: self.turn, turns: 0, reason: GapReason::Visited });
        let gap = self.gap_event();
        let snapshot = self.snapshot(state);
        self.desk.push(gap.into_iter().chain(snapshot).collect());
    }

    fn destroyed(&mut self, reason: &ExitReason) {
        self.cut_short();
        let gap = self.gap_event();
        let payload = Payload::raw("steadfast.recording.Ended", reason.to_string());
        let event = self.event(self.desk.ids.event(), EventKind::ActorDestroyed, payload);
        self.desk.push_last(gap.into_iter().chain([event]).collect());
    }
}

impl<A: Actor> Recording<A> {
    /// Whether the last known hash is that of the state after the last turn.
    fn is_fresh(&self) -> bool {
        let every = self.desk.config.state_hash_every;
        every != 0 && self.turn.is_multiple_of(every)
    }
}

impl Sent {
    /// An output as it is kept.
    pub(crate) fn of(output: &Output<'_>, vocabulary: &Vocabulary) -> Self {
        let payload = output.value.and_then(|value| vocabulary.encode(value));
        Self {
            kind: output.kind,
            target: output.target.to_owned(),
            type_name: output.type_name.to_owned(),
            hash: payload.map(|payload| ValueHash::of(payload.bytes())),
        }
    }
}

/// Whether a turn is more than the log takes at once.
fn is_too_large(events: &[NewEvent]) -> bool {
    let largest = events.iter().map(NewEvent::size_bytes).max().unwrap_or(0);
    let all: usize = events.iter().map(NewEvent::size_bytes).sum();
    largest > limits::EVENT_BYTES_MAX
        || all > limits::BATCH_BYTES_MAX / 2
        || events.len().saturating_add(2) > limits::BATCH_EVENTS_MAX
}
