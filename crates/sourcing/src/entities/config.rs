//! What can be set about entities, as plain data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_actor_core::Overflow;
use steadfast_base::{ConfigError, ConfigFaults};
use steadfast_eventlog::CodecId;
use steadfast_snapshot::limits::KEEP;
use steadfast_supervision::{Backoff, Budget};

/// What a refused configuration calls itself.
pub(super) const CONFIGURED: &str = "entities";

/// How long an entity stays in memory without a command: twice what people take to come back to a page.
pub const PASSIVATE_AFTER: Duration = Duration::from_mins(2);

/// How many entities stay in memory: at a few kilobytes each, some tens of megabytes.
pub const RESIDENT_MAX: usize = 10_000;

/// How many entities read their events at the same time; as many as Pekko lets.
pub const RECOVERIES_MAX: usize = 50;

/// After how many events a snapshot is taken: replaying a hundred takes less than a command.
pub const SNAPSHOT_EVERY: u64 = 100;

/// How long a command waits for room in memory, or in the mailbox.
pub const ROOM_WAIT: Duration = Duration::from_secs(5);

/// How long an entity that failed for good answers with that failure before it is tried again.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Settings of one kind of entities.
///
/// | Field | Default |
/// |---|---|
/// | `passivate_after` | 2 min; looked at four times in this span |
/// | `resident_max` | 10,000 |
/// | `recoveries_max` | 50 |
/// | `snapshot_every` | 100 events, where there is a snapshot store |
/// | `snapshot_bytes` | none |
/// | `snapshot_after_recovery` | yes: a recovery that read that many events takes one |
/// | `snapshot_to_leave` | none: an entity leaves memory without a snapshot, as in Pekko |
/// | `snapshots_kept` | 3: as many as recovery tries |
/// | `delete_events` | no: events behind the oldest kept snapshot are released, retention removes them |
/// | `codec` | field-named |
/// | `capacity` | the system's: 1,024 commands |
/// | `overflow` | none: a command waits for `room_wait`, and then comes back |
/// | `room_wait` | 5 s |
/// | `retry_after` | 1 s |
/// | `backoff` | 0.1 s doubling to 30 s |
/// | `budget` | 3 restarts in 60 s |
///
/// # Example
///
/// ```
/// use steadfast_sourcing::EntitiesConfig;
///
/// let mut config = EntitiesConfig::default();
/// config.resident_max = 0;
/// assert!(config.validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EntitiesConfig {
    /// How long an entity stays in memory without a command; `None`: until room is needed.
    pub passivate_after: Option<Duration>,
    /// How many entities are in memory; the least recently used makes room for another one.
    pub resident_max: usize,
    /// How many entities recover at the same time; further ones wait.
    pub recoveries_max: usize,
    /// After how many events a snapshot is taken; `None`: only when asked for.
    pub snapshot_every: Option<u64>,
    /// After how many bytes of events a snapshot is taken.
    pub snapshot_bytes: Option<u64>,
    /// Whether a recovery that read as many events as would have made a snapshot takes it.
    pub snapshot_after_recovery: bool,
    /// From how many events behind its last snapshot on an entity takes one before it leaves memory, so that
    /// it comes back quickly; `None`: it leaves as it is, and at most `snapshot_every` events are read again.
    ///
    /// It leaves once the snapshot is saved, or could not be; a command that comes meanwhile keeps it. What
    /// waits for its room waits for a write and two syncs.
    pub snapshot_to_leave: Option<u64>,
    /// How many snapshots of an entity are kept.
    pub snapshots_kept: usize,
    /// Whether events behind the oldest kept snapshot are deleted and not only released.
    pub delete_events: bool,
    /// What encodes events and states.
    pub codec: CodecId,
    /// How many commands wait for one entity; `None` for the system's default.
    pub capacity: Option<u32>,
    /// What happens to a command for which an entity's mailbox has no room, say while it recovers; `None`: it
    /// waits for `room_wait`, and then comes back.
    ///
    /// Whatever else is asked of the entity (a look at its state, a snapshot) is treated alike.
    pub overflow: Option<Overflow>,
    /// How long a command waits for room in memory, or in the mailbox.
    pub room_wait: Duration,
    /// How long an entity that failed for good answers with that failure. Some thousands rest so at a time; where
    /// there are more, they are tried again earlier.
    pub retry_after: Duration,
    /// The delay before an entity that failed is started again.
    pub backoff: Backoff,
    /// How often one entity may be started again.
    pub budget: Budget,
}

impl Default for EntitiesConfig {
    fn default() -> Self {
        Self {
            passivate_after: Some(PASSIVATE_AFTER),
            resident_max: RESIDENT_MAX,
            recoveries_max: RECOVERIES_MAX,
            snapshot_every: Some(SNAPSHOT_EVERY),
            snapshot_bytes: None,
            snapshot_after_recovery: true,
            snapshot_to_leave: None,
            snapshots_kept: KEEP,
            delete_events: false,
            codec: CodecId::NAMED,
            capacity: None,
            overflow: None,
            room_wait: ROOM_WAIT,
            retry_after: RETRY_AFTER,
            backoff: Backoff::default(),
            budget: Budget::default(),
        }
    }
}

impl EntitiesConfig {
    /// Lets the settings pass if they make sense.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which lists every fault.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.faults().into_result(CONFIGURED)
    }

    pub(super) fn faults(&self) -> ConfigFaults {
        let mut faults = ConfigFaults::default();
        let max = tokio::sync::Semaphore::MAX_PERMITS;
        if let Some(after) = self.passivate_after {
            faults.at_least(after, Duration::from_millis(4), "passivate_after");
        }
        faults.between(self.resident_max, 1..=max, "resident_max");
        faults.between(self.recoveries_max, 1..=max, "recoveries_max");
        faults.at_least(self.snapshot_every.unwrap_or(1), 1, "snapshot_every");
        faults.at_least(self.snapshot_bytes.unwrap_or(1), 1, "snapshot_bytes");
        faults.at_least(self.snapshot_to_leave.unwrap_or(1), 1, "snapshot_to_leave");
        faults.at_least(self.snapshots_kept, 1, "snapshots_kept");
        let known = [CodecId::BINCODE, CodecId::NAMED, CodecId::JSON];
        faults.require(known.contains(&self.codec), "codec", || {
            format!("is {:?}; it must be bincode, named or json", self.codec)
        });
        faults.at_least(self.capacity.unwrap_or(1), 1, "capacity");
        faults.positive(self.room_wait, "room_wait");
        faults
    }

    /// Whether so much since the last snapshot asks for the next one.
    pub(crate) fn wants_snapshot(&self, events: u64, bytes: u64) -> bool {
        self.snapshot_every.is_some_and(|every| events >= every)
            || self.snapshot_bytes.is_some_and(|most| bytes >= most)
    }
}
