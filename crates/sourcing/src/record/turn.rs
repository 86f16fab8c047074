//! One recorded turn, as it lies in the log; the layout is `docs/format/recording.md`.

use bytes::Bytes;

use steadfast_actor_core::{
    TimerKey,
    tape::{Fault, OutputKind, Source},
};
use steadfast_base::{ActorId, CallContext, Instant, Priority, RetryMark, Timestamp};
use steadfast_eventlog::CodecId;

use super::ValueHash;
use super::wire::{Malformed, Reader, Writer};

/// The type of the payloads that hold turns.
pub(crate) const TURN_TYPE: &str = "steadfast.recording.Turn";
/// The type of the payloads that hold outputs.
pub(crate) const SENT_TYPE: &str = "steadfast.recording.Sent";
/// The version of the layouts.
pub(crate) const VERSION: u16 = 1;
/// The codec of kept states: with the names of fields, so that they can be compared as trees.
pub(crate) const STATE_CODEC: CodecId = CodecId::NAMED;

const HAS_CONTEXT: u8 = 1;
const HAS_STATE: u8 = 2;
const HAS_DEADLINE: u8 = 4;

/// How a recorded turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnEnding {
    /// The actor took the next message.
    Goes,
    /// The actor stopped.
    Stops,
    /// It failed, by an error of this text.
    Failed(String),
    /// It panicked, with this text.
    Panicked(String),
    /// It was killed on the way.
    CutShort,
}

/// What a handler took in on the way, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Now(Instant),
    Wall(Timestamp),
}

/// What came of an output of the turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Fault(Fault),
    Flag(bool),
    Actor(ActorId),
    Value(Bytes),
}

/// One recorded turn; its outputs are events of their own.
#[derive(Clone, Debug)]
pub(crate) struct TurnRecord {
    pub(crate) source: Source,
    /// The key of the timer, where it was named by a constant of the program.
    pub(crate) timer_name: Option<Bytes>,
    pub(crate) ending: TurnEnding,
    pub(crate) incarnation: u32,
    pub(crate) began: Instant,
    pub(crate) began_wall: Timestamp,
    pub(crate) words_drawn: u64,
    /// What of the message's context is not in the envelope of the event.
    pub(crate) context: Option<CallContext>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) came: Vec<(u32, Came)>,
    pub(crate) outputs: u32,
    pub(crate) state: Option<ValueHash>,
    /// The message, or the signal.
    pub(crate) input: Bytes,
}

impl Default for TurnRecord {
    fn default() -> Self {
        Self {
            source: Source::Mailbox,
            timer_name: None,
            ending: TurnEnding::Goes,
            incarnation: 1,
            began: Instant::ZERO,
            began_wall: Timestamp::UNIX_EPOCH,
            words_drawn: 0,
            context: None,
            readings: Vec::new(),
            came: Vec::new(),
            outputs: 0,
            state: None,
            input: Bytes::new(),
        }
    }
}

