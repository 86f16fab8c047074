//! How long a child may take to end before it is killed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time for a worker to end in order: OTP's default of 5,000 ms.
pub const WORKER_SHUTDOWN: Duration = Duration::from_secs(5);

/// How a supervisor ends one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shutdown {
    /// Ask, wait this long, then kill.
    Graceful(Duration),
    /// Ask and wait for as long as it takes; for supervisors, whose children have own limits.
    Infinity,
    /// Kill at once; no cleanup runs.
    BrutalKill,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::Graceful(WORKER_SHUTDOWN)
    }
}
