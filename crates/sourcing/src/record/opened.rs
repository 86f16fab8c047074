//! The records around turns: where a recording begins, and where something is missing.

use std::sync::Arc;

use bytes::Bytes;

use steadfast_actor_core::{ChildEvent, ExitReason, Failure, Signal};
use steadfast_base::{ActorId, FailureKind, Timestamp};

use super::wire::{Malformed, Reader, Writer};

/// The type of the payload that opens a recording.
pub(crate) const OPENED_TYPE: &str = "steadfast.recording.Opened";
/// The type of the payload that stands for what is missing.
pub(crate) const GAP_TYPE: &str = "steadfast.recording.Gap";
/// The kind of event that opens a recording amid a life.
pub(crate) const OPENED_KIND: &str = "recording-opened";
/// The kind of event that closes a recording of an actor that lives on.
pub(crate) const CLOSED_KIND: &str = "recording-closed";
/// The kind of event that stands for what is missing.
pub(crate) const GAP_KIND: &str = "recording-gap";

/// What a recording begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Whether it begins with the actor's first start.
    pub(crate) from_birth: bool,
    pub(crate) build: String,
    pub(crate) seed: u64,
    pub(crate) id: ActorId,
    pub(crate) incarnation: u32,
    pub(crate) words_drawn: u64,
    pub(crate) message_type: String,
    pub(crate) state_type: String,
    /// The path, from which the system's name and the random stream follow.
    pub(crate) path: String,
}

impl Opened {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(u8::from(self.from_birth));
        out.bytes(self.build.as_bytes());
        out.number(self.seed);
        out.number(self.id.as_u64());
        out.number(u64::from(self.incarnation));
        out.number(self.words_drawn);
        out.bytes(self.message_type.as_bytes());
        out.bytes(self.state_type.as_bytes());
        out.bytes(self.path.as_bytes());
        out.0
    }

    pub(crate) fn read(bytes: Bytes) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let opened = Self {
            from_birth: from.u8()? != 0,
            build: from.text()?,
            seed: from.number()?,
            id: ActorId::new(from.number()?),
            incarnation: from.number_u32()?,
            words_drawn: from.number()?,
            message_type: from.text()?,
            state_type: from.text()?,
            path: from.text()?,
        };
        from.end()?;
        Ok(opened)
    }
}

/// Why turns are missing in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// The recorder's buffer was full.
    Full,
    /// The log did not take an event.
    Refused,
    /// A turn was larger than an event may be.
    TooLarge,
    /// A message or signal could not be encoded.
    Encoding,
    /// Something reached into the state between two turns.
    Visited,
}

const REASONS: [GapReason; 5] = [
    GapReason::Full,
    GapReason::Refused,
    GapReason::TooLarge,
    GapReason::Encoding,
    GapReason::Visited,
];

impl std::fmt::Display for GapReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Full => "the recorder's buffer was full",
            Self::Refused => "the log did not take them",
            Self::TooLarge => "a turn was larger than an event may be",
            Self::Encoding => "an input could not be encoded",
            Self::Visited => "something reached into the state",
        })
    }
}

/// A place where turns are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The first turn that is missing, or behind which the state was changed from outside.
    pub turn: u64,
    /// How many turns are missing; 0 if the state was changed from outside.
    pub turns: u64,
    /// Why.
    pub reason: GapReason,
}

impl Gap {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(self.turn);
        out.number(self.turns);
        let reason = REASONS.iter().position(|reason| *reason == self.reason).unwrap_or(0);
        out.u8(u8::try_from(reason).unwrap_or(0));
        out.0
    }

    pub(crate) fn read(bytes: Bytes) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let (turn, turns) = (from.number()?, from.number()?);
        let reason = REASONS.get(usize::from(from.u8()?)).copied().ok_or(Malformed)?;
        from.end()?;
        Ok(Self { turn, turns, reason })
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { turn, turns, reason } = self;
        write!(f, "{turns} turns missing from turn {turn} on: {reason}")
    }
}

/// The bytes of a signal; none for those that only supervisors get.
pub(crate) fn write_signal(signal: &Signal) -> Option<Vec<u8>> {
    let (tag, id, path, reason) = match signal {
        Signal::Terminated { id, path, reason } => (0, id, path, reason),
        Signal::ChildExited { id, path, reason } => (1, id, path, reason),
        _ => return None,
    };
    let mut out = Writer::default();
    out.u8(tag);
    out.number(id.as_u64());
    out.bytes(path.as_bytes());
    out.bytes(reason.name().as_bytes());
    let (actor, message) = reason.failure().map_or(("", ""), |f| (f.actor(), f.message()));
    out.number(reason.failure().map_or(0, |failure| failure.at().as_unix_nanos()));
    out.bytes(actor.as_bytes());
    out.bytes(message.as_bytes());
    Some(out.0)
}

/// The signal of these bytes. Its failure has its text, its actor and its time, but not its value.
pub(crate) fn read_signal(bytes: Bytes) -> Result<Signal, Malformed> {
    let mut from = Reader::new(bytes);
    let (tag, id) = (from.u8()?, ActorId::new(from.number()?));
    let path: Arc<str> = from.text()?.into();
    let name = from.text()?;
    let at = Timestamp::from_unix_nanos(from.number()?);
    let (actor, message) = (from.text()?, from.text()?);
    from.end()?;
    let failure = |kind| Failure::new(kind, at, &actor, message.clone(), None);
    let reason = match name.as_str() {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "killed" => ExitReason::Killed,
        "error" => ExitReason::Error(failure(FailureKind::Error)),
        "panic" => ExitReason::Panic(failure(FailureKind::Panic)),
        "meltdown" => ExitReason::Meltdown(failure(FailureKind::Meltdown)),
        "escalated" => ExitReason::Escalated(failure(FailureKind::Escalated)),
        _ => return Err(Malformed),
    };
    match tag {
        0 => Ok(Signal::Terminated { id, path, reason }),
        1 => Ok(Signal::ChildExited { id, path, reason }),
        _ => Err(Malformed),
    }
}

/// Whether a signal is one that only supervisors get.
pub(crate) fn is_for_supervisors(signal: &Signal) -> bool {
    matches!(signal, Signal::Child(ChildEvent { .. }))
}
