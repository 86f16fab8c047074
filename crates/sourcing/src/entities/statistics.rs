//! Figures of entities.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Entities;
use crate::EventSourced;

/// Figures of one kind of entities since they were started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntitiesStatistics {
    /// Entities in memory, or on their way there.
    pub resident: usize,
    /// Commands decided upon.
    pub commands_total: u64,
    /// Events stored.
    pub events_total: u64,
    /// Commands whose events the log refused; nothing changed.
    pub rejected_total: u64,
    /// Commands that met events of somebody else.
    pub conflicts_total: u64,
    /// Commands on which an entity failed.
    pub failures_total: u64,
    /// Entities brought into memory.
    pub activations_total: u64,
    /// Entities that left memory, idle or for others.
    pub passivations_total: u64,
    /// Entities recovering now.
    pub recovering: u64,
    /// The most that recovered at the same time.
    pub recovering_max: u64,
    /// Recoveries done.
    pub recoveries_total: u64,
    /// Recoveries that failed.
    pub recovery_failures_total: u64,
    /// Events folded by recoveries.
    pub recovered_events_total: u64,
    /// Recoveries that began with a snapshot.
    pub snapshots_used_total: u64,
    /// Snapshots that recoveries passed over, damaged or unreadable.
    pub snapshots_passed_over_total: u64,
    /// Snapshots saved.
    pub snapshots_saved_total: u64,
    /// Snapshots that could not be saved, or what they make superfluous not be let go.
    pub snapshot_failures_total: u64,
}

impl<S: EventSourced> Entities<S> {
    /// The figures.
    pub fn statistics(&self) -> EntitiesStatistics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        EntitiesStatistics {
            resident: self.shared.residents.count(self.shared.config.resident_max),
            commands_total: get(&counters.commands),
            events_total: get(&counters.events),
            rejected_total: get(&counters.rejected),
            conflicts_total: get(&counters.conflicts),
            failures_total: get(&counters.failures),
            activations_total: get(&counters.activations),
            passivations_total: get(&counters.passivations),
            recovering: get(&counters.recovering),
            recovering_max: get(&counters.recovering_max),
            recoveries_total: get(&counters.recoveries),
            recovery_failures_total: get(&counters.recovery_failures),
            recovered_events_total: get(&counters.recovered_events),
            snapshots_used_total: get(&counters.snapshots_used),
            snapshots_passed_over_total: get(&counters.snapshots_passed_over),
            snapshots_saved_total: get(&counters.snapshots_saved),
            snapshot_failures_total: get(&counters.snapshot_failures),
        }
    }
}
