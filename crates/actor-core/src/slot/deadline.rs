//! A coarse deadline without an ask, for waits that have no slot of their own.

use std::task::{Context, Poll};

use super::asker::Asker;

/// Ready once its limit has passed, or at once when the system is dropped.
#[derive(Debug)]
pub(crate) struct Deadline {
    asker: Asker<()>,
}

impl Deadline {
    /// The asker's slot has no answering half, so only the scan can end it.
    pub(super) fn new(asker: Asker<()>) -> Self {
        Self { asker }
    }

    /// Waits for the deadline. Must not be polled again after it.
    ///
    /// # Panics
    /// When polled after it was ready.
    ///
    /// # Cancel safety
    /// Polls lose nothing; the limit counts from the first scan after the first poll.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.asker.poll(cx).map(|_lost| ())
    }
}
