//! Why something other than an append or a read failed.

use std::error::Error;
use std::fmt;

use steadfast_base::{Recoverable, Recovery};

use crate::append::{Cause, Epoch};
use crate::read::ReadError;

/// Why a store could not delete, release, retain, sync or close.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// A write or sync failed, now or earlier: the store must be opened again.
    Poisoned(Cause),
    /// Somebody else writes now.
    Fenced {
        /// The highest epoch seen.
        current: Epoch,
    },
    /// What had to be read could not be.
    Read(ReadError),
    /// Nothing was changed: the disk is full, or the store cannot be reached.
    Unavailable(Cause),
    /// The store is closed.
    Closed,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisoned(_) => f.write_str("a write failed, the log must be opened again"),
            Self::Fenced { current } => {
                write!(f, "another writer has taken over in epoch {current}")
            }
            Self::Read(_) => f.write_str("what had to be read first could not be"),
            Self::Unavailable(_) => f.write_str("the store cannot write now"),
            Self::Closed => f.write_str("the store is closed"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Poisoned(cause) | Self::Unavailable(cause) => Some(&**cause),
            Self::Read(error) => Some(error),
            Self::Fenced { .. } | Self::Closed => None,
        }
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Closed,
            other => Self::Read(other),
        }
    }
}

impl Recoverable for StoreError {
    /// Only an unavailable store is worth another try.
    fn recovery(&self) -> Recovery {
        match self {
            Self::Unavailable(_) => Recovery::Retry,
            Self::Read(error) => error.recovery(),
            _ => Recovery::Never,
        }
    }
}
