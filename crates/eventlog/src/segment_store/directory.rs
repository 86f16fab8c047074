//! The files of a log: what they are called, and who may write them.
//!
//! ```text
//! LOCK                      held by the writer for as long as it lives
//! WRITER                    log id and epoch of the writer, or where it closed the log, in two slots
//! CATALOG                   what outlives events: highest and deleted numbers, the low-water mark
//! 00000000000000000001.seg  a segment, by the position of its first event
//! 00000000000000000001.idx  its index, while it is not sealed
//! *.tmp, *.spare            made and not yet in use; removed when the log is opened
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast_base::storage::{OpenMode, Storage, StorageFile};

use crate::append::Epoch;
use crate::event::Position;
use crate::format::checksum;

/// Who the writer is: the id of the log and the epoch in which it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WriterRecord {
    pub(super) log_id: u64,
    pub(super) epoch: Epoch,
    /// Where the log ends, if it was closed in order and not opened for writing since.
    pub(super) closed_at: Option<ClosedAt>,
}

/// The end of a closed log: nothing was written behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClosedAt {
    /// The first position of the last segment.
    pub(super) segment: Position,
    /// Where the mark at its end ends, in bytes.
    pub(super) offset: u64,
}

const MAGIC: [u8; 4] = *b"SFWR";
const VERSION: u32 = 2;
const RECORD_BYTES: usize = 44;
/// The two slots lie in different pages: writing one never harms the other.
const SLOT_BYTES: u64 = 4_096;
const SLOTS: u64 = 2;

/// Whole files are written and synced in pieces, so that a commit never waits behind more.
const SYNC_PIECE_BYTES: usize = 8 << 20;

impl WriterRecord {
    fn encode(self) -> [u8; RECORD_BYTES] {
        let mut bytes = Vec::with_capacity(RECORD_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.log_id.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.get().to_le_bytes());
        let closed = self.closed_at.map_or((0, 0), |at| (at.segment.get(), at.offset));
        bytes.extend_from_slice(&closed.0.to_le_bytes());
        bytes.extend_from_slice(&closed.1.to_le_bytes());
        let crc = checksum(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.try_into().expect("the parts have 44 bytes together")
    }

    fn decode(bytes: [u8; RECORD_BYTES]) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = covered.split_first_chunk::<4>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (numbers, _) = rest.as_chunks::<8>();
        let [log_id, epoch, segment, offset] = numbers.first_chunk::<4>()?;
        let sound = *magic == MAGIC
            && u32::from_le_bytes(*version) == VERSION
            && checksum(covered).to_le_bytes() == *crc;
        let segment = Position::new(u64::from_le_bytes(*segment));
        let closed_at = ClosedAt { segment, offset: u64::from_le_bytes(*offset) };
        sound.then(|| Self {
            log_id: u64::from_le_bytes(*log_id),
            epoch: Epoch::new(u64::from_le_bytes(*epoch)),
            closed_at: (segment > Position::ZERO).then_some(closed_at),
        })
    }
}

/// The open file with the writer's record.
#[derive(Debug)]
pub(super) struct WriterFile(Arc<dyn StorageFile>);

impl WriterFile {
    /// The record in force: the one with the highest epoch. `None` if there is none.
    pub(super) fn read(&self) -> io::Result<Option<WriterRecord>> {
        let mut found: Option<WriterRecord> = None;
        for slot in 0..SLOTS {
            let mut bytes = [0; RECORD_BYTES];
            let read = self.0.pread(&mut bytes, slot.saturating_mul(SLOT_BYTES))?;
            let record = WriterRecord::decode(bytes).filter(|_record| read == RECORD_BYTES);
            if record.map(|record| record.epoch) > found.map(|record| record.epoch) {
                found = record;
            }
        }
        Ok(found)
    }

    /// Makes a record the one in force, durably.
    pub(super) fn write(&self, record: WriterRecord) -> io::Result<()> {
        let slot = record.epoch.get().checked_rem(SLOTS).unwrap_or(0);
        self.0.pwrite(&record.encode(), slot.saturating_mul(SLOT_BYTES))?;
        self.0.datasync()
    }
}

/// The files of a log, by the first positions of the segments they belong to.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) segments: Vec<Position>,
    pub(super) indexes: Vec<Position>,
    /// The names of files of no more use.
    pub(super) leftovers: Vec<String>,
}

/// The directory of a log.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) path: PathBuf,
}

