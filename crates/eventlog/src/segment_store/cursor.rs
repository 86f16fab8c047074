//! Cursors over the log, and subscriptions that wait at its end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use async_trait::async_trait;

use steadfast_base::LimitExceeded;

use super::page::{Page, PageError, Reader};
use super::shared::Shared;
use crate::event::{Event, Position};
use crate::limits::READ_BATCH_EVENTS;
use crate::read::{Cursor, Delivery, Direction, Query, ReadError, Tail};

pub(super) struct LogCursor {
    shared: Arc<Shared>,
    reader: Reader,
    query: Query,
    next: Position,
    left: u64,
}

impl LogCursor {
    pub(super) fn new(shared: Arc<Shared>, query: Query) -> Self {
        let next = match query.direction {
            Direction::Forward => Position::ZERO,
            Direction::Backward => Position::MAX,
        };
        let left = query.limit.unwrap_or(u64::MAX);
        Self { shared, reader: Reader::default(), query, next, left }
    }
}

#[async_trait]
impl Cursor for LogCursor {
    async fn next(&mut self) -> Result<Vec<Event>, ReadError> {
        if self.shared.read_state().closed {
            return Err(ReadError::Closed);
        }
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(READ_BATCH_EVENTS);
        match self.reader.page(&self.shared, &self.query, self.next, count) {
            Ok(Page { found, next }) => {
                self.next = next;
                let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
                self.left = self.left.saturating_sub(count);
                Ok(found)
            }
            Err(PageError { error, next }) => {
                self.next = next;
                Err(error)
            }
        }
    }
}

pub(super) struct LogTail {
    shared: Arc<Shared>,
    reader: Reader,
    query: Query,
    /// The last position that has been looked at.
    seen: Position,
    /// The last position whose reaching has been told.
    told: Option<Position>,
    refused: Option<LimitExceeded>,
    /// Its number among those who wait.
    number: u64,
}

impl LogTail {
    pub(super) fn new(
        shared: Arc<Shared>,
        after: Position,
        mut query: Query,
        refused: Option<LimitExceeded>,
    ) -> Self {
        query.direction = Direction::Forward;
        let number = shared.write_state().listeners.add();
        Self { shared, reader: Reader::default(), query, seen: after, told: None, refused, number }
    }

    /// The next delivery if there is one now; otherwise wakes the caller when there may be.
    fn step(&mut self, waker: &Waker) -> Poll<Result<Option<Delivery>, ReadError>> {
        if let Some(exceeded) = self.refused {
            return Poll::Ready(Err(ReadError::TooBroad(exceeded)));
        }
        let extent = self.shared.read_state().extent();
        if self.seen.next() < extent.first {
            if self.seen == Position::ZERO {
                // Who starts from nothing asks for what there is.
                self.seen = extent.first.previous();
            } else {
                return Poll::Ready(Err(ReadError::Retired { first: extent.first }));
            }
        }
        if self.seen < extent.last {
            let mut query = self.query.clone();
            query.to = query.to.min(extent.last);
            let from = self.seen.next();
            match self.reader.page(&self.shared, &query, from, READ_BATCH_EVENTS) {
                Ok(Page { found, next }) => {
                    self.seen = next.previous().min(extent.last);
                    if !found.is_empty() {
                        return Poll::Ready(Ok(Some(Delivery::Events(found))));
                    }
                }
                Err(PageError { error, next }) => {
                    self.seen = next.previous();
                    return Poll::Ready(Err(error));
                }
            }
        }
        if self.told != Some(self.seen) {
            self.told = Some(self.seen);
            return Poll::Ready(Ok(Some(Delivery::CaughtUp(self.seen))));
        }
        let mut state = self.shared.write_state();
        if state.extent().last > self.seen {
            // Something came between the look at the end and this one.
            drop(state);
            waker.wake_by_ref();
            return Poll::Pending;
        }
        if state.closed {
            return Poll::Ready(Ok(None));
        }
        let before = state.listeners.wait(self.number, waker);
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for LogTail {
    fn drop(&mut self) {
        // What is not kept any more goes without the lock.
        let mut state = self.shared.write_state();
        let gone = (state.listeners.remove(self.number), state.take_unheard());
        drop(state);
        drop(gone);
    }
}

#[async_trait]
impl Tail for LogTail {
    async fn next(&mut self) -> Result<Option<Delivery>, ReadError> {
        poll_fn(|cx| self.step(cx.waker())).await
    }
}
