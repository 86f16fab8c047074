//! Why a log could not be opened.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use steadfast_base::{Recoverable, Recovery};

use super::ConfigError;
use crate::read::ReadError;

/// Why a log could not be opened; nothing was changed that matters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The configuration makes no sense.
    Config(ConfigError),
    /// Somebody else has the log open for writing, in this process or another one.
    Locked,
    /// Bytes that were once synced are not what was written, or a file is missing. The files are left as
    /// they are; opening again gives the same error.
    Damaged(ReadError),
    /// The storage failed.
    Storage(Arc<io::Error>),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config(_) => "the configuration makes no sense",
            Self::Locked => "the log is open for writing elsewhere",
            Self::Damaged(_) => "the log is damaged",
            Self::Storage(_) => "the storage failed",
        })
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Damaged(error) => Some(error),
            Self::Storage(error) => Some(&**error),
            Self::Locked => None,
        }
    }
}

impl Recoverable for OpenError {
    /// A lock may be given back, a storage may come back; damage stays.
    fn recovery(&self) -> Recovery {
        match self {
            Self::Locked | Self::Storage(_) => Recovery::Retry,
            Self::Config(_) | Self::Damaged(_) => Recovery::Never,
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        Self::Damaged(error)
    }
}

impl From<ConfigError> for OpenError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
