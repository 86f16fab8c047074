//! Snapshots in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use steadfast_base::{Time, Timestamp};
use steadfast_eventlog::{ActorName, Seq};

use crate::criteria::Criteria;
use crate::error::SnapshotError;
use crate::limits::STATE_BYTES_MAX;
use crate::retention::SnapshotRetention;
use crate::snapshot::{Snapshot, SnapshotInfo};
use crate::store::{Loaded, SnapshotStatistics, SnapshotStore};

/// A store in memory, lost when it is dropped: for tests.
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_eventlog::block_on;
/// use steadfast_snapshot::{Criteria, MemorySnapshots, SnapshotStore};
///
/// let store = MemorySnapshots::new(Time::system());
/// let loaded = block_on(store.load(&"nobody".into(), &Criteria::latest()))?;
/// assert_eq!(loaded.snapshot, None);
/// # Ok::<(), steadfast_snapshot::SnapshotError>(())
/// ```
pub struct MemorySnapshots {
    time: Time,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    snapshots: BTreeMap<ActorName, BTreeMap<Seq, Snapshot>>,
    statistics: SnapshotStatistics,
}

impl MemorySnapshots {
    /// An empty store.
    pub fn new(time: Time) -> Self {
        Self { time, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemorySnapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statistics = self.lock().statistics;
        f.debug_struct("MemorySnapshots").field("statistics", &statistics).finish_non_exhaustive()
    }
}

fn meets(criteria: &Criteria, snapshot: &Snapshot) -> bool {
    let at = snapshot.at.unwrap_or(Timestamp::UNIX_EPOCH);
    criteria.has_seq(snapshot.seq) && criteria.has_time(at)
}

#[async_trait]
impl SnapshotStore for MemorySnapshots {
    async fn save(&self, snapshot: Snapshot) -> Result<SnapshotInfo, SnapshotError> {
        snapshot.check(STATE_BYTES_MAX)?;
        let snapshot = snapshot.settled(self.time.timestamp());
        let info = snapshot.info(snapshot.state.bytes().len() as u64);
        let mut state = self.lock();
        let of_actor = state.snapshots.entry(snapshot.actor.clone()).or_default();
        of_actor.insert(snapshot.seq, snapshot);
        state.statistics.saved_total += 1;
        Ok(info)
    }

    async fn load(&self, actor: &ActorName, criteria: &Criteria) -> Result<Loaded, SnapshotError> {
        let mut state = self.lock();
        let of_actor = state.snapshots.get(actor);
        let found = of_actor
            .and_then(|snapshots| snapshots.values().rev().find(|found| meets(criteria, found)))
            .cloned();
        state.statistics.loaded_total += u64::from(found.is_some());
        Ok(Loaded::new(found, Vec::new(), false))
    }

    async fn verify(&self, actor: &ActorName, seq: Seq) -> Result<SnapshotInfo, SnapshotError> {
        let state = self.lock();
        let found = state.snapshots.get(actor).and_then(|snapshots| snapshots.get(&seq));
        let found = found.ok_or(SnapshotError::NotFound)?;
        Ok(found.info(found.state.bytes().len() as u64))
    }

    async fn list(&self, actor: &ActorName) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let state = self.lock();
        let snapshots = state.snapshots.get(actor).into_iter().flat_map(BTreeMap::values);
        Ok(snapshots.map(|found| found.info(found.state.bytes().len() as u64)).collect())
    }

    async fn delete(&self, actor: &ActorName, criteria: &Criteria) -> Result<u64, SnapshotError> {
        let mut state = self.lock();
        let Some(snapshots) = state.snapshots.get_mut(actor) else { return Ok(0) };
        let before = snapshots.len();
        snapshots.retain(|_, snapshot| !meets(criteria, snapshot));
        let deleted = (before - snapshots.len()) as u64;
        state.statistics.deleted_total += deleted;
        Ok(deleted)
    }

    async fn retain(
        &self,
        actor: &ActorName,
        policy: &SnapshotRetention,
    ) -> Result<u64, SnapshotError> {
        let now = self.time.timestamp();
        let mut state = self.lock();
        let Some(snapshots) = state.snapshots.get_mut(actor) else { return Ok(0) };
        let known: Vec<_> = snapshots
            .values()
            .map(|found| (found.seq, Some(found.at.unwrap_or(Timestamp::UNIX_EPOCH))))
            .collect();
        let superfluous = policy.superfluous(&known, now, |_in_memory| true);
        snapshots.retain(|seq, _| !superfluous.contains(seq));
        state.statistics.deleted_total += superfluous.len() as u64;
        Ok(superfluous.len() as u64)
    }

    fn statistics(&self) -> SnapshotStatistics {
        self.lock().statistics
    }
}
