//! `Probe`: the one instrumentation seam of the actor layer.

use std::sync::Arc;

use steadfast_base::{ActorId, CallContext, Instant};

use crate::{
    ExitReason, Failure,
    cell::{Cell, Envelope},
    dead_letters::DeadReason,
};

/// Hears what actors do. Installed with
/// [`SystemBuilder::probe`](crate::SystemBuilder::probe); without one, nothing is measured.
///
/// The message methods (`enqueued`, `started`, `handled`) are called only for actors that
/// [`samples`](Self::samples) picks when they are spawned. All methods are called inline, on the
/// thread where the thing happens: keep them short. They do nothing by default.
pub trait Probe: Send + Sync + 'static {
    /// Whether this actor's messages are to be reported. Asked once, at its spawn.
    fn samples(&self, actor: ActorId) -> bool {
        let _ = actor;
        true
    }

    /// An actor was spawned.
    fn spawned(&self, actor: ActorId, path: &Arc<str>) {
        let _ = (actor, path);
    }

    /// An actor ended for good.
    fn exited(&self, actor: ActorId, path: &Arc<str>, reason: &ExitReason) {
        let _ = (actor, path, reason);
    }

    /// A later incarnation of an actor is up.
    fn restarted(&self, actor: ActorId, incarnation: u32) {
        let _ = (actor, incarnation);
    }

    /// A message was put into a mailbox that now holds `queued`.
    fn enqueued(&self, actor: ActorId, queued: usize) {
        let _ = (actor, queued);
    }

    /// A handler begins.
    fn started(&self, actor: ActorId, at: Instant, context: Option<&CallContext>) {
        let _ = (actor, at, context);
    }

    /// A handler returned; `ok` is false if it failed.
    fn handled(&self, actor: ActorId, began: Instant, ended: Instant, ok: bool) {
        let _ = (actor, began, ended, ok);
    }

    /// Messages became dead letters.
    fn dropped(&self, actor: ActorId, reason: DeadReason, count: u64) {
        let _ = (actor, reason, count);
    }

    /// A failure that ends nothing, such as a panic in a hook of an actor that ends anyway.
    fn failure(&self, actor: ActorId, failure: &Failure) {
        let _ = (actor, failure);
    }

    /// Actors wait for each other in a ring: each for an answer of, or room in, the next; the last
    /// for the first. Nothing is broken up: the waits end at their deadlines.
    fn wait_cycle(&self, actors: &[ActorId]) {
        let _ = actors;
    }
}

/// A handler's turn under a probe.
pub(crate) struct TurnStart(Instant);

impl TurnStart {
    #[cold]
    pub(crate) fn new<M: Send + 'static>(cell: &Cell<M>, envelope: Option<&Envelope>) -> Self {
        let now = cell.system.time.now();
        if let Some(probe) = &cell.system.probe {
            let context = envelope.map(|envelope| &*envelope.context);
            probe.started(cell.id, now, context);
        }
        Self(now)
    }

    #[cold]
    pub(crate) fn end<M: Send + 'static>(self, cell: &Cell<M>, ok: bool) {
        if let Some(probe) = &cell.system.probe {
            probe.handled(cell.id, self.0, cell.system.time.now(), ok);
        }
    }
}
