//! What can be set about the embedded store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use steadfast_base::ConfigError;
use steadfast_base::ConfigFaults;
use steadfast_base::storage::StorageFile;

use super::segment_file::Fill;
use super::write_behind::WriteBehind;
use crate::format::Compression;
use crate::format::frame::FRAME_BYTES_MAX;
use crate::limits;

/// How large a segment file is made: 64 MiB, so that a terabyte is 16,000 files and zeroing one ahead takes
/// a tenth of a second.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// The smallest segment that makes sense: its header and a few frames.
pub const SEGMENT_BYTES_MIN: u64 = 16 << 10;

/// The largest segment: its offsets are counted in 32 bits.
pub const SEGMENT_BYTES_MAX: u64 = 4 << 30;

/// How long the log is idle before the newest events get a witness.
pub const MARK_AFTER: Duration = Duration::from_millis(5);

/// How long `Durability::Memory` keeps bytes before they are written out; twice that at most.
pub(super) const WRITE_OUT_AFTER: Duration = Duration::from_millis(5);

/// How many of the newest events are kept ready for readers while anybody subscribes.
pub const TAIL_EVENTS: usize = 10_000;

/// How many threads read segments when the log is opened.
pub const SCAN_THREADS: usize = 4;

/// How hard full segments are compressed: the zstd level that costs a second per segment.
///
/// That second is spent once there was no commit for 5 ms; on a log that never rests after 5 s, divided by the number of
/// segments that wait.
pub const SEAL_LEVEL: i32 = 3;

/// How many bytes of decompressed blocks of sealed segments are kept: 32 MiB, two thousand of them.
pub const BLOCK_CACHE_BYTES: u64 = 32 << 20;

/// How many bytes of the indexes of sealed segments are kept: 256 MiB, those of some fifty segments of small events.
pub const SEALED_INDEX_BYTES: u64 = 256 << 20;

/// The most of either.
pub const BLOCK_CACHE_BYTES_MAX: u64 = 64 << 30;

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Once its bytes are on the disk: it survives the machine.
    #[default]
    Sync,
    /// Once its bytes are with the operating system: it survives the process, not the machine. Every 8 MiB are synced in
    /// the background.
    Os,
    /// Once its bytes are in a buffer of 8 MiB that is written out within 10 ms; if that is full, the append
    /// waits. It survives neither the process nor the machine.
    Memory,
}

/// Where the log lies and how it is written.
///
/// | Field | Default |
/// |---|---|
/// | `durability` | [`Durability::Sync`] |
/// | `segment_bytes` | 64 MiB |
/// | `event_bytes_max` | 1 MiB |
/// | `mark_after` | 5 ms |
/// | `tail_events` | 10,000 |
/// | `scan_threads` | 4 |
/// | `compression` | none: frames are written as they are |
/// | `seal_level` | 3 |
/// | `block_cache_bytes` | 32 MiB |
/// | `sealed_index_bytes` | 256 MiB |
///
/// # Example
///
/// ```
/// use steadfast_eventlog::segment_store::{Config, Durability};
///
/// let config = Config::new("data/log").with_durability(Durability::Os);
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The directory of the log; made if it is not there.
    pub directory: PathBuf,
    /// When an append is acknowledged.
    pub durability: Durability,
    /// How large a segment file is made, in bytes; one frame that is larger gets a larger segment.
    pub segment_bytes: u64,
    /// The most bytes of one event.
    pub event_bytes_max: usize,
    /// How long the log is idle before a mark is written that says how far it is durable; `None`: only
    /// when it is closed. Until then the newest acknowledged frame has no witness: damage to it cannot
    /// be told from a torn write.
    pub mark_after: Option<Duration>,
    /// How many of the newest events are kept ready for readers while anybody subscribes. Without a subscription
    /// none are: what nobody listens to costs nothing, and reads go to the page cache.
    pub tail_events: usize,
    /// How many threads read segments when the log is opened, and decompress a sealed one when most of it is
    /// read; the latter never more than there are processors.
    pub scan_threads: usize,
    /// Whether frames are compressed when they are written.
    pub compression: Compression,
    /// How hard full segments are compressed in the background, as a level of zstd from 1 to 19; `None`:
    /// they stay as they are.
    pub seal_level: Option<i32>,
    /// How many bytes of decompressed blocks of sealed segments are kept at most, for look-ups of actors,
    /// pieces of work and single events; the least used go first. 0: every look-up decompresses its own.
    pub block_cache_bytes: u64,
    /// How many bytes are kept at most of what finds events in sealed segments; what was used longest ago goes first,
    /// and is read again when it is needed. Beyond it is what a read under way uses, and of every sealed segment
    /// the names of its actors and 10 bits for each event.
    pub sealed_index_bytes: u64,
}

