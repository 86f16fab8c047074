//! Retention: cold entities that hold the oldest segment get a snapshot, so that it can go.

use std::error::Error;
use std::fmt;

use steadfast_eventlog::{Pin, ReadError, Retention, StoreError};
use steadfast_snapshot::Snapshot;

use super::recover::Moment;
use super::snapshots::{release, store_fault};
use super::{Entities, RecoveryFailed, SnapshotFault};
use crate::EventSourced;

/// The most rounds of removing and unpinning in one call; each round that goes on has freed an entity.
const ROUNDS_MAX: usize = 1_000;

/// What a run of [`Entities::retain`] came to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Retained {
    /// Events removed.
    pub events: u64,
    /// Bytes removed.
    pub bytes: u64,
    /// Entities that got a snapshot, since they held the oldest piece of the log.
    pub forced: u64,
    /// Entities whose newest snapshot was enough.
    pub released: u64,
    /// What still holds the oldest piece, if something does: actors of other kinds, or entities that could
    /// not be recovered.
    pub held: Vec<Pin>,
    /// Why the first of the entities that hold it could not be freed.
    pub fault: Option<UnpinFault>,
}

/// Why an entity that holds the oldest piece of the log could not be freed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum UnpinFault {
    /// It cannot be recovered.
    Recovery(RecoveryFailed),
    /// Its snapshot could not be taken or checked, or its events not be released.
    Snapshot(SnapshotFault),
}

impl<S: EventSourced> Entities<S> {
    /// Removes from the oldest end of the log what a policy allows, snapshots in the way taken.
    ///
    /// Entities of this kind that hold the oldest piece are brought back from the log, without coming into
    /// memory as actors; the snapshot is saved and read back, and only then their events are released. With
    /// no snapshot store it only removes what is free.
    ///
    /// # Errors
    ///
    /// [`RetainError`] of the log; what was removed until then stays removed.
    ///
    /// # Cancel safety
    ///
    /// A dropped call has done some of it; the log is whole either way. Call it again.
    pub async fn retain(&self, policy: &Retention) -> Result<Retained, RetainError> {
        let log = self.shared.log();
        let mut retained = Retained::default();
        for _ in 0..ROUNDS_MAX {
            let retired = log.retain(policy).await.map_err(RetainError::Log)?;
            retained.events += retired.events;
            retained.bytes += retired.bytes;
            if !retired.held {
                retained.held.clear();
                return Ok(retained);
            }
            let pins = log.pinned().await.map_err(RetainError::Read)?;
            let (mut freed, mut held) = (false, Vec::new());
            for pin in pins {
                match self.unpin(&pin).await {
                    Some(Ok(forced)) => {
                        freed = true;
                        retained.forced += u64::from(forced);
                        retained.released += u64::from(!forced);
                    }
                    Some(Err(fault)) => {
                        retained.fault.get_or_insert(fault);
                        held.push(pin);
                    }
                    None => held.push(pin),
                }
            }
            retained.held = held;
            if !freed {
                return Ok(retained);
            }
        }
        Ok(retained)
    }

    /// Releases what a pin holds, behind a snapshot that was read back; says whether one had to be taken.
    /// `None` if it is none of ours.
    async fn unpin(&self, pin: &Pin) -> Option<Result<bool, UnpinFault>> {
        let shared = &*self.shared;
        let seat = shared.seat.as_ref()?;
        let id = pin.actor.as_str().strip_prefix(&*shared.kind)?.strip_prefix('/')?;
        Some(
            async {
                let actor = &pin.actor;
                let newest = seat.store.list(actor).await.map_err(store_fault)?;
                if let Some(newest) = newest.last().filter(|newest| newest.seq >= pin.needed)
                    && seat.store.verify(actor, newest.seq).await.is_ok()
                {
                    release(shared, actor, newest.seq).await?;
                    return Ok(false);
                }
                let past = shared.recover(actor, id, Moment::Now).await;
                let past = past.map_err(UnpinFault::Recovery)?;
                let state = (seat.encode)(shared.config.codec, &past.state);
                let state = state.map_err(SnapshotFault::Encode)?;
                let mut snapshot = Snapshot::new(actor, past.seq, past.position, state);
                snapshot.event = past.event;
                snapshot.at = Some(past.at.of_snapshot(shared.system.time().timestamp()));
                seat.store.save(snapshot).await.map_err(store_fault)?;
                seat.store.verify(actor, past.seq).await.map_err(store_fault)?;
                release(shared, actor, past.seq).await?;
                Ok(true)
            }
            .await,
        )
    }
}

impl From<SnapshotFault> for UnpinFault {
    fn from(fault: SnapshotFault) -> Self {
        Self::Snapshot(fault)
    }
}

/// Why retention came to nothing, or not to its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RetainError {
    /// The log could not remove.
    Log(StoreError),
    /// The log could not say what holds it.
    Read(ReadError),
}

impl fmt::Display for RetainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log(_) => "the log could not remove its oldest events",
            Self::Read(_) => "the log could not say what holds its oldest events",
        })
    }
}

impl Error for RetainError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Log(error) => Some(error),
            Self::Read(error) => Some(error),
        }
    }
}
