//! Settings of the file store.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::limits;

/// Settings of [`FileSnapshots`](super::FileSnapshots).
///
/// | Field | Default |
/// |---|---|
/// | `state_bytes_max` | 256 MiB |
/// | `load_attempts_max` | 3, the newest included |
/// | `threads` | 2 |
///
/// # Example
///
/// ```
/// use steadfast_snapshot::FileSnapshotsConfig;
///
/// let config = FileSnapshotsConfig::default().with_state_bytes_max(1 << 20);
/// assert_eq!(config.load_attempts_max.get(), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FileSnapshotsConfig {
    /// The greatest state that is saved or loaded, in bytes.
    pub state_bytes_max: u64,
    /// How many snapshots are tried before giving up, the newest included.
    pub load_attempts_max: NonZeroUsize,
    /// How many threads read and write; so many calls run at once.
    pub threads: NonZeroUsize,
}

/// Enough to read while another one syncs.
const THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

const ATTEMPTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(limits::LOAD_ATTEMPTS_MAX - 1);

impl Default for FileSnapshotsConfig {
    fn default() -> Self {
        Self {
            state_bytes_max: limits::STATE_BYTES_MAX,
            load_attempts_max: ATTEMPTS,
            threads: THREADS,
        }
    }
}

impl FileSnapshotsConfig {
    /// Sets the greatest state.
    #[must_use]
    pub fn with_state_bytes_max(mut self, bytes: u64) -> Self {
        self.state_bytes_max = bytes;
        self
    }

    /// Sets how many snapshots are tried.
    #[must_use]
    pub fn with_load_attempts_max(mut self, attempts: NonZeroUsize) -> Self {
        self.load_attempts_max = attempts;
        self
    }

    /// Sets how many threads read and write.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }
}