impl Config {
    /// The defaults, for a log in this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            durability: Durability::default(),
            segment_bytes: SEGMENT_BYTES,
            event_bytes_max: limits::EVENT_BYTES_MAX,
            mark_after: Some(MARK_AFTER),
            tail_events: TAIL_EVENTS,
            scan_threads: SCAN_THREADS,
            compression: Compression::default(),
            seal_level: Some(SEAL_LEVEL),
            block_cache_bytes: BLOCK_CACHE_BYTES,
            sealed_index_bytes: SEALED_INDEX_BYTES,
        }
    }

    /// Sets when an append is acknowledged.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how large a segment is.
    #[must_use]
    pub fn with_segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Sets how large an event may be.
    #[must_use]
    pub fn with_event_bytes_max(mut self, bytes: usize) -> Self {
        self.event_bytes_max = bytes;
        self
    }

    /// Sets after how much idleness a mark is written.
    #[must_use]
    pub fn with_mark_after(mut self, idle: Option<Duration>) -> Self {
        self.mark_after = idle;
        self
    }

    /// Sets how many events are kept ready.
    #[must_use]
    pub fn with_tail_events(mut self, events: usize) -> Self {
        self.tail_events = events;
        self
    }

    /// Sets whether frames are compressed.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets how hard full segments are compressed, or that they are not.
    #[must_use]
    pub fn with_seal_level(mut self, level: Option<i32>) -> Self {
        self.seal_level = level;
        self
    }

    /// Sets how many bytes of decompressed blocks are kept.
    #[must_use]
    pub fn with_block_cache_bytes(mut self, bytes: u64) -> Self {
        self.block_cache_bytes = bytes;
        self
    }

    /// Sets how many bytes of the indexes of sealed segments are kept.
    #[must_use]
    pub fn with_sealed_index_bytes(mut self, bytes: u64) -> Self {
        self.sealed_index_bytes = bytes;
        self
    }

    /// The file of a segment as the log writes it: through a buffer, if that is all that is asked for.
    pub(super) fn write_behind(
        &self,
        file: Arc<dyn StorageFile>,
    ) -> (Arc<dyn StorageFile>, Option<Arc<WriteBehind>>) {
        if self.durability != Durability::Memory {
            return (file, None);
        }
        let behind = Arc::new(WriteBehind::new(file));
        (Arc::clone(&behind) as Arc<dyn StorageFile>, Some(behind))
    }

    /// What the space of a segment is filled with ahead.
    pub(super) fn fill(&self) -> Fill {
        match self.durability {
            Durability::Sync => Fill::Zeros,
            Durability::Os | Durability::Memory => Fill::Nothing,
        }
    }

    /// How often the writer looks after what callers have left behind; `None` if there is nothing such.
    pub(super) fn tick(&self) -> Option<Duration> {
        let behind = (self.durability == Durability::Memory).then_some(WRITE_OUT_AFTER);
        match (self.mark_after, behind) {
            (Some(mark), Some(behind)) => Some(mark.min(behind)),
            (mark, behind) => mark.or(behind),
        }
    }

    /// Lets the configuration pass if it makes sense.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which lists every fault.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        let segment = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
        faults.between(self.segment_bytes, segment, "segment_bytes");
        faults.require(self.segment_bytes.is_multiple_of(4_096), "segment_bytes", || {
            format!("is {}; it must be a multiple of 4,096", self.segment_bytes)
        });
        faults.between(self.event_bytes_max, 1..=FRAME_BYTES_MAX / 2, "event_bytes_max");
        if let Some(idle) = self.mark_after {
            faults.positive(idle, "mark_after");
        }
        faults.require(self.tail_events <= 1_000_000, "tail_events", || {
            format!("is {}; it must be at most 1,000,000", self.tail_events)
        });
        faults.between(self.scan_threads, 1..=64, "scan_threads");
        if let Some(level) = self.seal_level {
            faults.between(level, 1..=19, "seal_level");
        }
        faults.between(self.block_cache_bytes, 0..=BLOCK_CACHE_BYTES_MAX, "block_cache_bytes");
        faults.between(self.sealed_index_bytes, 0..=BLOCK_CACHE_BYTES_MAX, "sealed_index_bytes");
        faults.into_result("event log")
    }
}
