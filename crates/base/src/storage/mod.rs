//! The storage seam: every file access of the storage layers goes through these traits.
//!
//! Calls block; whoever must not block owns threads for them. Two implementations: [`FileSystem`], the
//! machine's, and `SimulatedStorage` (feature `test-util`), which crashes, tears, loses and damages
//! what it is told to.
//!
//! # What a caller may rely on
//!
//! After `datasync` returned `Ok`, everything written to that file before is on the disk. After `sync_dir`
//! returned `Ok`, every entry made, renamed or removed in that directory before is. Nothing else is: of
//! the rest any subset of the bytes of any write may be there after a crash, in any order.
//!
//! After `datasync` failed, nothing is known of what was written since the last one, and trying again
//! proves nothing: Linux marks the pages clean (Rebello et al., "Can Applications Recover from fsync
//! Failures?", USENIX ATC 2020).

mod file_system;
#[cfg(feature = "test-util")]
mod simulated;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use self::file_system::FileSystem;
#[cfg(feature = "test-util")]
pub use self::simulated::{
    Calls, Persist, SECTOR_BYTES, SimulatedStorage, Unsynced, UnsyncedKind, WriteFault,
};

/// Zeros are written in pieces of this many bytes.
const ZERO_PIECE_BYTES: usize = 64 * 1_024;

/// Files and directories, by path.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "test-util")] {
/// use std::path::Path;
///
/// use steadfast_base::storage::{OpenMode, SimulatedStorage, Storage};
///
/// let storage = SimulatedStorage::new();
/// storage.create_dir(Path::new("log"))?;
/// let file = storage.open(Path::new("log/one"), OpenMode::CreateNew)?;
/// file.pwrite(b"hello", 0)?;
/// file.datasync()?;
/// storage.sync_dir(Path::new("log"))?;
/// assert_eq!(storage.list(Path::new("log"))?, ["one"]);
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Storage: Send + Sync + fmt::Debug {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// `NotFound`, `AlreadyExists` by mode, or whatever the system says.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>>;

    /// Renames a file, replacing one of the new name at once; durable after `sync_dir`.
    ///
    /// # Errors
    ///
    /// Whatever the system says; both names are as they were then.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; durable after `sync_dir`. Open handles stay usable.
    ///
    /// # Errors
    ///
    /// `NotFound`, or whatever the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, sorted; names that are no UTF-8 are left out.
    ///
    /// # Errors
    ///
    /// `NotFound`, or whatever the system says.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Makes a directory and those above it, durably; one that exists is no error.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn create_dir(&self, directory: &Path) -> io::Result<()>;

    /// Waits until the entries of a directory are on the disk.
    ///
    /// # Errors
    ///
    /// Whatever the system says; the entries are in doubt then.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;

    /// Locks a file, which is made if need be, until the guard is dropped or the process ends.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if somebody has it, in this process or another one; never waits.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn StorageLock>>;
}

/// An open file, usable from many threads at once.
pub trait StorageFile: Send + Sync + fmt::Debug {
    /// Writes all bytes at an offset; the file grows if they end behind its end.
    ///
    /// # Errors
    ///
    /// Whatever the system says; any part of the bytes may be written then.
    fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Reads at an offset into the buffer and says how many bytes; fewer only at the end of the file.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn pread(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Waits until what was written, and the length, is on the disk.
    ///
    /// # Errors
    ///
    /// Whatever the system says. What was written since the last sync is in doubt from then on; do not
    /// call it again.
    fn datasync(&self) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file, or lengthens it by a hole that reads as zeros.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Writes zeros over a range: real ones, in pieces of 64 KiB.
    ///
    /// # Errors
    ///
    /// As for [`pwrite`](Self::pwrite).
    fn zero(&self, offset: u64, length: u64) -> io::Result<()> {
        static ZEROS: [u8; ZERO_PIECE_BYTES] = [0; ZERO_PIECE_BYTES];
        let mut done = 0;
        // Ends after length / 64 KiB rounds, rounded up.
        while done < length {
            let piece = usize::try_from(length - done).unwrap_or(usize::MAX).min(ZERO_PIECE_BYTES);
            self.pwrite(ZEROS.get(..piece).unwrap_or(&ZEROS), offset + done)?;
            done += piece as u64;
        }
        Ok(())
    }

    /// Makes the file at least this long by writing zeros behind its end.
    ///
    /// Space that is only reserved (`fallocate`) makes the first sync of each piece of it write metadata
    /// too; `RocksDB` measured syncs 2 to 3 times as fast on space that was written before.
    ///
    /// # Errors
    ///
    /// As for [`pwrite`](Self::pwrite).
    fn preallocate(&self, length: u64) -> io::Result<()> {
        let have = self.length()?;
        self.zero(have, length.saturating_sub(have))
    }

    /// Fills the buffer from an offset.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file ends before, or whatever the system says.
    fn pread_exact(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self.pread(buffer, offset)? {
            read if read == buffer.len() => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Holds a lock until it is dropped.
pub trait StorageLock: Send + Sync + fmt::Debug {}

/// How a file is opened; every mode but `Read` also writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// It must exist, and is only read.
    Read,
    /// It must exist.
    Write,
    /// It must not exist.
    CreateNew,
    /// It may exist.
    Create,
}
