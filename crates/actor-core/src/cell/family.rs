//! Stopping a child of a plain actor: in order within its time, then by force.

use std::{future::poll_fn, sync::Arc, time::Duration};

use super::{AnyCell, Flags};
use crate::system::SystemInner;

/// How long a child of a plain actor has to stop before it is killed.
pub const CHILD_STOP_WAIT: Duration = Duration::from_secs(5);

/// A child of a plain actor, seen by its parent.
pub(crate) struct ChildCell(pub(crate) Arc<dyn AnyCell>);

impl ChildCell {
    /// Stops the child for good and waits for its end.
    pub(crate) async fn stop(self, system: &Arc<SystemInner>) {
        self.0.raise(Flags::STOP | Flags::FINAL);
        if !self.gone_within(system, CHILD_STOP_WAIT).await {
            self.0.raise(Flags::KILL | Flags::FINAL);
            self.gone(system).await;
        }
    }

    /// Waits until the child has ended.
    pub(crate) async fn gone(&self, system: &Arc<SystemInner>) {
        let (mut asker, answer) = system.pool.acquire(0);
        self.0.wait(answer);
        // Answered or lost, the child has ended.
        let _ended = poll_fn(|task| asker.poll(task)).await;
    }

    async fn gone_within(&self, system: &Arc<SystemInner>, limit: Duration) -> bool {
        let (mut asker, answer) = system.pool.acquire(crate::overflow::limit_ms(limit));
        self.0.wait(answer);
        poll_fn(|task| asker.poll(task)).await.is_ok()
    }
}
