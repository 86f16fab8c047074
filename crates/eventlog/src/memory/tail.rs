//! Cursors over the log in memory, and subscriptions that wait at its end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;

use steadfast_base::LimitExceeded;

use super::Shared;
use crate::event::{Event, Position};
use crate::limits::READ_BATCH_EVENTS;
use crate::read::{Cursor, Delivery, Direction, Query, ReadError, Tail};

pub(super) struct LogCursor {
    shared: Arc<Shared>,
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
        Self { shared, query, next, left }
    }
}

#[async_trait]
impl Cursor for LogCursor {
    async fn next(&mut self) -> Result<Vec<Event>, ReadError> {
        let core = self.shared.lock();
        core.check_open()?;
        let page = core.page(&self.query, self.next, self.left);
        drop(core);
        self.next = page.next;
        self.left = self.left.saturating_sub(u64::try_from(page.found.len()).unwrap_or(u64::MAX));
        Ok(page.found)
    }
}

pub(super) struct LogTail {
    shared: Arc<Shared>,
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
        let number = shared.lock().listeners.add();
        Self { shared, query, seen: after, told: None, refused, number }
    }

    /// The next delivery if there is one now; otherwise wakes the caller when there may be.
    fn step(&mut self, waker: &std::task::Waker) -> Poll<Result<Option<Delivery>, ReadError>> {
        if let Some(exceeded) = self.refused {
            return Poll::Ready(Err(ReadError::TooBroad(exceeded)));
        }
        let mut core = self.shared.lock();
        let extent = core.extent();
        if self.seen.next() < extent.first {
            if self.seen == Position::ZERO {
                // Who starts from nothing asks for what there is.
                self.seen = extent.first.previous();
            } else {
                return Poll::Ready(Err(ReadError::Retired { first: extent.first }));
            }
        }
        if self.seen < extent.last {
            let count = u64::try_from(READ_BATCH_EVENTS).unwrap_or(u64::MAX);
            let page = core.page(&self.query, self.seen.next(), count);
            let full = page.found.len() == READ_BATCH_EVENTS;
            self.seen = if full { page.next.previous() } else { extent.last };
            if !page.found.is_empty() {
                return Poll::Ready(Ok(Some(Delivery::Events(page.found))));
            }
        }
        if self.told != Some(self.seen) {
            self.told = Some(self.seen);
            return Poll::Ready(Ok(Some(Delivery::CaughtUp(self.seen))));
        }
        if core.is_closed() {
            return Poll::Ready(Ok(None));
        }
        let before = core.listeners.wait(self.number, waker);
        drop(core);
        drop(before);
        Poll::Pending
    }
}

impl Drop for LogTail {
    fn drop(&mut self) {
        // The lock is given back before what waited is.
        let gone = self.shared.lock().listeners.remove(self.number);
        drop(gone);
    }
}

#[async_trait]
impl Tail for LogTail {
    async fn next(&mut self) -> Result<Option<Delivery>, ReadError> {
        poll_fn(|cx| self.step(cx.waker())).await
    }
}
