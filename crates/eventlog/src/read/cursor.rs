//! Handing events over in batches: cursors that end and subscriptions that do not.

use std::fmt;

use async_trait::async_trait;

use super::ReadError;
use crate::event::{Event, Position};

/// The source of a cursor: what a store implements.
#[async_trait]
pub trait Cursor: Send {
    /// The next events, at least one and at most [`READ_BATCH_EVENTS`](crate::limits::READ_BATCH_EVENTS);
    /// none at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError`]. After damage the cursor stands behind it: asking again reads on.
    ///
    /// # Cancel safety
    ///
    /// A dropped call has taken nothing: the next one gives the same events.
    async fn next(&mut self) -> Result<Vec<Event>, ReadError>;
}

/// The events that a query finds, read as they are asked for.
///
/// It sees at least every event acknowledged before it was made; whether it sees later ones is open.
pub struct Events(Box<dyn Cursor>);

impl Events {
    /// The events of a source.
    pub fn new(cursor: impl Cursor + 'static) -> Self {
        Self(Box::new(cursor))
    }

    /// A cursor over one answer that is known already, of any length.
    pub fn ready(answer: Result<Vec<Event>, ReadError>) -> Self {
        Self::new(Ready(Some(answer)))
    }

    /// The next events, at most a thousand; none at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError`]. After damage the cursor stands behind it: asking again reads on.
    ///
    /// # Cancel safety
    ///
    /// A dropped call has taken nothing: the next one gives the same events.
    pub async fn next(&mut self) -> Result<Vec<Event>, ReadError> {
        self.0.next().await
    }

    /// All events that are left, in one piece of memory: only for answers known to be small.
    ///
    /// # Errors
    ///
    /// The first [`ReadError`] met.
    ///
    /// # Cancel safety
    ///
    /// A dropped call loses what it has read.
    pub async fn all(mut self) -> Result<Vec<Event>, ReadError> {
        let mut all = Vec::new();
        loop {
            let batch = self.next().await?;
            if batch.is_empty() {
                return Ok(all);
            }
            all.extend(batch);
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

struct Ready(Option<Result<Vec<Event>, ReadError>>);

#[async_trait]
impl Cursor for Ready {
    async fn next(&mut self) -> Result<Vec<Event>, ReadError> {
        match self.0.take() {
            Some(Ok(mut events)) => {
                let rest = events.split_off(events.len().min(crate::limits::READ_BATCH_EVENTS));
                if !rest.is_empty() {
                    self.0 = Some(Ok(rest));
                }
                Ok(events)
            }
            Some(Err(error)) => Err(error),
            None => Ok(Vec::new()),
        }
    }
}

/// What a subscription hands over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The next events: at least one, at most a thousand.
    Events(Vec<Event>),
    /// Every event up to this position has been looked at; what follows is live.
    ///
    /// Given each time the end is reached, whether or not an event on the way met the conditions: a read
    /// model may store the position as its own.
    CaughtUp(Position),
}

/// The source of a subscription: what a store implements.
#[async_trait]
pub trait Tail: Send {
    /// The next delivery; `None` once the store is closed and everything has been handed over.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    ///
    /// # Cancel safety
    ///
    /// A dropped call has taken nothing.
    async fn next(&mut self) -> Result<Option<Delivery>, ReadError>;
}

/// Events from a position on and then as they are appended: without a gap, without a duplicate.
///
/// It reads from the log when asked, so a slow reader costs the writers nothing and holds at most one
/// batch. One that is so slow that retention removed what it would read next gets
/// [`ReadError::Retired`].
pub struct Subscription(Box<dyn Tail>);

impl Subscription {
    /// The subscription to a source.
    pub fn new(tail: impl Tail + 'static) -> Self {
        Self(Box::new(tail))
    }

    /// Waits for the next delivery; `None` once the store is closed and everything was handed over.
    ///
    /// # Errors
    ///
    /// [`ReadError`]. After damage it stands behind it: asking again goes on.
    ///
    /// # Cancel safety
    ///
    /// A dropped call has taken nothing: the next one gives the same events.
    pub async fn next(&mut self) -> Result<Option<Delivery>, ReadError> {
        self.0.next().await
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
