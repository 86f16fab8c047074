//! Waiting for the end of an actor.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{ExitReason, cell::AnyCell, slot::Asker, system::SystemInner};

/// A future of the reason for which an actor ends for good.
///
/// # Cancel safety
///
/// Nothing is lost by dropping the future.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Stopped {
    asker: Asker<ExitReason>,
}

impl Stopped {
    pub(crate) fn new(system: &Arc<SystemInner>, cell: &(impl AnyCell + ?Sized)) -> Self {
        let (asker, answer) = system.pool.acquire(0);
        cell.wait(answer);
        Self { asker }
    }
}

impl Future for Stopped {
    type Output = ExitReason;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<ExitReason> {
        self.asker.poll(task).map(|ended| ended.unwrap_or(ExitReason::Killed))
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopped")
    }
}
