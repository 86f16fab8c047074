//! A log that can only be read: what a replay gets to see.

use std::{fmt, sync::Arc};

use steadfast_eventlog::{ActorExtent, ActorName, EventStore, Events, LogExtent, Query, ReadError};

/// A log without its writing half.
///
/// A replay holds nothing else of its source: there is no way from here to an append, a deletion or a
/// release.
///
/// ```compile_fail,E0599
/// fn write(log: &steadfast_sourcing::replay::ReadOnly, append: steadfast_eventlog::Append) {
///     log.append(append);
/// }
/// ```
#[derive(Clone)]
pub struct ReadOnly(Arc<dyn EventStore>);

impl ReadOnly {
    /// The reading half of a log.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self(store)
    }

    /// The events that a query finds.
    pub fn read(&self, query: Query) -> Events {
        self.0.read(query)
    }

    /// What there is of an actor.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn actor(&self, actor: &ActorName) -> Result<ActorExtent, ReadError> {
        self.0.actor(actor).await
    }

    /// What there is of the log.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn extent(&self) -> Result<LogExtent, ReadError> {
        self.0.extent().await
    }
}

impl<S: EventStore + 'static> From<Arc<S>> for ReadOnly {
    fn from(store: Arc<S>) -> Self {
        Self(store)
    }
}

impl From<Arc<dyn EventStore>> for ReadOnly {
    fn from(store: Arc<dyn EventStore>) -> Self {
        Self(store)
    }
}

impl fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadOnly").field(&self.0).finish()
    }
}
