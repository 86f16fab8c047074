//! How many snapshots are kept, and in which order what they make superfluous goes.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::Timestamp;
use steadfast_eventlog::{ActorName, EventStore, Seq, StoreError};

use crate::criteria::Criteria;
use crate::error::SnapshotError;
use crate::limits;
use crate::store::SnapshotStore;

/// Which snapshots of an actor are kept; the newest sound one always is.
///
/// A damaged one does not count, and goes once as many sound ones as are kept are newer.
///
/// | Field | Default |
/// |---|---|
/// | `keep` | 3: as many as loading tries |
/// | `age_max` | 7 days |
///
/// # Example
///
/// ```
/// use steadfast_snapshot::SnapshotRetention;
///
/// let policy = SnapshotRetention::default().with_keep(5);
/// assert_eq!(policy.keep, 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SnapshotRetention {
    /// How many are kept, the newest ones; 0 counts as 1.
    pub keep: usize,
    /// Older ones than this go, by the store's clock; `None` for no such limit.
    pub age_max: Option<Duration>,
}

impl Default for SnapshotRetention {
    fn default() -> Self {
        Self { keep: limits::KEEP, age_max: Some(Self::AGE_MAX) }
    }
}

impl SnapshotRetention {
    /// How old snapshots become by default: a week, so that an incident of a weekend can be looked into.
    pub const AGE_MAX: Duration = Duration::from_hours(7 * 24);

    /// Sets how many are kept.
    #[must_use]
    pub fn with_keep(mut self, keep: usize) -> Self {
        self.keep = keep;
        self
    }

    /// Sets how old they may become.
    #[must_use]
    pub fn with_age_max(mut self, age: Option<Duration>) -> Self {
        self.age_max = age;
        self
    }

    /// The numbers that go, of snapshots given by rising number, with their times where they can be told.
    ///
    /// Whether one is sound is asked only where something would go if it were.
    pub(crate) fn superfluous(
        &self,
        snapshots: &[(Seq, Option<Timestamp>)],
        now: Timestamp,
        is_sound: impl Fn(Seq) -> bool,
    ) -> Vec<Seq> {
        let keep = self.keep.max(1);
        let too_old = |at: Timestamp| self.age_max.is_some_and(|age| now - at > age);
        let is_old = |(_, at): &(Seq, Option<Timestamp>)| at.is_some_and(too_old);
        if snapshots.len() <= keep && !snapshots.iter().any(is_old) {
            return Vec::new();
        }
        let (mut sound, mut superfluous) = (0, Vec::new());
        for snapshot in snapshots.iter().rev() {
            let (seq, at) = *snapshot;
            if sound >= keep || (sound > 0 && is_old(snapshot)) {
                superfluous.push(seq);
            } else if at.is_some() && is_sound(seq) {
                sound += 1;
            }
        }
        superfluous
    }
}

/// Deletes events and snapshots that newer snapshots make superfluous, in the order that survives a failure
/// of any step.
///
/// First the snapshot `newest` is read back and checked. Then the events up to `behind` are released and
/// deleted. Then the snapshots up to `behind - 1` are deleted: the one at `behind` itself stays as the base of
/// the events that are left. With `behind == newest` only the newest snapshot remains to recover from.
///
/// Stop at any step and run it again: recovery gives the same state throughout. The order is that of Pekko.
///
/// # Errors
///
/// [`RetireError`] of the step that failed; later steps were not taken.
///
/// # Cancel safety
///
/// A dropped call has taken some of the steps, in order.
pub async fn retire_behind(
    log: &dyn EventStore,
    snapshots: &dyn SnapshotStore,
    actor: &ActorName,
    newest: Seq,
    behind: Seq,
) -> Result<(), RetireError> {
    snapshots.verify(actor, newest).await.map_err(RetireError::Verify)?;
    let behind = behind.min(newest);
    log.release(actor, behind).await.map_err(RetireError::Events)?;
    log.delete_to(actor, behind).await.map_err(RetireError::Events)?;
    let older = Criteria::up_to_seq(behind.previous());
    snapshots.delete(actor, &older).await.map_err(RetireError::Snapshots)?;
    Ok(())
}

/// Which step of [`retire_behind`] failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum RetireError {
    /// The newest snapshot is not sound: nothing was deleted.
    Verify(SnapshotError),
    /// The events could not be deleted.
    Events(StoreError),
    /// The older snapshots could not be deleted; the events are.
    Snapshots(SnapshotError),
}

impl fmt::Display for RetireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verify(_) => "the newest snapshot is not sound, nothing was deleted",
            Self::Events(_) => "the events could not be deleted",
            Self::Snapshots(_) => "the older snapshots could not be deleted",
        })
    }
}

impl Error for RetireError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Verify(error) | Self::Snapshots(error) => Some(error),
            Self::Events(error) => Some(error),
        }
    }
}
