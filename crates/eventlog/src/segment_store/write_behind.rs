//! A file whose writes are kept in memory for a moment: what `Durability::Memory` means.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steadfast_base::storage::StorageFile;

/// The most bytes that are kept, those that are being written out included; a write beyond waits.
pub(super) const KEPT_BYTES_MAX: usize = 8 << 20;

/// See the module. Reads see what is kept; a sync writes it out first.
#[derive(Debug)]
pub(super) struct WriteBehind {
    file: Arc<dyn StorageFile>,
    kept: Mutex<Kept>,
    /// Held while bytes are written out, so that they are in order.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    new: Piece,
    /// What is being written out.
    leaving: Arc<Piece>,
    /// The memory of what was written out last, for what is new next.
    spare: Vec<u8>,
    /// Why writing out failed; nothing is written any more then.
    failed: Option<io::ErrorKind>,
}

/// Bytes and where they belong.
#[derive(Debug, Default)]
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }

    /// The part of it that lies among `length` bytes from an offset on.
    fn part(&self, offset: u64, length: usize) -> Self {
        let start = offset.max(self.offset).min(self.end());
        let end = offset.saturating_add(length as u64).min(self.end()).max(start);
        let place = |at: u64| usize::try_from(at.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(place(start)..place(end)).unwrap_or_default();
        Self { offset: start, bytes: bytes.to_vec() }
    }

    /// Puts what lies here over what was read from the file.
    fn lay_over(&self, buffer: &mut [u8], offset: u64) {
        let end = offset.saturating_add(buffer.len() as u64).min(self.end());
        let start = offset.max(self.offset);
        if start >= end {
            return;
        }
        let range = |from: u64| {
            let place = |at: u64| usize::try_from(at.saturating_sub(from)).unwrap_or(usize::MAX);
            place(start)..place(end)
        };
        let to = buffer.get_mut(range(offset));
        if let Some((to, from)) = to.zip(self.bytes.get(range(self.offset))) {
            to.copy_from_slice(from);
        }
    }
}

impl WriteBehind {
    pub(super) fn new(file: Arc<dyn StorageFile>) -> Self {
        Self { file, kept: Mutex::default(), writing: Mutex::default() }
    }

    /// Writes out what is kept.
    pub(super) fn write_out(&self) -> io::Result<()> {
        let order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let leaving = {
            let mut kept = self.lock();
            if let Some(failed) = kept.failed {
                return Err(failed.into());
            }
            if kept.new.bytes.is_empty() {
                return Ok(());
            }
            let bytes = std::mem::take(&mut kept.spare);
            kept.leaving = Arc::new(std::mem::replace(&mut kept.new, Piece { offset: 0, bytes }));
            Arc::clone(&kept.leaving)
        };
        let written = self.file.pwrite(&leaving.bytes, leaving.offset);
        let mut kept = self.lock();
        match &written {
            Ok(()) => kept.leaving = Arc::default(),
            Err(error) => kept.failed = Some(error.kind()),
        }
        // The memory is used again: the bytes after the next need not find room. While one is written the
        // other is filled, so there are two of them, and no more.
        if let Some(mut leaving) = Arc::into_inner(leaving) {
            leaving.bytes.clear();
            kept.spare = leaving.bytes;
        }
        drop(kept);
        drop(order);
        written
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageFile for WriteBehind {
    fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        // The second round has room, unless another writer took it: then it waits once more.
        loop {
            {
                let mut kept = self.lock();
                if let Some(failed) = kept.failed {
                    return Err(failed.into());
                }
                let leaving = kept.leaving.bytes.len();
                let new = &mut kept.new;
                if new.bytes.is_empty() {
                    new.offset = offset;
                }
                let used = new.bytes.len().saturating_add(leaving);
                let fits = used == 0 || used.saturating_add(bytes.len()) <= KEPT_BYTES_MAX;
                if new.end() == offset && fits {
                    new.bytes.extend_from_slice(bytes);
                    return Ok(());
                }
            }
            self.write_out()?;
        }
    }

    fn pread(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // Looked at before the file: what leaves meanwhile is in the one or the other.
        let (leaving, new) = {
            let kept = self.lock();
            (Arc::clone(&kept.leaving), kept.new.part(offset, buffer.len()))
        };
        let read = self.file.pread(buffer, offset)?;
        let bytes = buffer.get_mut(..read).unwrap_or_default();
        leaving.lay_over(bytes, offset);
        new.lay_over(bytes, offset);
        Ok(read)
    }

    fn datasync(&self) -> io::Result<()> {
        self.write_out()?;
        self.file.datasync()
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.write_out()?;
        self.file.set_length(length)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use steadfast_base::storage::{OpenMode, SimulatedStorage, Storage};

    use super::*;

    fn file() -> (SimulatedStorage, WriteBehind) {
        let storage = SimulatedStorage::new();
        let file = storage.open(Path::new("file"), OpenMode::CreateNew).unwrap();
        file.pwrite(&[0; 64], 0).unwrap();
        (storage, WriteBehind::new(file))
    }

    #[test]
    fn what_is_kept_is_read_and_comes_out_in_order() {
        let (storage, file) = file();
        file.pwrite(b"one", 8).unwrap();
        file.pwrite(b"two", 11).unwrap();
        let on_disk = || storage.contents(Path::new("file")).unwrap();
        assert_eq!(on_disk(), [0; 64]);
        let mut buffer = [9; 10];
        assert_eq!(file.pread(&mut buffer, 6).unwrap(), 10);
        assert_eq!(&buffer, b"\0\0onetwo\0\0");
        // Elsewhere: what was kept leaves first.
        file.pwrite(b"far", 40).unwrap();
        assert_eq!(&on_disk()[8..14], b"onetwo");
        file.datasync().unwrap();
        assert_eq!(&on_disk()[40..43], b"far");
    }

    #[test]
    fn more_than_can_be_kept_is_written_out_first() {
        let (storage, file) = file();
        let piece = vec![7; KEPT_BYTES_MAX / 2 + 1];
        file.pwrite(&piece, 0).unwrap();
        assert_eq!(storage.calls().pwrite, 1);
        file.pwrite(&piece, piece.len() as u64).unwrap();
        assert_eq!(storage.calls().pwrite, 2);
    }

    #[test]
    fn after_a_write_failed_nothing_is_taken_any_more() {
        let (storage, file) = file();
        file.pwrite(b"one", 0).unwrap();
        let kind = io::ErrorKind::StorageFull;
        storage.fail_write(0, steadfast_base::storage::WriteFault::Error { kind, written: 1 });
        assert_eq!(file.write_out().unwrap_err().kind(), kind);
        let writes = storage.calls().pwrite;
        assert_eq!(file.pwrite(b"two", 3).unwrap_err().kind(), kind);
        assert_eq!(file.datasync().unwrap_err().kind(), kind);
        assert_eq!(storage.calls().pwrite, writes);
    }
}
