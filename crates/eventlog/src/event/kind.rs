//! Kinds of events.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::KindName;

/// What an event records.
///
/// # Example
///
/// ```
/// use steadfast_eventlog::EventKind;
///
/// assert_eq!(EventKind::StateChanged.name(), "state-changed");
/// assert_eq!(EventKind::application("audit").name(), "audit");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventKind {
    /// An actor came to life.
    ActorCreated,
    /// An actor ended for good.
    ActorDestroyed,
    /// An actor sent a message.
    MessageSent,
    /// An actor handled a message.
    MessageProcessed,
    /// An actor's state changed; the events of event-sourced actors are of this kind.
    StateChanged,
    /// A snapshot of an actor's state was taken.
    SnapshotTaken,
    /// Something failed.
    FailureOccurred,
    /// A kind that the application defines; never equal to one above, whatever its name.
    Application(KindName),
}

impl EventKind {
    /// The kinds that are not the application's, in the order of their codes.
    pub const BUILT_IN: [Self; 7] = [
        Self::ActorCreated,
        Self::ActorDestroyed,
        Self::MessageSent,
        Self::MessageProcessed,
        Self::StateChanged,
        Self::SnapshotTaken,
        Self::FailureOccurred,
    ];

    /// A kind of the application's own.
    pub fn application(name: impl Into<KindName>) -> Self {
        Self::Application(name.into())
    }

    /// The name, as it is shown.
    pub fn name(&self) -> &str {
        match self {
            Self::ActorCreated => "actor-created",
            Self::ActorDestroyed => "actor-destroyed",
            Self::MessageSent => "message-sent",
            Self::MessageProcessed => "message-processed",
            Self::StateChanged => "state-changed",
            Self::SnapshotTaken => "snapshot-taken",
            Self::FailureOccurred => "failure-occurred",
            Self::Application(name) => name.as_str(),
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
