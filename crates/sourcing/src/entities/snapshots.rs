//! Saving snapshots, and letting go of what they make superfluous, in the order that survives any failure.

use std::sync::Arc;

use steadfast_eventlog::{ActorName, Seq};
use steadfast_snapshot::{Criteria, Snapshot, SnapshotInfo, SnapshotStore};

use super::shared::Shared;
use crate::{EventSourced, SnapshotFault};

/// Saves a snapshot, and lets go of what is behind the oldest one that is kept.
pub(crate) async fn save<S: EventSourced>(
    shared: &Shared<S>,
    snapshot: Snapshot,
) -> Result<SnapshotInfo, SnapshotFault> {
    let Some(seat) = &shared.seat else { return Err(SnapshotFault::NoStore) };
    let info = seat.store.save(snapshot).await.map_err(store_fault)?;
    let kept = seat.store.list(&info.actor).await.map_err(store_fault)?;
    let oldest = kept.len().checked_sub(shared.config.snapshots_kept).and_then(|i| kept.get(i));
    if let Some(oldest) = oldest {
        retire(shared, &*seat.store, &info.actor, info.seq, oldest.seq).await?;
    }
    Ok(info)
}

/// Lets go of the events up to `behind`, and of the snapshots before it.
///
/// The snapshot `newest` is read back and checked first; then the events are let go, then the older
/// snapshots deleted. Stop at any step, and a recovery gives the same.
// INV-SRC-4: events are let go only behind a snapshot that was read back, snapshots only after their events.
async fn retire<S: EventSourced>(
    shared: &Shared<S>,
    store: &dyn SnapshotStore,
    actor: &ActorName,
    newest: Seq,
    behind: Seq,
) -> Result<(), SnapshotFault> {
    store.verify(actor, newest).await.map_err(store_fault)?;
    release(shared, actor, behind).await?;
    if shared.config.delete_events {
        let deleted = shared.log().delete_to(actor, behind).await;
        deleted.map_err(|error| SnapshotFault::Log(Arc::new(error)))?;
    }
    let older = Criteria::up_to_seq(behind.previous());
    store.delete(actor, &older).await.map_err(store_fault)?;
    Ok(())
}

/// Allows retention to remove events up to a number, behind a snapshot that was checked.
pub(crate) async fn release<S: EventSourced>(
    shared: &Shared<S>,
    actor: &ActorName,
    to: Seq,
) -> Result<(), SnapshotFault> {
    let released = shared.log().release(actor, to).await;
    released.map_err(|error| SnapshotFault::Log(Arc::new(error)))
}

pub(crate) fn store_fault(error: steadfast_snapshot::SnapshotError) -> SnapshotFault {
    SnapshotFault::Store(Arc::new(error))
}