impl Directory {
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.storage.sync_dir(&self.path)
    }

    pub(super) fn segment(&self, first: Position) -> PathBuf {
        self.at(&segment_name(first))
    }

    /// The index beside a segment.
    pub(super) fn index(&self, first: Position) -> PathBuf {
        self.at(&index_name(first))
    }

    /// The files that are there; other names are not ours.
    pub(super) fn survey(&self) -> io::Result<Survey> {
        let (mut segments, mut indexes) = (Vec::new(), Vec::new());
        let mut leftovers = Vec::new();
        for name in self.storage.list(&self.path)? {
            if let Some(first) = parse_name(&name, ".seg") {
                segments.push(first);
            } else if let Some(first) = parse_name(&name, ".idx") {
                indexes.push(first);
            } else if is_leftover(&name) {
                leftovers.push(name);
            }
        }
        segments.sort_unstable();
        indexes.sort_unstable();
        Ok(Survey { segments, indexes, leftovers })
    }

    /// The file with the writer's record; made with its entry synced if it is not there.
    pub(super) fn writer_file(&self) -> io::Result<WriterFile> {
        let path = self.at("WRITER");
        let file = match self.storage.open(&path, OpenMode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = self.storage.open(&path, OpenMode::Create)?;
                file.preallocate(SLOTS.saturating_mul(SLOT_BYTES))?;
                file.datasync()?;
                self.sync()?;
                file
            }
            other => other?,
        };
        Ok(WriterFile(file))
    }

    /// The record of the writer without making anything.
    pub(super) fn writer_record(&self) -> io::Result<Option<WriterRecord>> {
        match self.storage.open(&self.at("WRITER"), OpenMode::Read) {
            Ok(file) => WriterFile(file).read(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a whole file in the place of another one, durably.
    pub(super) fn replace(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        self.put(name, |file| {
            let mut offset = 0_u64;
            for piece in contents.chunks(SYNC_PIECE_BYTES) {
                file.pwrite(piece, offset)?;
                file.datasync()?;
                offset = offset.saturating_add(piece.len() as u64);
            }
            Ok(())
        })?;
        self.sync()
    }

    /// Puts an index in its place, without a sync: one that a crash leaves in pieces is built again.
    pub(super) fn put_index(&self, first: Position, contents: &[u8]) -> io::Result<()> {
        self.put(&index_name(first), |file| file.pwrite(contents, 0))
    }

    /// Puts a file in its place once `fill` has written it. What could not be filled takes no room: it is mostly
    /// room that was lacking.
    fn put(
        &self,
        name: &str,
        fill: impl FnOnce(&dyn StorageFile) -> io::Result<()>,
    ) -> io::Result<()> {
        let temporary = self.at(&format!("{name}.tmp"));
        let file = self.storage.open(&temporary, OpenMode::Create)?;
        let filled = file.set_length(0).and_then(|()| fill(&*file));
        let put = filled.and_then(|()| self.storage.rename(&temporary, &self.at(name)));
        if put.is_err() {
            // One that stays is removed at the next opening.
            self.storage.remove(&temporary).ok();
        }
        put
    }

    /// A whole file; `None` if it is not there.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        read_whole(&*self.storage, &self.at(name))
    }
}

fn read_whole(storage: &dyn Storage, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match storage.open(path, OpenMode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
    let mut contents = vec![0; length];
    file.pread_exact(&mut contents, 0)?;
    Ok(Some(contents))
}

fn segment_name(first: Position) -> String {
    format!("{:020}.seg", first.get())
}

/// The name of the index beside a segment.
pub(super) fn index_name(first: Position) -> String {
    format!("{:020}.idx", first.get())
}

fn parse_name(name: &str, suffix: &str) -> Option<Position> {
    let digits = name.strip_suffix(suffix)?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let first = digits.parse().ok().filter(|first| plain && *first > 0)?;
    Some(Position::new(first))
}

/// Whether a name is that of a file of ours that was never put to use.
fn is_leftover(name: &str) -> bool {
    let stem = |suffix| name.strip_suffix(suffix);
    stem(".spare").is_some_and(|stem| stem.bytes().all(|byte| byte.is_ascii_digit()))
        || stem(".tmp").is_some_and(|stem| {
            let of_segment = |suffix| parse_name(stem, suffix).is_some();
            stem == "CATALOG" || of_segment(".seg") || of_segment(".idx")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_record_of_a_writer_keeps_its_bytes() {
        let closed_at = ClosedAt { segment: Position::new(7), offset: 12_288 };
        for (name, closed_at) in [("writer", None), ("writer_closed", Some(closed_at))] {
            let log_id = 0x1122_3344_5566_7788;
            let record = WriterRecord { log_id, epoch: Epoch::new(5), closed_at };
            let bytes = record.encode();
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            insta::assert_snapshot!(name, hex.join(""));
            assert_eq!(WriterRecord::decode(bytes), Some(record));
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes;
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(WriterRecord::decode(damaged), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn only_names_of_ours_are_taken_for_ours() {
        assert_eq!(parse_name("00000000000000000007.seg", ".seg"), Some(Position::new(7)));
        assert_eq!(parse_name("7.seg", ".seg"), None);
        assert_eq!(parse_name("00000000000000000000.idx", ".idx"), None);
        for name in ["3.spare", "CATALOG.tmp", "00000000000000000007.idx.tmp"] {
            assert!(is_leftover(name), "{name}");
        }
        for name in [".DS_Store", "a.spare", "x.tmp", "00000000000000000007.seg"] {
            assert!(!is_leftover(name), "{name}");
        }
    }
}
