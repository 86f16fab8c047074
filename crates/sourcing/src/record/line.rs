//! What the log was given and has not acknowledged yet: bounded, in turns and in bytes.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use steadfast_eventlog::{Append, AppendError, Appending, EventStore, NewEvent};

/// Appends that wait for their acknowledgement at most; what happens then is [`WhenFull`].
pub const LINE_APPENDS_MAX: usize = 4_096;

/// Bytes in such appends at most (8 MiB); what happens then is [`WhenFull`].
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// What a recorder does when the log does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Turns are not recorded until there is room, and a gap says which: the program is not held up,
    /// and a replay says so.
    #[default]
    Gap,
    /// The actor waits before its next turn until there is room: nothing is missing, and the program is
    /// as slow as the log.
    Wait,
}

/// The appends of one recorder, in the order in which they were handed over.
#[derive(Debug)]
pub(super) struct Line {
    store: Arc<dyn EventStore>,
    waiting: VecDeque<(usize, Appending)>,
    bytes: usize,
    /// How many appends were refused: whoever saw fewer may have lost a turn.
    refused: u64,
    last_error: Option<AppendError>,
}

impl Line {
    pub(super) fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, waiting: VecDeque::new(), bytes: 0, refused: 0, last_error: None }
    }

    /// Hands events over, without waiting.
    pub(super) fn push(&mut self, events: Vec<NewEvent>) {
        let bytes = events.iter().map(NewEvent::size_bytes).sum();
        let appending = self.store.append(Append::new(events));
        self.bytes = self.bytes.saturating_add(bytes);
        self.waiting.push_back((bytes, appending));
    }

    /// Takes what was acknowledged off; whether there is room then.
    pub(super) fn poll_room(&mut self, task: &mut Context<'_>) -> Poll<()> {
        while self.poll_first(task).is_ready() {}
        if self.has_room() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether there is room.
    pub(super) fn look_for_room(&mut self) -> bool {
        self.poll_room(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Ready when everything handed over so far was answered.
    pub(super) fn poll_empty(&mut self, task: &mut Context<'_>) -> Poll<()> {
        while self.poll_first(task).is_ready() {}
        if self.waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < LINE_APPENDS_MAX && self.bytes < LINE_BYTES_MAX
    }

    /// Ready if the first append was answered, which takes it off.
    fn poll_first(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let Some((bytes, first)) = self.waiting.front_mut() else { return Poll::Pending };
        let Poll::Ready(answer) = Pin::new(first).poll(task) else { return Poll::Pending };
        self.bytes = self.bytes.saturating_sub(*bytes);
        self.waiting.pop_front();
        if let Err(error) = answer {
            self.refused = self.refused.saturating_add(1);
            self.last_error = Some(error);
        }
        Poll::Ready(())
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    pub(super) fn last_error(&self) -> Option<AppendError> {
        self.last_error.clone()
    }
}
