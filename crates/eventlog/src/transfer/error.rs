//! Why an export or import ended early.

use std::error::Error;
use std::{fmt, io};

use crate::append::{AppendError, Cause};
use crate::read::ReadError;

/// Why an export ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The events could not be read.
    Read(ReadError),
    /// The lines could not be written.
    Io(io::Error),
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read(_) => "the events could not be read",
            Self::Io(_) => "the lines could not be written",
        })
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Io(error) => Some(error),
        }
    }
}

/// Why an import ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// A line is no event.
    Line {
        /// The line, counted from 1.
        line: u64,
        /// Why.
        cause: Cause,
    },
    /// A line is longer than [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX).
    LineTooLong {
        /// The line, counted from 1.
        line: u64,
    },
    /// The event of a line was not stored.
    Append {
        /// The line, counted from 1.
        line: u64,
        /// Why.
        cause: AppendError,
    },
    /// The lines could not be read.
    Io(io::Error),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, .. } => write!(f, "line {line} is no event"),
            Self::LineTooLong { line } => write!(f, "line {line} is too long"),
            Self::Append { line, .. } => write!(f, "the event of line {line} was not stored"),
            Self::Io(_) => f.write_str("the lines could not be read"),
        }
    }
}

impl Error for ImportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Line { cause, .. } => Some(&**cause),
            Self::Append { cause, .. } => Some(cause),
            Self::Io(error) => Some(error),
            Self::LineTooLong { .. } => None,
        }
    }
}
