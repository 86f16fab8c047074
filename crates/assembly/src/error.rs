//! What calls, starts and reloads fail with.

use std::error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use steadfast_actor_core::BuildError;
use steadfast_base::{Recoverable, Recovery};
use steadfast_policy::{self as policy, Rejection};

use crate::fault::ConfigError;

/// There is no component of this name.
///
/// # Example
///
/// See [`Steadfast::component`](crate::Steadfast::component).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownComponent {
    name: String,
    known: Vec<String>,
}

impl UnknownComponent {
    pub(crate) fn new(name: &str, known: Vec<String>) -> Self {
        Self { name: name.to_owned(), known }
    }

    /// The name that was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names that there are, sorted.
    pub fn known(&self) -> &[String] {
        &self.known
    }
}

impl fmt::Display for UnknownComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no component {:?}; ", self.name)?;
        if self.known.is_empty() {
            f.write_str("none is configured")
        } else {
            write!(f, "known are {}", self.known.join(", "))
        }
    }
}

impl error::Error for UnknownComponent {}

/// What a call by name fails with.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// There is no component of this name; nothing was called.
    Unknown(UnknownComponent),
    /// What the policies make of it: the call's own error, a rejection, a time-out.
    Call(policy::Error<E>),
}

impl<E> Error<E> {
    /// What came of the call, unless the name was unknown.
    pub fn as_call(&self) -> Option<&policy::Error<E>> {
        match self {
            Self::Call(error) => Some(error),
            Self::Unknown(_) => None,
        }
    }

    /// Whether a policy did not let the call through.
    pub fn is_rejected(&self) -> bool {
        self.as_call().is_some_and(policy::Error::is_rejected)
    }

    /// Whether the call took too long.
    pub fn is_timeout(&self) -> bool {
        self.as_call().is_some_and(policy::Error::is_timeout)
    }

    /// The rejection, if the call (or the last of its attempts) was rejected.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.as_call().and_then(policy::Error::rejection)
    }

    /// How long to stay away, if the policy that rejected the call knows.
    pub fn retry_after(&self) -> Option<Duration> {
        self.as_call().and_then(policy::Error::retry_after)
    }

    /// The call's own error, taken out.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Call(error) => error.into_inner(),
            Self::Unknown(_) => None,
        }
    }
}

impl<E> From<policy::Error<E>> for Error<E> {
    fn from(error: policy::Error<E>) -> Self {
        Self::Call(error)
    }
}

impl<E> From<UnknownComponent> for Error<E> {
    fn from(error: UnknownComponent) -> Self {
        Self::Unknown(error)
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => error.fmt(f),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Unknown(_) => None,
            Self::Call(error) => error.source(),
        }
    }
}

impl<E: Recoverable> Recoverable for Error<E> {
    /// As the call's error; an unknown name stays unknown.
    fn recovery(&self) -> Recovery {
        self.as_call().map_or(Recovery::Never, Recoverable::recovery)
    }
}

/// Why a system did not start, or a file was not put in force.
#[non_exhaustive]
#[derive(Debug)]
pub enum SetupError {
    /// The configuration has faults; all are listed.
    Config(ConfigError),
    /// The configuration file cannot be read, or is too large.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The actor system cannot be built.
    System(BuildError),
}

impl From<ConfigError> for SetupError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::File { path, .. } => {
                write!(f, "configuration file {} cannot be read", path.display())
            }
            Self::System(_) => f.write_str("the actor system cannot be built"),
        }
    }
}

impl error::Error for SetupError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Config(_) => None,
            Self::File { error, .. } => Some(error),
            Self::System(error) => Some(error),
        }
    }
}
