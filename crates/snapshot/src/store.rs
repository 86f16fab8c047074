//! The contract of every snapshot store.

use std::fmt;

use async_trait::async_trait;

use steadfast_eventlog::{ActorName, Seq};

use crate::criteria::Criteria;
use crate::error::{SnapshotDamage, SnapshotError};
use crate::retention::SnapshotRetention;
use crate::snapshot::{Snapshot, SnapshotInfo};

/// Keeps snapshots, by actor and number.
///
/// # What every store promises
///
/// 1. A snapshot whose saving was answered with `Ok` is whole and stays, through whatever the store's
///    medium survives. At no moment, crashes included, is there neither the old nor the new one.
/// 2. Saving the same actor and number again replaces.
/// 3. What is loaded is what was saved, bit for bit; a damaged snapshot is never handed out.
/// 4. Loading takes the one with the highest number that meets the criteria; if it is damaged, the next
///    lower one, at most [`LOAD_ATTEMPTS_MAX`](crate::limits::LOAD_ATTEMPTS_MAX) in all. Whether it is safe
///    to recover without any is the caller's to decide: only if the log still has the first event.
#[async_trait]
pub trait SnapshotStore: Send + Sync + fmt::Debug {
    /// Saves a snapshot, durable once answered.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; a snapshot of the same number that was there is still there, or replaced.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have saved; whole either way.
    async fn save(&self, snapshot: Snapshot) -> Result<SnapshotInfo, SnapshotError>;

    /// Loads the newest sound snapshot that meets the criteria, and says which were damaged.
    ///
    /// One that the disk fails to read counts as damaged too: the next older one is tried.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] if the store cannot be asked at all; damage is no error here.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn load(&self, actor: &ActorName, criteria: &Criteria) -> Result<Loaded, SnapshotError>;

    /// Reads the snapshot with this number back and checks all of it.
    ///
    /// To be done before anything is deleted that it makes superfluous.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] if it is not there, damaged, or cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn verify(&self, actor: &ActorName, seq: Seq) -> Result<SnapshotInfo, SnapshotError>;

    /// What is known of an actor's snapshots, by rising number.
    ///
    /// Those whose headers are damaged, or cannot be read, are left out.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] if the store cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn list(&self, actor: &ActorName) -> Result<Vec<SnapshotInfo>, SnapshotError>;

    /// Deletes the snapshots of an actor that meet the criteria and says how many.
    ///
    /// One with a damaged header is deleted if its number is meant and no time is asked for.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; some may be deleted.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have deleted some; do it again.
    async fn delete(&self, actor: &ActorName, criteria: &Criteria) -> Result<u64, SnapshotError>;

    /// Deletes what a policy does not keep of an actor and says how many; never the newest sound one.
    ///
    /// Only sound ones count as kept. A damaged one goes like a sound one would in its place.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; some may be deleted.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have deleted some; do it again.
    async fn retain(
        &self,
        actor: &ActorName,
        policy: &SnapshotRetention,
    ) -> Result<u64, SnapshotError>;

    /// Figures since the store was opened.
    fn statistics(&self) -> SnapshotStatistics;
}

/// What loading came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// The snapshot, if a sound one was found.
    pub snapshot: Option<Snapshot>,
    /// Newer ones that were passed over, the newest first.
    pub damaged: Vec<Damaged>,
    /// Whether there are older ones that were not tried.
    pub gave_up: bool,
}

impl Loaded {
    /// What a store found.
    pub fn new(snapshot: Option<Snapshot>, damaged: Vec<Damaged>, gave_up: bool) -> Self {
        Self { snapshot, damaged, gave_up }
    }
}

/// A snapshot that was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// Its number.
    pub seq: Seq,
    /// What is wrong with it.
    pub damage: SnapshotDamage,
}

impl Damaged {
    /// A snapshot with this damage.
    pub fn new(seq: Seq, damage: SnapshotDamage) -> Self {
        Self { seq, damage }
    }
}

/// Figures of a snapshot store since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotStatistics {
    /// Snapshots saved.
    pub saved_total: u64,
    /// Snapshots loaded.
    pub loaded_total: u64,
    /// Damaged snapshots met.
    pub damaged_total: u64,
    /// Those of them whose SHA-256 did not match.
    pub digest_mismatches_total: u64,
    /// Snapshots deleted, by hand or by retention.
    pub deleted_total: u64,
}

impl SnapshotStatistics {
    pub(crate) fn count_damage(&mut self, damage: SnapshotDamage) {
        self.damaged_total += 1;
        self.digest_mismatches_total += u64::from(damage == SnapshotDamage::Digest);
    }
}
