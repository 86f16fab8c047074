//! Snapshots in files.

mod config;
mod directory;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use steadfast_base::Time;
use steadfast_base::storage::Storage;
use steadfast_eventlog::{ActorName, Seq};

pub use self::config::FileSnapshotsConfig;
use self::directory::Directory;
use crate::criteria::Criteria;
use crate::error::SnapshotError;
use crate::pool::Pool;
use crate::retention::SnapshotRetention;
use crate::snapshot::{Snapshot, SnapshotInfo};
use crate::store::{Loaded, SnapshotStatistics, SnapshotStore};

/// A store that keeps each snapshot in a file of its own.
///
/// The files lie in 256 directories below one, named after the SHA-256 of the actor's name and the number of
/// the snapshot, so no name of an actor becomes part of a path. Opening reads the directories once and removes
/// what a crash left half-written; their names are kept in memory (about 40 bytes a snapshot). Calls run on
/// threads of its own. Only one process may use a directory at a time; the event log's lock sees to that.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "test-util")] {
/// use std::sync::Arc;
///
/// use steadfast_base::Time;
/// use steadfast_base::storage::SimulatedStorage;
/// use steadfast_eventlog::{Payload, Position, Seq, block_on};
/// use steadfast_snapshot::{FileSnapshots, FileSnapshotsConfig, Snapshot, SnapshotStore};
///
/// let storage = Arc::new(SimulatedStorage::new());
/// let store = FileSnapshots::open(storage, "snapshots", Time::system(), FileSnapshotsConfig::default())?;
/// let state = Payload::raw("bank.Account", "500");
/// let info = block_on(store.save(Snapshot::new("acc-42", Seq::new(15), Position::new(90), state)))?;
/// assert_eq!(info.state_bytes, 3);
/// # }
/// # Ok::<(), steadfast_snapshot::SnapshotError>(())
/// ```
#[derive(Debug)]
pub struct FileSnapshots {
    directory: Arc<Directory>,
    pool: Pool,
}

impl FileSnapshots {
    /// Opens the store in a directory, which is made if need be.
    ///
    /// Blocks while it reads the directories.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Unavailable`] if they cannot be read, or no thread can be had.
    pub fn open(
        storage: Arc<dyn Storage>,
        directory: impl Into<PathBuf>,
        time: Time,
        config: FileSnapshotsConfig,
    ) -> Result<Self, SnapshotError> {
        let pool = Pool::start(config.threads)?;
        let directory = Directory::open(storage, directory.into(), time, config)?;
        Ok(Self { directory: Arc::new(directory), pool })
    }
}

#[async_trait]
impl SnapshotStore for FileSnapshots {
    async fn save(&self, snapshot: Snapshot) -> Result<SnapshotInfo, SnapshotError> {
        let directory = Arc::clone(&self.directory);
        self.pool.run(move || directory.save(snapshot)).await
    }

    async fn load(&self, actor: &ActorName, criteria: &Criteria) -> Result<Loaded, SnapshotError> {
        let (directory, actor, criteria) = (Arc::clone(&self.directory), actor.clone(), *criteria);
        self.pool.run(move || directory.load(&actor, &criteria)).await
    }

    async fn verify(&self, actor: &ActorName, seq: Seq) -> Result<SnapshotInfo, SnapshotError> {
        let (directory, actor) = (Arc::clone(&self.directory), actor.clone());
        self.pool.run(move || directory.verify(&actor, seq)).await
    }

    async fn list(&self, actor: &ActorName) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let (directory, actor) = (Arc::clone(&self.directory), actor.clone());
        self.pool.run(move || directory.list(&actor)).await
    }

    async fn delete(&self, actor: &ActorName, criteria: &Criteria) -> Result<u64, SnapshotError> {
        let (directory, actor, criteria) = (Arc::clone(&self.directory), actor.clone(), *criteria);
        self.pool.run(move || directory.delete(&actor, &criteria)).await
    }

    async fn retain(
        &self,
        actor: &ActorName,
        policy: &SnapshotRetention,
    ) -> Result<u64, SnapshotError> {
        let (directory, actor, policy) = (Arc::clone(&self.directory), actor.clone(), *policy);
        self.pool.run(move || directory.retain(&actor, &policy)).await
    }

    fn statistics(&self) -> SnapshotStatistics {
        self.directory.statistics()
    }
}
