//! Why a command came to nothing, and why an entity failed.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use steadfast_base::{EventId, Recoverable, Recovery};
use steadfast_eventlog::{
    ActorName, AppendError, Cause, CodecError, ReadError, Seq, StoreError, UpcastError,
};
use steadfast_snapshot::SnapshotError;

/// A command that came to nothing, and why; the command itself where nobody consumed it.
pub struct CommandError<C> {
    fault: CommandFault,
    command: Option<C>,
}

impl<C> CommandError<C> {
    pub(crate) fn new(fault: CommandFault, command: Option<C>) -> Self {
        Self { fault, command }
    }

    /// Why.
    pub fn fault(&self) -> &CommandFault {
        &self.fault
    }

    /// Why, without the command.
    pub fn into_fault(self) -> CommandFault {
        self.fault
    }

    /// The command, if it was made and nobody consumed it.
    pub fn into_command(self) -> Option<C> {
        self.command
    }
}

impl<C> fmt::Debug for CommandError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let returned = self.command.is_some();
        f.debug_struct("CommandError")
            .field("fault", &self.fault)
            .field("command_returned", &returned)
            .finish()
    }
}

impl<C> fmt::Display for CommandError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fault, f)
    }
}

impl<C> Error for CommandError<C> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault.source()
    }
}

impl<C> Recoverable for CommandError<C> {
    fn recovery(&self) -> Recovery {
        self.fault.recovery()
    }
}

/// Why a command came to nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CommandFault {
    /// The log refused the events, and nothing changed: too large, senseless, or no room on the disk.
    Rejected(Arc<AppendError>),
    /// An event cannot be encoded; nothing changed.
    Encoding(CodecError),
    /// The write failed under way: the events may be stored or not.
    ///
    /// Once the log is open again, `Query::event` finds the first of them, or not; a command with an id is
    /// sent again.
    Unknown {
        /// The id of the first event.
        event: EventId,
        /// What failed.
        cause: Cause,
    },
    /// An earlier try of the command is stored, and nothing changed; its answer is gone, the state has it.
    Stored {
        /// The number of its first event.
        seq: Seq,
    },
    /// It cannot be said whether an earlier try of the command is stored, as the log cannot be read; nothing
    /// changed.
    Unread(Arc<ReadError>),
    /// Somebody else wrote events of this entity; nothing changed, and it recovers before the next command.
    Conflict {
        /// The number that the entity was at.
        seq: Seq,
        /// The number that the log is at.
        actual: Seq,
    },
    /// An earlier write failed: entities take commands again once the log is open again.
    Poisoned,
    /// Somebody else writes the log now.
    Fenced,
    /// The log is closed, or the entities are.
    Closed,
    /// The entity cannot be recovered.
    Recovery(RecoveryFailed),
    /// The entity failed on the command; the text is that of its error.
    Failed(Arc<str>),
    /// The entity panicked on the command.
    ///
    /// Nothing is stored if that was in `decide`. A panic of `apply`, or of what was to be done afterwards, comes
    /// behind the events.
    Panicked,
    /// The entity failed or was stopped while it had the command.
    Interrupted,
    /// There is no room: in memory, or in the mailbox.
    Full,
    /// The deadline passed; unless it comes back, the command may still be handled.
    Timeout,
    /// The entity handled the command and let the reply go without an answer.
    NoReply,
}

impl fmt::Display for CommandFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(_) => f.write_str("the log refused the events, nothing changed"),
            Self::Encoding(_) => f.write_str("an event cannot be encoded, nothing changed"),
            Self::Unknown { event, .. } => {
                write!(f, "a write failed, the events from {event} on may be stored or not")
            }
            Self::Stored { seq } => {
                write!(f, "an earlier try of the command is stored, from event {seq} on")
            }
            Self::Unread(_) => f.write_str("the log cannot be asked for an earlier try"),
            Self::Conflict { seq, actual } => {
                write!(
                    f,
                    "the entity was at event {seq}, the log is at {actual}: another one writes"
                )
            }
            Self::Poisoned => f.write_str("an earlier write failed, the log must be opened again"),
            Self::Fenced => f.write_str("another writer has taken over"),
            Self::Closed => f.write_str("the log or the entities are closed"),
            Self::Recovery(failed) => fmt::Display::fmt(failed, f),
            Self::Failed(text) => write!(f, "the entity failed on the command: {text}"),
            Self::Panicked => f.write_str("the entity panicked on the command"),
            Self::Interrupted => f.write_str("the entity ended while it had the command"),
            Self::Full => f.write_str("there is no room for the command"),
            Self::Timeout => f.write_str("no answer before the deadline"),
            Self::NoReply => f.write_str("the entity did not answer"),
        }
    }
}

impl Error for CommandFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(error) => Some(&**error),
            Self::Encoding(error) => Some(error),
            Self::Unread(error) => Some(&**error),
            Self::Unknown { cause, .. } => Some(&**cause),
            Self::Recovery(failed) => failed.source(),
            _ => None,
        }
    }
}

