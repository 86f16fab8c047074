//! Numbers of snapshots: in the order in which the states were taken, over all lives of the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use steadfast_eventlog::{ActorName, Seq};

/// What is known of each actor that persisted in this process: one small entry for each.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<BTreeMap<ActorName, Number>>);

#[derive(Clone, Copy, Debug, Default)]
struct Number {
    /// The highest number there was when this process first looked.
    base: Option<Seq>,
    /// States taken since.
    taken: u64,
}

impl Numbers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActorName, Number>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the place of a state in the order, when it is encoded.
    pub(super) fn take(&self, actor: &ActorName) -> u64 {
        let mut numbers = self.lock();
        let number = numbers.entry(actor.clone()).or_default();
        number.taken += 1;
        number.taken
    }

    /// The highest number before this process, once it is known.
    pub(super) fn base(&self, actor: &ActorName) -> Option<Seq> {
        self.lock().get(actor)?.base
    }

    /// Notes that number; nobody saves before it is known, so whoever looks first sees the same.
    pub(super) fn set_base(&self, actor: &ActorName, base: Seq) -> Seq {
        *self.lock().entry(actor.clone()).or_default().base.get_or_insert(base)
    }
}
