//! Making segment files: zeroed ahead, with their header synced before they get their name.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use steadfast_base::storage::{OpenMode, StorageFile};

use super::directory::Directory;
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader};

/// Zeros are synced in pieces of this many bytes, so that a commit never waits behind more: a millisecond's worth.
const ZERO_PIECE_BYTES: u64 = 1 << 20;

/// What the space of a segment is filled with before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// Zeros that are written: a sync then has no metadata to write, and waits for it in every commit.
    Zeros,
    /// Nothing: it reads as zeros, and takes no space and no time until it is written. Where no commit waits for a
    /// sync, zeros would only be written to be written over.
    Nothing,
}

/// A file of zeros that waits to become a segment.
#[derive(Debug)]
pub(super) struct Spare {
    file: Arc<dyn StorageFile>,
    path: PathBuf,
    pub(super) length: u64,
}

impl Spare {
    /// Makes a spare of this length. The number tells it from others.
    pub(super) fn make(
        directory: &Directory,
        number: u64,
        length: u64,
        fill: Fill,
    ) -> io::Result<Self> {
        Self::make_while(directory, number, length, fill, || true)
    }

    /// Makes a spare, unless there is no more use for it before it is ready. What could not be made takes no room.
    pub(super) fn make_while(
        directory: &Directory,
        number: u64,
        length: u64,
        fill: Fill,
        is_wanted: impl Fn() -> bool,
    ) -> io::Result<Self> {
        let path = directory.at(&format!("{number}.spare"));
        // Never one that is there: it may be that of a writer who took over and is about to use it.
        let file = directory.storage.open(&path, OpenMode::CreateNew)?;
        let spare = Self { file, path, length };
        match spare.fill(fill, is_wanted) {
            Ok(()) => Ok(spare),
            Err(error) => {
                spare.discard(directory);
                Err(error)
            }
        }
    }

    fn fill(&self, fill: Fill, is_wanted: impl Fn() -> bool) -> io::Result<()> {
        if fill == Fill::Nothing {
            self.file.set_length(self.length)?;
            return self.file.datasync();
        }
        let mut done = 0_u64;
        while done < self.length {
            if !is_wanted() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            done = done.saturating_add(ZERO_PIECE_BYTES).min(self.length);
            self.file.preallocate(done)?;
            self.file.datasync()?;
        }
        Ok(())
    }

    /// Takes the file away again; one that cannot be removed is when the log is opened next.
    pub(super) fn discard(self, directory: &Directory) {
        // Nothing depends on it: leftovers are removed at the next opening.
        directory.storage.remove(&self.path).ok();
    }

    /// Becomes the segment with this header, beginning with these frames, durably.
    pub(super) fn become_segment(
        self,
        directory: &Directory,
        header: &SegmentHeader,
        frames: &[u8],
    ) -> io::Result<Arc<dyn StorageFile>> {
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(frames);
        self.file.pwrite(&bytes, 0)?;
        self.file.datasync()?;
        directory.storage.rename(&self.path, &directory.segment(header.first))?;
        directory.sync()?;
        Ok(self.file)
    }
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) file: Arc<dyn StorageFile>,
    pub(super) header: SegmentHeader,
    /// Where the next frame begins.
    pub(super) offset: u64,
    /// The bytes of the file.
    pub(super) length: u64,
    /// The chain value of the last frame, or of the header.
    pub(super) chain: u32,
    /// Where the last frame with events ends, and its chain value.
    pub(super) events_end: (u64, u32),
}

impl Active {
    pub(super) fn new(file: Arc<dyn StorageFile>, header: SegmentHeader, length: u64) -> Self {
        let chain = header.chain();
        let offset = SEGMENT_HEADER_BYTES as u64;
        Self { file, header, offset, length, chain, events_end: (offset, chain) }
    }
}
