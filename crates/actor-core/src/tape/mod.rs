//! The seam for recorders and replays: everything that a turn takes in and gives out passes here.
//!
//! A turn is one run of a handler or hook. While an actor with a [`Tape`] takes a turn, the thread
//! knows the tape, and what the handler does through its `Cx`, refs, asks and replies is told to it. A
//! tape that records lets all of it happen and keeps it; one that replays lets nothing happen and
//! answers as it was recorded. Without a tape none of this costs the message path anything.
//!
//! Plain code has no use for this module; `steadfast-sourcing` builds on it.

mod answers;
mod in_cx;
mod on_tape;
mod rehearsal;

use std::{
    any::{Any, TypeId},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use steadfast_base::{ActorId, CallContext, Instant, Seed, Time, Timestamp};

pub(crate) use answers::{ask_error, send_error, start_error, start_fault};
pub(crate) use in_cx::{handle, signal, start};
pub(crate) use on_tape::{Slot, fault, flagged, note, note_value, settle};
pub use on_tape::{TapeGuard, enter, is_on, with};
pub use rehearsal::{Rehearsal, Step, Taken, stand_in};
pub(crate) use rehearsal::{cell as stand_in_cell, text_of};

use crate::{ExitReason, Signal, TimerKey};

/// Hears what a turn takes in and gives out, or answers for it in a replay.
///
/// Called on the thread of the turn, in the order in which things happen; keep it short. One that
/// panics fails the actor.
pub trait Tape: Send + Any {
    /// The tape was put into an actor: at its birth, or later between two turns.
    fn inserted(&mut self, about: &About<'_>);

    /// A turn begins. What it answers is the context that the handler runs in.
    fn begin(&mut self, input: &Input<'_>) -> Option<Arc<CallContext>>;

    /// The turn is over. One that is killed is not ended: another begins, or the actor is destroyed.
    fn end(&mut self, end: &End<'_>);

    /// Ready when the next turn may begin: a tape that is full may hold the actor up.
    fn poll_room(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let _ = task;
        Poll::Ready(())
    }

    /// The handler reads the monotonic clock.
    fn now(&mut self, time: &Time) -> Instant;

    /// The handler reads the wall clock.
    fn timestamp(&mut self, time: &Time) -> Timestamp;

    /// Something leaves the turn; whether it really goes out, and under which number its outcome is
    /// told or recalled.
    fn output(&mut self, output: &Output<'_>) -> Passage;

    /// What came of an output that went out, where that matters to the handler.
    fn outcome(&mut self, number: u32, outcome: Outcome<'_>);

    /// What had come of an output that was kept back; `wanted` is the type of a value.
    fn recall(&mut self, number: u32, wanted: Option<TypeId>) -> Recalled;

    /// Something reached into the actor's state between two turns.
    fn visited(&mut self, actor: &dyn Any);

    /// The actor ended for good.
    fn destroyed(&mut self, reason: &ExitReason);
}

/// Whose tape it is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct About<'a> {
    /// The actor's number within its system.
    pub id: ActorId,
    /// Its path.
    pub path: &'a str,
    /// The incarnation that is up; 0 if the first one is still to come.
    pub incarnation: u32,
    /// The seed of its system.
    pub seed: Seed,
    /// How many 32-bit words it has drawn from its random stream.
    pub words_drawn: u64,
    /// Its system's time.
    pub time: &'a Time,
}

/// What a turn begins with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Input<'a> {
    /// Where it came from.
    pub source: Source,
    /// The incarnation that takes it.
    pub incarnation: u32,
    /// The message, of the actor's message type; none for a signal or a start.
    pub message: Option<&'a dyn Any>,
    /// The signal, if it is one.
    pub signal: Option<&'a Signal>,
    /// The context that the message came with.
    pub context: Option<&'a CallContext>,
    /// The time of the system.
    pub time: &'a Time,
}

/// Where the input of a turn came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The mailbox.
    #[default]
    Mailbox,
    /// A timer of the actor.
    Timer(TimerKey),
    /// The messages before the mailbox: unstashed ones and results of piped futures.
    Ready,
    /// The end of a watched actor, asked for as a message.
    Watched,
    /// The control lane, for the `signal` hook.
    Signal,
    /// The start of an incarnation with a state that was just built.
    Start,
    /// The start of an incarnation with the state of the former one.
    Resumed,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct End<'a> {
    /// The state after it; none after a failure.
    pub actor: Option<&'a dyn Any>,
    /// How it ended.
    pub ending: Ending<'a>,
    /// How many 32-bit words the actor has drawn from its random stream so far.
    pub words_drawn: u64,
}

/// The ways in which a turn ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending<'a> {
    /// The actor takes the next message.
    Goes,
    /// The actor stops.
    Stops,
    /// It failed by an error of this text.
    Failed(&'a str),
    /// It panicked with this text.
    Panicked(&'a str),
}

/// Something that leaves a turn.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Output<'a> {
    /// What it is.
    pub kind: OutputKind,
    /// Whom it concerns: a path, a key or a name.
    pub target: &'a str,
    /// What is sent, if anything is.
    pub value: Option<&'a dyn Any>,
    /// The name of the type of what is sent.
    pub type_name: &'static str,
}

impl<'a> Output<'a> {
    /// An output of these parts.
    pub fn new(
        kind: OutputKind,
        target: &'a str,
        value: Option<&'a dyn Any>,
        type_name: &'static str,
    ) -> Self {
        Self { kind, target, value, type_name }
    }
}

/// The kinds of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OutputKind {
    /// A message.
    Tell,
    /// A message with a place for the answer.
    Ask,
    /// An answer.
    Reply,
    /// The question whether anybody still waits for an answer.
    Abandoned,
    /// An actor is started.
    Spawn,
    /// An actor is watched.
    Watch,
    /// A watch is taken back.
    Unwatch,
    /// A timer is set.
    Timer,
    /// A timer is taken back.
    Cancel,
    /// A future is run beside the actor.
    Pipe,
    /// The actor asks for its own end.
    Stop,
    /// A failure is reported to the supervisor.
    Report,
    /// Anything else whose result was to be recorded.
    Effect,
}

/// Whether an output really goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It goes out; its outcome is told under this number.
    Out(u32),
    /// It is kept back; its outcome is recalled under this number.
    Kept(u32),
}

/// What came of an output.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// It failed.
    Fault(Fault),
    /// A yes or a no.
    Flag(bool),
    /// An actor was started.
    Actor(ActorId),
    /// A value came back.
    Value(&'a dyn Any, &'static str),
    /// A value came back and is encoded already.
    Bytes(&'a [u8]),
}

/// What had come of an output, as recorded.
#[derive(Debug)]
#[non_exhaustive]
pub enum Recalled {
    /// Nothing was recorded: it went well, if it is of a kind that can go well without a word.
    Nothing,
    /// It failed.
    Fault(Fault),
    /// A yes or a no.
    Flag(bool),
    /// An actor was started.
    Actor(ActorId),
    /// A value came back.
    Value(Box<dyn Any + Send>),
    /// A value came back and is encoded.
    Bytes(Box<[u8]>),
}

/// Why an output came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The target has stopped.
    Stopped,
    /// There was no room.
    Full,
    /// It took too long.
    Timeout,
    /// The target failed on it and restarts.
    Restarting,
    /// The target let it go unanswered.
    NoReply,
    /// The name is taken.
    NameTaken,
    /// The name cannot be used.
    BadName,
    /// The start failed.
    Failed,
    /// The actor chose not to start.
    Ignored,
    /// The system shuts down.
    ShuttingDown,
    /// The actor was killed.
    Killed,
}

impl std::fmt::Debug for dyn Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tape(..)")
    }
}

/// A timer's key and delay as the target of an output.
pub(crate) fn timer_target(key: TimerKey, every: bool, delay: Duration) -> String {
    let what = if every { "every" } else { "after" };
    match key {
        TimerKey::Name(name) => format!("{name} {what} {delay:?}"),
        TimerKey::Number(number) => format!("#{number} {what} {delay:?}"),
    }
}

/// A timer's key as the target of an output.
pub(crate) fn key_target(key: TimerKey) -> String {
    match key {
        TimerKey::Name(name) => name.to_owned(),
        TimerKey::Number(number) => format!("#{number}"),
    }
}
