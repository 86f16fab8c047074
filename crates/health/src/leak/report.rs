//! What is told of a leak.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use steadfast_base::Timestamp;
use steadfast_reliability::TimeTo;

/// What leaks.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeakKind {
    /// Memory of the process.
    Memory,
    /// Open file handles.
    FileHandles,
    /// Open connections.
    Connections,
    /// Tasks that do not end.
    Tasks,
    /// Permits that are not given back.
    Permits,
    /// Actors that do not end.
    Actors,
    /// Anything else.
    Other,
}

impl LeakKind {
    /// The kind's name, as it is shown and serialized.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::FileHandles => "file_handles",
            Self::Connections => "connections",
            Self::Tasks => "tasks",
            Self::Permits => "permits",
            Self::Actors => "actors",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for LeakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One leak, told once.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeakReport {
    /// The tracker or gauge that found it.
    pub name: String,
    /// What leaks.
    pub kind: LeakKind,
    /// Why it counts as a leak.
    pub cause: LeakCause,
    /// Where most of what is held of this kind was acquired, the most first; what was held too long was
    /// acquired at the first. Empty if nothing of the kind is tracked.
    pub sites: Vec<Suspect>,
    /// When it was found.
    pub at: Timestamp,
}

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {}", self.name, self.kind, self.cause)?;
        match self.sites.first() {
            Some(suspect) => write!(f, ", acquired at {}", suspect.site),
            None => Ok(()),
        }
    }
}

/// Why something counts as a leak.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeakCause {
    /// A tracked thing was held for longer than allowed.
    HeldTooLong {
        /// How long it was held when it was found; serialized in seconds.
        #[serde(serialize_with = "crate::serde_forms::seconds::serialize")]
        held_for: Duration,
        /// How long it may be held; serialized in seconds.
        #[serde(serialize_with = "crate::serde_forms::seconds::serialize")]
        held_max: Duration,
    },
    /// More is in use than allowed.
    AboveLimit {
        /// What is in use.
        value: f64,
        /// What is allowed.
        limit: f64,
    },
    /// Less is in use than allowed, but it grows steadily.
    Growing {
        /// What is in use.
        value: f64,
        /// What is allowed.
        limit: f64,
        /// How fast it grows.
        per_hour: f64,
        /// When the limit is reached if it goes on.
        reaches_limit: TimeTo,
    },
}

impl fmt::Display for LeakCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldTooLong { held_for, held_max } => {
                write!(f, "held for {held_for:?}, allowed are {held_max:?}")
            }
            Self::AboveLimit { value, limit } => write!(f, "at {value}, allowed are {limit}"),
            Self::Growing { value, limit, per_hour, reaches_limit } => write!(
                f,
                "at {value}, growing by {per_hour:.3} an hour, reaches {limit} in {:?}",
                reaches_limit.expected
            ),
        }
    }
}

/// Where held things were acquired, and about how many.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Suspect {
    /// Where they were acquired.
    pub site: Site,
    /// About how many acquired there are held, from those that are tracked.
    pub held_about: u64,
}

/// A place in the source: file, line and column.
///
/// # Example
///
/// ```
/// use steadfast_health::Site;
///
/// let here = Site::caller();
/// assert!(here.to_string().starts_with(file!()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(&'static Location<'static>);

impl Site {
    /// The place of the caller, through all functions that are marked `#[track_caller]`.
    #[track_caller]
    #[inline]
    pub fn caller() -> Self {
        Self(Location::caller())
    }

    /// The file's path as the compiler knew it.
    pub fn file(&self) -> &'static str {
        self.0.file()
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.0.line()
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}

impl Serialize for Site {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
