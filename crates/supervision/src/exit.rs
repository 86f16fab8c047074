//! How an actor ended, reduced to what a supervisor decides on.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The class of an end; all that policies and strategies look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitKind {
    /// It finished its work.
    Normal,
    /// It was told to stop and did.
    Shutdown,
    /// It was killed: no cleanup ran and no state is left.
    Killed,
    /// A handler or the start returned an error.
    Error,
    /// A handler or the start panicked.
    Panic,
    /// A restart budget was spent.
    Meltdown,
    /// A failure was passed up by a supervisor.
    Escalated,
}

impl ExitKind {
    /// Whether this end is a failure. `Meltdown` is one, unlike OTP's `shutdown`.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Normal | Self::Shutdown)
    }

    /// Whether the state outlives this end, so that `Resume` is possible.
    pub const fn keeps_state(self) -> bool {
        matches!(self, Self::Error | Self::Panic)
    }

    /// The name used in text, DOT and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Shutdown => "shutdown",
            Self::Killed => "killed",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Meltdown => "meltdown",
            Self::Escalated => "escalated",
        }
    }
}

impl fmt::Display for ExitKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One end of an actor: its class and, for failures, a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exit {
    /// The class of the end.
    pub kind: ExitKind,
    /// What went wrong, in words; absent for ends that need none.
    pub message: Option<Arc<str>>,
}

impl Exit {
    /// An end without a message.
    pub const fn new(kind: ExitKind) -> Self {
        Self { kind, message: None }
    }

    /// An end with a message.
    pub fn with_message(kind: ExitKind, message: impl Into<Arc<str>>) -> Self {
        Self { kind, message: Some(message.into()) }
    }

    /// Whether this end is a failure.
    pub const fn is_failure(&self) -> bool {
        self.kind.is_failure()
    }
}

impl From<ExitKind> for Exit {
    fn from(kind: ExitKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(formatter, "{}: {message}", self.kind),
            None => self.kind.fmt(formatter),
        }
    }
}