impl TurnRecord {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(self.input.len().saturating_add(64)));
        let (source, number) = match self.source {
            Source::Timer(TimerKey::Name(_)) => (1, None),
            Source::Timer(TimerKey::Number(number)) => (2, Some(number)),
            Source::Ready => (3, None),
            Source::Watched => (4, None),
            Source::Signal => (5, None),
            Source::Start => (6, None),
            Source::Resumed => (7, None),
            _ => (0, None),
        };
        out.u8(source);
        let (ending, text) = match &self.ending {
            TurnEnding::Goes => (0, None),
            TurnEnding::Stops => (1, None),
            TurnEnding::Failed(text) => (2, Some(text)),
            TurnEnding::Panicked(text) => (3, Some(text)),
            TurnEnding::CutShort => (4, None),
        };
        out.u8(ending);
        let deadline = self.context.as_ref().and_then(CallContext::deadline);
        let mut flags = 0;
        flags |= if self.context.is_some() { HAS_CONTEXT } else { 0 };
        flags |= if self.state.is_some() { HAS_STATE } else { 0 };
        flags |= if deadline.is_some() { HAS_DEADLINE } else { 0 };
        out.u8(flags);
        out.number(u64::from(self.incarnation));
        out.number(self.began.as_nanos());
        out.number(self.began_wall.as_unix_nanos());
        out.number(self.words_drawn);
        if let Some(number) = number {
            out.number(number);
        }
        if let Source::Timer(TimerKey::Name(name)) = self.source {
            out.bytes(name.as_bytes());
        }
        if let Some(text) = text {
            out.bytes(text.as_bytes());
        }
        if let Some(context) = &self.context {
            write_context(&mut out, context);
        }
        self.write_lists(&mut out);
        if let Some(hash) = &self.state {
            out.hash(&hash.0);
        }
        out.bytes(&self.input);
        out.0
    }

    fn write_lists(&self, out: &mut Writer) {
        out.number(count(self.readings.len()));
        for reading in &self.readings {
            match reading {
                Reading::Now(at) => {
                    out.u8(0);
                    out.difference(self.began.as_nanos(), at.as_nanos());
                }
                Reading::Wall(at) => {
                    out.u8(1);
                    out.difference(self.began_wall.as_unix_nanos(), at.as_unix_nanos());
                }
            }
        }
        out.number(count(self.came.len()));
        for (number, came) in &self.came {
            out.number(u64::from(*number));
            match came {
                Came::Fault(fault) => {
                    out.u8(0);
                    out.u8(fault_code(*fault));
                }
                Came::Flag(flag) => {
                    out.u8(1);
                    out.u8(u8::from(*flag));
                }
                Came::Actor(id) => {
                    out.u8(2);
                    out.number(id.as_u64());
                }
                Came::Value(bytes) => {
                    out.u8(3);
                    out.bytes(bytes);
                }
            }
        }
        out.number(u64::from(self.outputs));
    }

    /// Reads a record into this one, whose lists keep their memory.
    pub(crate) fn read(&mut self, bytes: Bytes) -> Result<(), Malformed> {
        let mut from = Reader::new(bytes);
        let (source, ending, flags) = (from.u8()?, from.u8()?, from.u8()?);
        self.incarnation = from.number_u32()?;
        self.began = Instant::from_nanos(from.number()?);
        self.began_wall = Timestamp::from_unix_nanos(from.number()?);
        self.words_drawn = from.number()?;
        self.timer_name = None;
        self.source = match source {
            0 => Source::Mailbox,
            1 => {
                self.timer_name = Some(from.bytes()?);
                Source::Timer(TimerKey::Name(""))
            }
            2 => Source::Timer(TimerKey::Number(from.number()?)),
            3 => Source::Ready,
            4 => Source::Watched,
            5 => Source::Signal,
            6 => Source::Start,
            7 => Source::Resumed,
            _ => return Err(Malformed),
        };
        self.ending = match ending {
            0 => TurnEnding::Goes,
            1 => TurnEnding::Stops,
            2 => TurnEnding::Failed(from.text()?),
            3 => TurnEnding::Panicked(from.text()?),
            4 => TurnEnding::CutShort,
            _ => return Err(Malformed),
        };
        self.context = None;
        if flags & HAS_CONTEXT != 0 {
            self.context = Some(read_context(&mut from, flags & HAS_DEADLINE != 0)?);
        }
        self.read_lists(&mut from)?;
        self.state = None;
        if flags & HAS_STATE != 0 {
            self.state = Some(ValueHash(from.hash()?));
        }
        self.input = from.bytes()?;
        from.end()
    }

    fn read_lists(&mut self, from: &mut Reader) -> Result<(), Malformed> {
        self.readings.clear();
        for _ in 0..from.number()? {
            self.readings.push(match from.u8()? {
                0 => Reading::Now(Instant::from_nanos(from.difference(self.began.as_nanos())?)),
                1 => {
                    let at = from.difference(self.began_wall.as_unix_nanos())?;
                    Reading::Wall(Timestamp::from_unix_nanos(at))
                }
                _ => return Err(Malformed),
            });
        }
        self.came.clear();
        for _ in 0..from.number()? {
            let number = from.number_u32()?;
            let came = match from.u8()? {
                0 => Came::Fault(fault_of(from.u8()?)?),
                1 => Came::Flag(from.u8()? != 0),
                2 => Came::Actor(ActorId::new(from.number()?)),
                3 => Came::Value(from.bytes()?),
                _ => return Err(Malformed),
            };
            self.came.push((number, came));
        }
        self.outputs = from.number_u32()?;
        Ok(())
    }
}

