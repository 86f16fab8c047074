//! A disk in memory that crashes, tears, loses and damages what it is told to.

mod disk;
mod faults;
mod file;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::disk::Disk;
pub use self::disk::{Persist, SECTOR_BYTES, Unsynced, UnsyncedKind};
use self::faults::Faults;
pub use self::faults::WriteFault;
use self::file::{SimulatedFile, SimulatedLock};
use super::{OpenMode, Storage, StorageFile, StorageLock};
use crate::time::Time;

/// A disk in memory with the crash rules of the worst real one.
///
/// Programs see what they wrote. What a [`crash`](Self::crash) leaves is what was synced and, of every write,
/// length, new, renamed or removed entry since, what the test chooses: nothing, all of it, or any of its
/// sectors of 512 bytes. So the outcomes can be counted through (see [`unsynced`](Self::unsynced)) or drawn from a seed;
/// nothing here is random by itself.
///
/// | Fault | Call |
/// |---|---|
/// | power is cut after the n-th changing call | [`crash_after`](Self::crash_after) |
/// | any subset of what was not synced survives | [`crash`](Self::crash) |
/// | a sync fails, and the pages count as clean | [`fail_sync`](Self::fail_sync) |
/// | a sync of a directory fails | [`fail_sync_dir`](Self::fail_sync_dir) |
/// | clean pages are read again from the disk | [`drop_caches`](Self::drop_caches) |
/// | a write fails, is lost, or lands elsewhere | [`fail_write`](Self::fail_write) |
/// | the disk is full | [`set_capacity`](Self::set_capacity) |
/// | a bit flips | [`flip_bit`](Self::flip_bit) |
/// | syncs are slow, by an injected clock | [`slow_syncs`](Self::slow_syncs) |
/// | the process dies, the machine does not | [`kill`](Self::kill) |
///
/// Calls of each sort are counted ([`calls`](Self::calls)). Clones share the disk.
///
/// # Example
///
/// ```
/// use std::path::Path;
///
/// use steadfast_base::storage::{OpenMode, Persist, SimulatedStorage, Storage};
///
/// let storage = SimulatedStorage::new();
/// let file = storage.open(Path::new("a"), OpenMode::CreateNew)?;
/// file.pwrite(b"synced", 0)?;
/// file.datasync()?;
/// storage.sync_dir(Path::new(""))?;
/// file.pwrite(b"UNSYNC", 0)?;
/// assert_eq!(storage.contents(Path::new("a")).unwrap(), b"UNSYNC");
///
/// let after = storage.crash(|_, _| Persist::Nothing);
/// assert_eq!(after.contents(Path::new("a")).unwrap(), b"synced");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SimulatedStorage {
    shared: Arc<Shared>,
}

/// What all handles of one disk share.
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    disk: Disk,
    calls: Calls,
    faults: Faults,
    locks: BTreeSet<PathBuf>,
    /// Rises when the process is killed: handles of an earlier life no longer work.
    life: u64,
    slow_syncs: Option<(Time, Duration)>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often each sort of call was made; those that failed count too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calls {
    /// Files opened.
    pub open: u64,
    /// Writes, and pieces of zeros.
    pub pwrite: u64,
    /// Reads.
    pub pread: u64,
    /// Syncs of a file.
    pub datasync: u64,
    /// Lengths set.
    pub set_length: u64,
    /// Renames.
    pub rename: u64,
    /// Removals.
    pub remove: u64,
    /// Listings.
    pub list: u64,
    /// Syncs of a directory.
    pub sync_dir: u64,
    /// Locks asked for.
    pub lock: u64,
    /// Bytes handed to writes.
    pub bytes_written: u64,
    /// Bytes given by reads.
    pub bytes_read: u64,
}

impl SimulatedStorage {
    /// An empty disk without faults.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::storage::SimulatedStorage;
    ///
    /// assert_eq!(SimulatedStorage::new().calls().open, 0);
    /// ```
    pub fn new() -> Self {
        Self::on(Disk::default())
    }

