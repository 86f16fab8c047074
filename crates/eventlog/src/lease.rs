//! Leases: who may write, for how long, and how a former owner is kept out.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use steadfast_base::{Recoverable, Recovery, Timestamp};

use crate::append::{Cause, Epoch, Fence};

/// Gives a name to one owner at a time, with an epoch that rises at each change of hands.
///
/// A lease alone does not keep a former owner out: a paused process wakes up and writes, believing that it
/// still holds one. So every write carries [`Lease::fence`], and the store refuses lower epochs.
#[async_trait]
pub trait LeaseStore: Send + Sync + fmt::Debug {
    /// Takes a name that is free, has run out, or is already held by the same owner.
    ///
    /// The epoch rises if and only if the owner was another one, or the lease had been given back or run out.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Held`] if another owner has it.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have taken it; it runs out by itself.
    async fn acquire(&self, name: &str, owner: &str, ttl: Duration) -> Result<Lease, LeaseError>;

    /// Holds a lease for `ttl` from now on.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Lost`] if it ran out or was given to another: it must be acquired again.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have renewed it.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, LeaseError>;

    /// Gives a lease back before it runs out; one that is lost already is none of its business.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Unavailable`]; it then runs out by itself.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have given it back.
    async fn release(&self, lease: &Lease) -> Result<(), LeaseError>;

    /// Who has a name now, if anybody.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Unavailable`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn holder(&self, name: &str) -> Result<Option<Lease>, LeaseError>;
}

/// The right to write under a name, until it runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Who has it.
    pub owner: String,
    /// How often it has changed hands.
    pub epoch: Epoch,
    /// When it runs out, by the clock of the lease store.
    pub until: Timestamp,
}

impl Lease {
    /// A lease with these parts.
    pub fn new(
        name: impl Into<String>,
        owner: impl Into<String>,
        epoch: Epoch,
        until: Timestamp,
    ) -> Self {
        Self { name: name.into(), owner: owner.into(), epoch, until }
    }

    /// What to show with each append.
    pub fn fence(&self) -> Fence {
        Fence { lease: self.name.as_str().into(), epoch: self.epoch }
    }
}

/// Why a lease was not given, held or given back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LeaseError {
    /// Another owner has it.
    Held {
        /// Who.
        owner: String,
        /// How long at most, unless it is renewed.
        retry_after: Duration,
    },
    /// It is no longer this owner's.
    Lost {
        /// The epoch it is in now.
        current: Epoch,
    },
    /// The lease store cannot be reached.
    Unavailable(Cause),
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { owner, .. } => write!(f, "the lease is held by {owner}"),
            Self::Lost { current } => write!(f, "the lease was lost, it is in epoch {current} now"),
            Self::Unavailable(_) => f.write_str("the lease store cannot be reached"),
        }
    }
}

impl Error for LeaseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(cause) => Some(&**cause),
            _ => None,
        }
    }
}

impl Recoverable for LeaseError {
    fn recovery(&self) -> Recovery {
        match self {
            Self::Held { retry_after, .. } => Recovery::RetryAfter(*retry_after),
            Self::Lost { .. } => Recovery::Never,
            Self::Unavailable(_) => Recovery::Retry,
        }
    }
}