fn write_context(out: &mut Writer, context: &CallContext) {
    out.number(context.sender().map_or(0, ActorId::as_u64));
    out.u8(match context.priority() {
        Priority::Background => 0,
        Priority::Low => 1,
        Priority::High => 3,
        Priority::Critical => 4,
        Priority::Normal => 2,
    });
    out.number(u64::from(context.attempt()));
    out.u8(u8::from(context.retry() == RetryMark::Forbidden));
    if let Some(at) = context.deadline() {
        out.number(at.as_nanos());
    }
}

fn read_context(from: &mut Reader, deadline: bool) -> Result<CallContext, Malformed> {
    let mut context = CallContext::new();
    let sender = from.number()?;
    if sender != 0 {
        context = context.with_sender(ActorId::new(sender));
    }
    context = context.with_priority(match from.u8()? {
        0 => Priority::Background,
        1 => Priority::Low,
        3 => Priority::High,
        4 => Priority::Critical,
        _ => Priority::Normal,
    });
    context = context.with_attempt(from.number_u32()?);
    if from.u8()? != 0 {
        context = context.with_retry(RetryMark::Forbidden);
    }
    if deadline {
        context = context.with_deadline(Instant::from_nanos(from.number()?));
    }
    Ok(context)
}

pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

const FAULTS: [Fault; 11] = [
    Fault::Stopped,
    Fault::Full,
    Fault::Timeout,
    Fault::Restarting,
    Fault::NoReply,
    Fault::NameTaken,
    Fault::BadName,
    Fault::Failed,
    Fault::Ignored,
    Fault::ShuttingDown,
    Fault::Killed,
];

fn fault_code(fault: Fault) -> u8 {
    let place = FAULTS.iter().position(|known| *known == fault).unwrap_or(0);
    u8::try_from(place).unwrap_or(0)
}

fn fault_of(code: u8) -> Result<Fault, Malformed> {
    FAULTS.get(usize::from(code)).copied().ok_or(Malformed)
}

const KINDS: [OutputKind; 13] = [
    OutputKind::Tell,
    OutputKind::Ask,
    OutputKind::Reply,
    OutputKind::Abandoned,
    OutputKind::Spawn,
    OutputKind::Watch,
    OutputKind::Unwatch,
    OutputKind::Timer,
    OutputKind::Cancel,
    OutputKind::Pipe,
    OutputKind::Stop,
    OutputKind::Report,
    OutputKind::Effect,
];

/// One output of a turn: what it was, to whom, and the hash of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// What it was.
    pub kind: OutputKind,
    /// Whom it concerned: a path, a key or a name.
    pub target: String,
    /// The name of the type of what was sent; empty if nothing was.
    pub type_name: String,
    /// The hash of what was sent; none if nothing was, or its type is not in the vocabulary.
    pub hash: Option<ValueHash>,
}

impl Sent {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let kind = KINDS.iter().position(|kind| *kind == self.kind).unwrap_or(0);
        out.u8(u8::try_from(kind).unwrap_or(0));
        out.bytes(self.target.as_bytes());
        out.bytes(self.type_name.as_bytes());
        out.u8(u8::from(self.hash.is_some()));
        if let Some(hash) = &self.hash {
            out.hash(&hash.0);
        }
        out.0
    }

    pub(crate) fn read(bytes: Bytes) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let kind = KINDS.get(usize::from(from.u8()?)).copied().ok_or(Malformed)?;
        let (target, type_name) = (from.text()?, from.text()?);
        let hash = if from.u8()? == 0 { None } else { Some(ValueHash(from.hash()?)) };
        from.end()?;
        Ok(Self { kind, target, type_name, hash })
    }
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, target, type_name, hash } = self;
        write!(f, "{}", format!("{kind:?}").to_lowercase())?;
        if !target.is_empty() {
            write!(f, " {target}")?;
        }
        if !type_name.is_empty() {
            write!(f, " {type_name}")?;
        }
        hash.map_or(Ok(()), |hash| write!(f, " #{hash}"))
    }
}
