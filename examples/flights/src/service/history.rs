//! What the policies of one client decided: the breaker's changes and the counts of the rest.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use steadfast::base::{Event, Sink, Value};
use steadfast::breaker::{Event as BreakerEvent, EventKind};
use steadfast_policy::names;

use super::desk_time::DeskTime;
use super::report::BreakerChange;

/// Changes of a breaker that are kept; an older one makes room.
const CHANGES_MAX: usize = 100;

/// The last changes of a breaker.
#[derive(Debug)]
pub(super) struct History {
    time: DeskTime,
    changes: Mutex<Changes>,
}

#[derive(Debug, Default)]
struct Changes {
    total: u64,
    last: VecDeque<BreakerChange>,
}

impl History {
    pub(super) fn new(time: DeskTime) -> Self {
        Self { time, changes: Mutex::default() }
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the breaker tells.
    pub(super) fn note(&self, event: &BreakerEvent) {
        let EventKind::Transition { from, to, cause, .. } = event.kind else { return };
        let at = self.time.minute_of(event.at).to_string();
        let (from, to, cause) = (from.name(), to.name(), cause.name());
        let mut changes = self.changes();
        changes.total += 1;
        if changes.last.len() == CHANGES_MAX {
            changes.last.pop_front();
        }
        changes.last.push_back(BreakerChange {
            at,
            from: from.to_owned(),
            to: to.to_owned(),
            cause: cause.to_owned(),
        });
    }

    /// How many changes there were, and the last of them.
    pub(super) fn read(&self) -> (u64, Vec<BreakerChange>) {
        let changes = self.changes();
        (changes.total, changes.last.iter().cloned().collect())
    }
}

/// Counts what a pipeline decided.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    pub(super) retried: AtomicU64,
    /// Calls that the open breaker did not let through.
    pub(super) saved: AtomicU64,
    /// Calls that found no place in the bulkhead.
    pub(super) turned_away: AtomicU64,
}

impl Sink for Decisions {
    fn emit(&self, event: &Event<'_>) {
        let counter = match (event.name, event.field("policy")) {
            (names::RETRY_SCHEDULED, _) => &self.retried,
            (names::REJECTED, Some(Value::Str(names::BREAKER))) => &self.saved,
            (names::REJECTED, Some(Value::Str(names::BULKHEAD))) => &self.turned_away,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
