//! Where a projection's output lies, with its offset in the same atomic unit.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use steadfast_actor_core::BoxError;
use steadfast_base::{LimitExceeded, Recoverable, Recovery};
use steadfast_eventlog::Position;

/// Keeps a projection's output and the position up to which the log is in it.
///
/// # What every store promises
///
/// 1. [`commit`](Self::commit) stores output and offset in one unit: after a crash at any moment both are old or
///    both are new.
/// 2. [`begin`](Self::begin) gives a unit on top of what is stored, with the offset of just that. A unit that
///    is dropped changes nothing.
/// 3. After a commit that failed, the next `begin` says what is true, old or new.
///
/// Over a relational database `Output` is a transaction, `begin` opens one and reads the offset in it, and
/// `commit` updates the offset (`.. where offset = <the one begun with>`) and commits.
#[async_trait]
pub trait ProjectionStore: Send + Sync + 'static {
    /// What the events of one unit are written into.
    type Output: Send + 'static;

    /// Begins a unit and says up to which position the log is in the output.
    ///
    /// # Errors
    ///
    /// [`OutputError`] if the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn begin(&self) -> Result<(Self::Output, Position), OutputError>;

    /// Stores a unit and the position up to which the log is in the output now; durable once answered.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; the unit may be stored nevertheless, as the next `begin` tells.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have stored; whole either way.
    async fn commit(&self, output: Self::Output, offset: Position) -> Result<(), OutputError>;

    /// Empties the output and sets the offset to 0, in one unit.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; it may be empty nevertheless.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have emptied; whole either way.
    async fn reset(&self) -> Result<(), OutputError>;
}

#[async_trait]
impl<S: ProjectionStore + ?Sized> ProjectionStore for Arc<S> {
    type Output = S::Output;

    async fn begin(&self) -> Result<(Self::Output, Position), OutputError> {
        (**self).begin().await
    }

    async fn commit(&self, output: Self::Output, offset: Position) -> Result<(), OutputError> {
        (**self).commit(output, offset).await
    }

    async fn reset(&self) -> Result<(), OutputError> {
        (**self).reset().await
    }
}

/// Why a store of output failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutputError {
    /// It cannot be read or written now; worth another try.
    Unavailable(BoxError),
    /// The output is larger than the store takes.
    TooLarge(LimitExceeded),
    /// The output cannot be encoded.
    Encode(BoxError),
    /// Somebody else writes the same output.
    Moved {
        /// The offset this projector had stored.
        expected: Position,
        /// The offset that is stored.
        found: Position,
    },
    /// Something that another try does not change.
    Refused(BoxError),
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(_) => f.write_str("the output cannot be read or written now"),
            Self::TooLarge(exceeded) => write!(f, "the output is too large: {exceeded}"),
            Self::Encode(_) => f.write_str("the output cannot be encoded"),
            Self::Moved { expected, found } => {
                write!(f, "the output stands at position {found}, where {expected} was stored")
            }
            Self::Refused(_) => f.write_str("the output was refused"),
        }
    }
}

impl Error for OutputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(cause) | Self::Encode(cause) | Self::Refused(cause) => Some(&**cause),
            Self::TooLarge(_) | Self::Moved { .. } => None,
        }
    }
}

impl Recoverable for OutputError {
    fn recovery(&self) -> Recovery {
        match self {
            Self::Unavailable(_) => Recovery::Retry,
            _ => Recovery::Never,
        }
    }
}
