//! What a command leads to: events to store, and what happens once they are stored.

use std::fmt;

use steadfast_actor_core::Reply;

/// What a command leads to: events, and then replies and other effects.
///
/// The events of one effect are stored all or none. What was added with [`reply`](Self::reply) or
/// [`then`](Self::then) runs in the order of the calls, after the events are durable and applied; never if
/// they could not be stored.
#[must_use = "an effect does nothing unless `decide` returns it"]
pub struct Effect<E> {
    pub(crate) events: Vec<E>,
    pub(crate) after: Vec<Box<dyn FnOnce() + Send>>,
}

impl<E> Effect<E> {
    /// Nothing is stored.
    pub fn none() -> Self {
        Self { events: Vec::new(), after: Vec::new() }
    }

    /// One event is stored.
    pub fn persist(event: E) -> Self {
        Self { events: vec![event], after: Vec::new() }
    }

    /// Several events are stored, all or none, in this order.
    pub fn persist_all(events: impl IntoIterator<Item = E>) -> Self {
        Self { events: events.into_iter().collect(), after: Vec::new() }
    }

    /// Answers once the events are durable.
    pub fn reply<T: Send + 'static>(self, reply: Reply<T>, value: T) -> Self {
        self.then(move || reply.send(value))
    }

    /// Does something once the events are durable.
    pub fn then(mut self, act: impl FnOnce() + Send + 'static) -> Self {
        self.after.push(Box::new(act));
        self
    }
}

impl<E: fmt::Debug> fmt::Debug for Effect<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after.len();
        f.debug_struct("Effect").field("events", &self.events).field("after", &after).finish()
    }
}
