//! Leases in memory, for tests and for one process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use steadfast_base::{Time, Timestamp};

use crate::append::Epoch;
use crate::lease::{Lease, LeaseError, LeaseStore};

/// Leases that live in memory and run out by an injected clock.
///
/// Every name that was ever leased is remembered, with its epoch.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Time;
/// use steadfast_eventlog::{LeaseStore, MemoryLeases, block_on};
///
/// let leases = MemoryLeases::new(Time::system());
/// let lease = block_on(leases.acquire("shard-1", "node-a", Duration::from_secs(10)))?;
/// assert!(block_on(leases.acquire("shard-1", "node-b", Duration::from_secs(10))).is_err());
/// assert_eq!(lease.epoch.get(), 1);
/// # Ok::<(), steadfast_eventlog::LeaseError>(())
/// ```
pub struct MemoryLeases {
    time: Time,
    leases: Mutex<BTreeMap<String, Lease>>,
}

impl MemoryLeases {
    /// No leases yet.
    pub fn new(time: Time) -> Self {
        Self { time, leases: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLeases").field("leases", &*self.lock()).finish_non_exhaustive()
    }
}

#[async_trait]
impl LeaseStore for MemoryLeases {
    async fn acquire(&self, name: &str, owner: &str, ttl: Duration) -> Result<Lease, LeaseError> {
        let now = self.time.timestamp();
        let mut leases = self.lock();
        let known = leases.get(name);
        let live = known.filter(|lease| lease.until > now);
        if let Some(other) = live.filter(|lease| lease.owner != owner) {
            let retry_after = left(other.until, now);
            return Err(LeaseError::Held { owner: other.owner.clone(), retry_after });
        }
        let epoch = match live {
            Some(mine) => mine.epoch,
            None => known.map_or(Epoch::ZERO, |lease| lease.epoch).next(),
        };
        let lease = Lease::new(name, owner, epoch, later(now, ttl));
        leases.insert(name.to_owned(), lease.clone());
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, LeaseError> {
        let now = self.time.timestamp();
        let mut leases = self.lock();
        let current = leases.get(&lease.name).map_or(Epoch::ZERO, |known| known.epoch);
        let mine = leases.get_mut(&lease.name).filter(|known| {
            known.epoch == lease.epoch && known.owner == lease.owner && known.until > now
        });
        let Some(mine) = mine else { return Err(LeaseError::Lost { current }) };
        mine.until = later(now, ttl);
        Ok(mine.clone())
    }

    async fn release(&self, lease: &Lease) -> Result<(), LeaseError> {
        let mut leases = self.lock();
        if let Some(known) = leases.get_mut(&lease.name).filter(|known| known.epoch == lease.epoch)
        {
            known.until = Timestamp::UNIX_EPOCH;
        }
        Ok(())
    }

    async fn holder(&self, name: &str) -> Result<Option<Lease>, LeaseError> {
        let now = self.time.timestamp();
        Ok(self.lock().get(name).filter(|lease| lease.until > now).cloned())
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "the sum saturates")]
fn later(now: Timestamp, ttl: Duration) -> Timestamp {
    now + ttl
}

#[expect(clippy::arithmetic_side_effects, reason = "the difference saturates")]
fn left(until: Timestamp, now: Timestamp) -> Duration {
    until - now
}
