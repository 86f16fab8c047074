//! Why a snapshot could not be saved, read or deleted.

use std::error::Error;
use std::{fmt, io};

use steadfast_base::{LimitExceeded, Recoverable, Recovery};

/// Why a call of a snapshot store failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The snapshot is larger than allowed.
    TooLarge(LimitExceeded),
    /// The snapshot makes no sense.
    Rejected(&'static str),
    /// There is no such snapshot.
    NotFound,
    /// The snapshot is there and damaged.
    Damaged(SnapshotDamage),
    /// The store could not read or write.
    Unavailable(io::Error),
    /// The store is closed.
    Closed,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(exceeded) => write!(f, "too large: {exceeded}"),
            Self::Rejected(reason) => write!(f, "rejected: {reason}"),
            Self::NotFound => f.write_str("no such snapshot"),
            Self::Damaged(damage) => write!(f, "the snapshot is damaged: {damage}"),
            Self::Unavailable(_) => f.write_str("the store cannot read or write now"),
            Self::Closed => f.write_str("the store is closed"),
        }
    }
}

impl Error for SnapshotError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl From<SnapshotDamage> for SnapshotError {
    fn from(damage: SnapshotDamage) -> Self {
        Self::Damaged(damage)
    }
}

impl Recoverable for SnapshotError {
    fn recovery(&self) -> Recovery {
        match self {
            Self::Unavailable(error) => error.recovery(),
            _ => Recovery::Never,
        }
    }
}

/// What is wrong with a stored snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnapshotDamage {
    /// The file ends too early, or goes on behind its end.
    Length,
    /// The checksum of the header does not match.
    Header,
    /// The header makes no sense, or is that of another snapshot.
    Content,
    /// The format is newer than this program.
    UnknownVersion,
    /// The header says that the state is larger than allowed; nothing was allocated for it.
    StateTooLarge,
    /// The state cannot be decompressed to what the header says.
    Compression,
    /// The SHA-256 of the state does not match.
    Digest,
    /// The state is what was saved, but the bytes that hold it have changed.
    Stored,
    /// The disk failed to read it, in this way; it may be sound.
    Unreadable(io::ErrorKind),
}

impl fmt::Display for SnapshotDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Length => "the length is wrong",
            Self::Header => "the checksum of the header does not match",
            Self::Content => "the header makes no sense",
            Self::UnknownVersion => "the format version is unknown",
            Self::StateTooLarge => "the state is larger than allowed",
            Self::Compression => "the state cannot be decompressed",
            Self::Digest => "the SHA-256 of the state does not match",
            Self::Stored => "the checksum of the stored state does not match",
            Self::Unreadable(kind) => return write!(f, "it cannot be read: {kind}"),
        };
        f.pad(text)
    }
}

impl Error for SnapshotDamage {}