impl Recoverable for CommandFault {
    /// A conflict, a full house and a poisoned log are worth another try; an unknown outcome is unknown.
    fn recovery(&self) -> Recovery {
        match self {
            Self::Rejected(error) => error.recovery(),
            Self::Unknown { .. } | Self::Timeout | Self::Interrupted => Recovery::Unknown,
            Self::Conflict { .. } | Self::Poisoned | Self::Full | Self::Unread(_) => {
                Recovery::Retry
            }
            Self::Recovery(failed) => failed.recovery(),
            _ => Recovery::Never,
        }
    }
}

/// An entity could not be brought back from its snapshots and events: no command was handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecoveryFailed {
    /// Whose recovery.
    pub actor: ActorName,
    /// The number of the event at which it failed; that of the first one needed where none was read.
    pub seq: Seq,
    /// Why.
    pub cause: RecoveryCause,
}

/// Why a recovery failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RecoveryCause {
    /// `apply` panicked on the event, with this text.
    Panicked(Arc<str>),
    /// The event cannot be decoded.
    Decode(CodecError),
    /// The event's type or version is not known, or could not be brought to the newest.
    Upcast(UpcastError),
    /// The log cannot be read.
    Read(ReadError),
    /// The snapshot store cannot be read.
    Snapshots(Arc<SnapshotError>),
    /// Events are missing: no sound snapshot stands in for those that were removed.
    Missing {
        /// The first number there is, or one above the last if there is none.
        found: Seq,
    },
    /// The newest snapshot is further on than the log: the log has lost events.
    LogBehind {
        /// The highest number of the log.
        highest: Seq,
    },
}

impl RecoveryFailed {
    /// Whether trying again may help: something could not be read just now.
    pub fn is_transient(&self) -> bool {
        self.recovery() != Recovery::Never
    }
}

impl fmt::Display for RecoveryFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { actor, seq, cause } = self;
        write!(f, "recovery of {actor} failed at event {seq}: ")?;
        match cause {
            RecoveryCause::Panicked(text) => write!(f, "apply panicked: {text}"),
            RecoveryCause::Decode(_) => f.write_str("it cannot be decoded"),
            RecoveryCause::Upcast(error) => fmt::Display::fmt(error, f),
            RecoveryCause::Read(_) => f.write_str("the log cannot be read"),
            RecoveryCause::Snapshots(_) => f.write_str("the snapshots cannot be read"),
            RecoveryCause::Missing { found } => {
                write!(f, "it is gone without a sound snapshot, the next one is {found}")
            }
            RecoveryCause::LogBehind { highest } => {
                write!(f, "there is a snapshot of it, but the log ends at {highest}")
            }
        }
    }
}

impl Error for RecoveryFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            RecoveryCause::Decode(error) => Some(error),
            RecoveryCause::Upcast(error) => error.source(),
            RecoveryCause::Read(error) => Some(error),
            RecoveryCause::Snapshots(error) => Some(&**error),
            _ => None,
        }
    }
}

impl Recoverable for RecoveryFailed {
    fn recovery(&self) -> Recovery {
        match &self.cause {
            RecoveryCause::Read(error) => error.recovery(),
            RecoveryCause::Snapshots(error) => error.recovery(),
            _ => Recovery::Never,
        }
    }
}

/// The failure of an entity whose events may not have been stored: it stops, and recovers when it is next
/// asked for.
#[derive(Clone, Debug)]
pub struct PersistFailed(pub(crate) CommandFault);

impl PersistFailed {
    /// What it was.
    pub fn fault(&self) -> &CommandFault {
        &self.0
    }
}

impl fmt::Display for PersistFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for PersistFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why a snapshot could not be taken, or what it makes superfluous not be let go.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SnapshotFault {
    /// The entities have no snapshot store.
    NoStore,
    /// The state cannot be encoded.
    Encode(CodecError),
    /// It could not be saved or checked; nothing was deleted.
    Store(Arc<SnapshotError>),
    /// It is saved; the events behind it could not be released or deleted.
    Log(Arc<StoreError>),
    /// Too many wait for the next snapshot of the entity, or too much runs beside it.
    Busy,
    /// The entity is not to be reached.
    Entity(CommandFault),
}

impl fmt::Display for SnapshotFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoStore => "there is no snapshot store",
            Self::Encode(_) => "the state cannot be encoded",
            Self::Store(_) => "the snapshot could not be saved or checked",
            Self::Log(_) => "the events behind the snapshot could not be let go",
            Self::Busy => "too many wait for the next snapshot",
            Self::Entity(_) => "the entity is not to be reached",
        })
    }
}

impl Error for SnapshotFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Store(error) => Some(&**error),
            Self::Log(error) => Some(&**error),
            Self::Entity(fault) => Some(fault),
            Self::NoStore | Self::Busy => None,
        }
    }
}
