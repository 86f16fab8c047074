//! The permit of one call.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::core::Ticket;
use super::{Inner, QuarantineError};

/// A call that may be made; say how it ended.
///
/// Dropped without a word it counts for nothing, and if it was the probe the next call is; dropped by a panic it
/// crashed.
#[must_use = "a permit that is dropped counts for nothing"]
pub struct QuarantinePermit<K: Hash + Eq + Clone + fmt::Debug> {
    inner: Arc<Inner<K>>,
    key: K,
    /// Taken once it is known how the call ended.
    ticket: Option<Ticket>,
}

impl<K: Hash + Eq + Clone + fmt::Debug> QuarantinePermit<K> {
    pub(super) fn new(inner: &Arc<Inner<K>>, key: K, ticket: Ticket) -> Self {
        Self { inner: Arc::clone(inner), key, ticket: Some(ticket) }
    }

    /// Whether the call is the one probe of a blocked key.
    pub fn is_probe(&self) -> bool {
        self.ticket.is_some_and(|ticket| ticket.is_probe)
    }

    /// The call harmed nobody, whatever its answer was.
    pub fn succeeded(mut self) {
        self.finish(false);
    }

    /// The call crashed whoever handled it.
    pub fn crashed(mut self) {
        self.finish(true);
    }

    pub(super) fn end<T, E>(
        mut self,
        result: Result<T, E>,
        crashed: impl FnOnce(&E) -> bool,
    ) -> Result<T, QuarantineError<E>> {
        let has_crashed = result.as_ref().err().is_some_and(crashed);
        self.finish(has_crashed);
        result.map_err(QuarantineError::Failed)
    }

    fn finish(&mut self, crashed: bool) {
        let Some(ticket) = self.ticket.take() else { return };
        let now = self.inner.time.now();
        let change = self.inner.lock().finish(&self.key, ticket, crashed, now);
        self.inner.tell(&self.key, change);
    }
}

impl<K: Hash + Eq + Clone + fmt::Debug> Drop for QuarantinePermit<K> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return self.finish(true);
        }
        if let Some(ticket) = self.ticket.take() {
            let now = self.inner.time.now();
            self.inner.lock().cancel(&self.key, ticket, now);
        }
    }
}

impl<K: Hash + Eq + Clone + fmt::Debug> fmt::Debug for QuarantinePermit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuarantinePermit").field("key", &self.key).finish_non_exhaustive()
    }
}
