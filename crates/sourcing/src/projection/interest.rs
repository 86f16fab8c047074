//! What a projection is: the events it wants, and what each of them changes.

use std::collections::BTreeSet;
use std::future::Future;

use steadfast_actor_core::BoxError;
use steadfast_eventlog::{ActorName, Event, EventKind, Query, TypeName};

/// Folds events into an output that is read by others: a read model.
///
/// # Example
///
/// ```
/// use std::convert::Infallible;
/// use std::sync::Arc;
///
/// use steadfast_base::{EventId, Time};
/// use steadfast_eventlog::{Append, Event, EventKind, EventStore, MemoryStore, NewEvent, Payload, block_on};
/// use steadfast_sourcing::projection::{Interest, MemoryView, Projection, Projector};
///
/// /// How many events there were.
/// struct Count;
///
/// impl Projection for Count {
///     type Output = u64;
///     type Error = Infallible;
///
///     fn interest(&self) -> Interest {
///         Interest::all()
///     }
///
///     async fn handle(&self, _event: &Event, count: &mut u64) -> Result<(), Infallible> {
///         *count += 1;
///         Ok(())
///     }
/// }
///
/// let log = MemoryStore::default();
/// let event = NewEvent::new(EventId::from_u128(1), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"));
/// log.append(Append::one(event)).wait()?;
/// let view = MemoryView::<u64>::default();
/// let projector = Projector::new("count", Count, Arc::new(log.clone()), view.clone(), Time::system());
/// block_on(log.close())?;
/// block_on(projector.run());
/// assert_eq!(view.read(|count| *count), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Projection: Send + Sync + 'static {
    /// What a unit of output is written into: the `Output` of the store.
    type Output: Send + 'static;

    /// What handling an event fails with; `Infallible` where it cannot.
    type Error: Into<BoxError> + Send;

    /// Which events are handled; asked once at each start.
    fn interest(&self) -> Interest {
        Interest::all()
    }

    /// Writes what one event changes into the output of the unit at hand.
    ///
    /// Whatever else it does may happen again: a unit that could not be stored is handled again.
    ///
    /// # Errors
    ///
    /// An error is retried ([`ProjectionSettings`](super::ProjectionSettings)); then the event is poison.
    ///
    /// # Cancel safety
    ///
    /// Dropped at an await where the projector is; the unit is not stored then.
    fn handle(
        &self,
        event: &Event,
        output: &mut Self::Output,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Which events a projection wants; what is empty asks for nothing in particular.
///
/// # Example
///
/// ```
/// use steadfast_eventlog::EventKind;
/// use steadfast_sourcing::projection::Interest;
///
/// let interest = Interest::all().kinds([EventKind::StateChanged]).types(["bank.Deposited"]);
/// # drop(interest);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    kinds: Vec<EventKind>,
    actors: Vec<ActorName>,
    types: BTreeSet<TypeName>,
}

impl Interest {
    /// Every event.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only events of these kinds.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Only events of these actors.
    #[must_use]
    pub fn actors<A: Into<ActorName>>(mut self, actors: impl IntoIterator<Item = A>) -> Self {
        self.actors = actors.into_iter().map(Into::into).collect();
        self
    }

    /// Only events whose payload was stored under one of these type names, whatever it is upcast to.
    #[must_use]
    pub fn types<T: Into<TypeName>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn query(&self) -> Query {
        Query::all().kinds(self.kinds.iter().cloned()).actors(self.actors.iter().cloned())
    }

    pub(super) fn has_type(&self, name: &TypeName) -> bool {
        self.types.is_empty() || self.types.contains(name)
    }
}
