//! Ids of commands, from which the ids of their events follow.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use steadfast_base::EventId;
use steadfast_eventlog::ActorName;

/// The id of a command, chosen by whoever sends it and the same at each try.
///
/// The ids of the command's events follow from it, so that the log knows them again: with
/// [`EntityAsk::keyed`](crate::EntityAsk::keyed) a command that is tried again, by whomever and after
/// whatever, is stored at most once. Take a fresh one for each new command: random, of an
/// [`IdSource`](steadfast_base::IdSource), or the hash of a request. Entities do not share them: the same id
/// sent to two entities is two commands.
///
/// # Example
///
/// ```
/// use steadfast_eventlog::ActorName;
/// use steadfast_sourcing::CommandId;
///
/// let id = CommandId::new(0x0193_8a5c_0000_7000_8000_0000_0000_002a);
/// let (one, other) = (ActorName::from("account/a"), ActorName::from("account/b"));
/// assert_eq!(id.event(&one, 0), id.event(&one, 0));
/// assert_ne!(id.event(&one, 0), id.event(&one, 1));
/// assert_ne!(id.event(&one, 0), id.event(&other, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(u128);

impl CommandId {
    /// The id with this number.
    #[must_use]
    pub const fn new(id: u128) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The id of an event of the command, by its number from 0: what `Query::event` finds.
    ///
    /// A hash in the form of an id made of chance (`UUIDv8`): it says nothing about a time.
    #[must_use]
    pub fn event(self, actor: &ActorName, number: u64) -> EventId {
        EventId::from_u128(self.derive(b"event", actor, number))
    }

    /// The id of the command that the result of a future of this one becomes.
    pub(crate) fn performed(self, actor: &ActorName, number: u64) -> Self {
        Self(self.derive(b"performed", actor, number))
    }

    fn derive(self, what: &[u8], actor: &ActorName, number: u64) -> u128 {
        let mut hash = Sha256::new();
        hash.update(what);
        hash.update(self.0.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.update(actor.as_str().as_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let (half, _) = hash.split_first_chunk::<16>().expect("32 bytes begin with 16");
        // Version 8 and the variant, which also keep it from being nil.
        (u128::from_be_bytes(*half) & !(0xf << 76) & !(0x3 << 62)) | (8 << 76) | (2 << 62)
    }
}

impl From<EventId> for CommandId {
    fn from(id: EventId) -> Self {
        Self(id.as_u128())
    }
}

impl fmt::Display for CommandId {
    /// As a UUID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&EventId::from_u128(self.0), f)
    }
}