    fn on(disk: Disk) -> Self {
        let state = State { disk, ..State::default() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state) }) }
    }

    /// How often each sort of call was made.
    pub fn calls(&self) -> Calls {
        self.shared.lock().calls
    }

    /// How many changing calls were made: the steps that [`crash_after`](Self::crash_after) counts.
    ///
    /// Writes, lengths, file and directory syncs, renames, removals, and opens that make a file.
    pub fn steps(&self) -> u64 {
        self.shared.lock().faults.steps
    }

    /// Cuts the power once `steps` changing calls have been made from now on; later calls fail.
    pub fn crash_after(&self, steps: u64) {
        let mut state = self.shared.lock();
        state.faults.crash_at = Some(state.faults.steps + steps);
    }

    /// Whether the power is cut.
    pub fn is_crashed(&self) -> bool {
        self.shared.lock().faults.crashed()
    }

    /// Everything a crash now could take away or leave, in the order it was done.
    pub fn unsynced(&self) -> Vec<Unsynced> {
        self.shared.lock().disk.unsynced()
    }

    /// The disk a crash now leaves, with `choose` deciding of each item of [`unsynced`](Self::unsynced).
    ///
    /// This disk stays as it is, so that one moment can have many outcomes. The new one has no faults,
    /// locks or counts.
    #[must_use]
    pub fn crash(&self, choose: impl FnMut(usize, &Unsynced) -> Persist) -> Self {
        Self::on(self.shared.lock().disk.after_crash(choose))
    }

    /// Ends the process that uses the disk: its handles and locks are gone, all it wrote stays cached.
    ///
    /// A cut of power, and faults that were set, end with it.
    pub fn kill(&self) {
        let mut state = self.shared.lock();
        state.life += 1;
        state.locks.clear();
        state.faults = Faults { steps: state.faults.steps, ..Faults::default() };
    }

    /// Forgets clean pages: what is read next comes from the disk, without what a failed sync lost.
    pub fn drop_caches(&self) {
        self.shared.lock().disk.drop_caches();
    }

    /// Makes the sync `ahead` syncs after the next one fail with an input/output error, once.
    ///
    /// The pages count as clean from then on: they read back until the caches are dropped, and no later sync
    /// writes them. A crash may leave any of them.
    pub fn fail_sync(&self, ahead: u64) {
        let mut state = self.shared.lock();
        let at = state.calls.datasync + ahead;
        state.faults.syncs.insert(at);
    }

    /// Makes the sync of a directory `ahead` of those after the next one fail with an input/output error, once.
    ///
    /// Its entries stay unsynced: a crash may leave any of them, and a later sync makes them durable.
    pub fn fail_sync_dir(&self, ahead: u64) {
        let mut state = self.shared.lock();
        let at = state.calls.sync_dir + ahead;
        state.faults.dir_syncs.insert(at);
    }

    /// Does something to the write `ahead` writes after the next one, once.
    pub fn fail_write(&self, ahead: u64, fault: WriteFault) {
        let mut state = self.shared.lock();
        let at = state.calls.pwrite + ahead;
        state.faults.writes.insert(at, fault);
    }

    /// Lets files have this many bytes in all; a write beyond is cut short and fails. `None`: no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.shared.lock().faults.capacity = bytes;
    }

    /// Turns a bit of a file over, on the disk and in the cache.
    ///
    /// # Panics
    ///
    /// If the file has no such bit.
    pub fn flip_bit(&self, path: &Path, bit: u64) {
        self.shared.lock().disk.flip_bit(path, bit);
    }

    /// Makes every sync take this long by a clock, on the thread that asks for it.
    ///
    /// With a virtual clock a sync ends when the test moves the clock.
    pub fn slow_syncs(&self, time: Time, duration: Duration) {
        self.shared.lock().slow_syncs = Some((time, duration));
    }

    /// Takes a lock from its holder, who is not told: a file system that loses locks.
    pub fn break_lock(&self, path: &Path) {
        self.shared.lock().locks.remove(path);
    }

    /// What a file holds as programs see it; `None` if there is none.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.shared.lock().disk.contents(path)
    }

    /// Every file with what it holds as programs see it.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.shared.lock().disk.files()
    }

    /// Puts a file there, synced, with its entry.
    pub fn put(&self, path: &Path, contents: impl Into<Vec<u8>>) {
        self.shared.lock().disk.put(path, contents.into());
    }

    /// Takes a file away, synced, with its entry; says whether there was one.
    pub fn take(&self, path: &Path) -> Option<Vec<u8>> {
        self.shared.lock().disk.take(path)
    }
}

impl Default for SimulatedStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SimulatedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedStorage").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl Storage for SimulatedStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let mut state = self.shared.lock();
        state.calls.open += 1;
        let makes = match (mode, state.disk.find(path).is_some()) {
            (OpenMode::Read | OpenMode::Write, false) => {
                return Err(io::ErrorKind::NotFound.into());
            }
            (OpenMode::CreateNew, true) => return Err(io::ErrorKind::AlreadyExists.into()),
            (_, exists) => !exists,
        };
        if makes {
            state.faults.step()?;
        }
        state.faults.check()?;
        let inode = state.disk.open(path)?;
        let life = state.life;
        drop(state);
        let writable = mode != OpenMode::Read;
        Ok(Arc::new(SimulatedFile::new(Arc::clone(&self.shared), inode, life, writable)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.calls.rename += 1;
        state.faults.step()?;
        state.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.calls.remove += 1;
        state.faults.step()?;
        state.disk.remove(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut state = self.shared.lock();
        state.calls.list += 1;
        state.faults.check()?;
        state.disk.list(directory)
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.faults.check()?;
        state.disk.create_dir(directory);
        Ok(())
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.shared.lock();
        let number = state.calls.sync_dir;
        state.calls.sync_dir += 1;
        state.faults.step()?;
        if state.faults.dir_syncs.remove(&number) {
            return Err(io::Error::other("simulated input/output error"));
        }
        state.disk.sync_dir(directory);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn StorageLock>> {
        let mut state = self.shared.lock();
        state.calls.lock += 1;
        state.faults.check()?;
        state.disk.open(path)?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let life = state.life;
        drop(state);
        Ok(Box::new(SimulatedLock::new(Arc::clone(&self.shared), path.to_owned(), life)))
    }
}
