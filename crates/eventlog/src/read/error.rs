//! Why events could not be read.

use std::error::Error;
use std::fmt;

use steadfast_base::{LimitExceeded, Recoverable, Recovery};

use crate::append::Cause;
use crate::event::Position;

/// Why a read failed.
///
/// Damage is reported and never repaired in passing: the bytes stay as they are, the same read gives the
/// same error, and the rest stays readable.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// Bytes that were once synced are not what was written.
    Corruption {
        /// The first position of the segment they lie in.
        segment: Position,
        /// How many bytes into its file.
        offset: u64,
        /// The position of the first event that is lost with them; 0 if that is unknown.
        position: Position,
        /// What is wrong with them.
        damage: DamageKind,
    },
    /// A segment that the others speak of is not there.
    MissingSegment {
        /// The position of its first event.
        first: Position,
        /// The position of the first event behind it.
        next: Position,
    },
    /// What was to be read next has been removed by retention.
    Retired {
        /// The first position that can still be read.
        first: Position,
    },
    /// The query names more than a store is ready to keep in mind.
    TooBroad(LimitExceeded),
    /// The store could not read.
    Unavailable(Cause),
    /// The store is closed.
    Closed,
}

/// What is wrong with damaged bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DamageKind {
    /// The checksum does not match: bits have changed.
    Checksum,
    /// A whole 512-byte sector is zero: a write was lost.
    LostSector,
    /// The bytes are those of another place or an older time.
    Misplaced,
    /// The checksum matches and the content makes no sense: a bug, or a forgery.
    Content,
    /// The file ends too early.
    Truncated,
    /// The format is newer than this program.
    UnknownVersion,
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Checksum => "checksum does not match",
            Self::LostSector => "a whole sector is zero",
            Self::Misplaced => "bytes of another place",
            Self::Content => "content makes no sense",
            Self::Truncated => "file ends too early",
            Self::UnknownVersion => "format version is unknown",
        })
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corruption { segment, offset, position, damage } => write!(
                f,
                "corruption in segment {segment} at byte {offset}, position {position}: {damage}"
            ),
            Self::MissingSegment { first, next } => {
                write!(f, "the segment from position {first} to before {next} is missing")
            }
            Self::Retired { first } => {
                write!(f, "events before position {first} have been removed")
            }
            Self::TooBroad(exceeded) => write!(f, "query too broad: {exceeded}"),
            Self::Unavailable(_) => f.write_str("the store cannot read now"),
            Self::Closed => f.write_str("the store is closed"),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(cause) => Some(&**cause),
            _ => None,
        }
    }
}

impl Recoverable for ReadError {
    /// Only an unavailable store is worth another try; damage stays.
    fn recovery(&self) -> Recovery {
        match self {
            Self::Unavailable(_) => Recovery::Retry,
            _ => Recovery::Never,
        }
    }
}
