//! The end of an incarnation, and of the actor: hooks, children, leftovers, notices.

use std::{
    cell::LazyCell,
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

use steadfast_base::{ActorId, context};

use super::{
    Cell, Flags, Link, Order, Status, Watcher,
    task::{Guarded, Seat, catch, guarded},
};
use crate::{
    Actor, ChildEvent, ChildStage, Cx, ExitReason, Failure, Signal, actor::BoxError, slot::Why,
    turn,
};

/// What comes after an incarnation.
pub(crate) enum Next {
    /// The same state takes the next message.
    Resume,
    /// The next incarnation starts.
    Start,
    /// The actor ends for good.
    Final,
}

/// Reads the reason off the way in which a guarded part of an incarnation ended.
pub(super) fn reason_of<M: Send + 'static>(
    cell: &Cell<M>,
    ended: Guarded<Result<ExitReason, BoxError>>,
) -> ExitReason {
    let now = || cell.system.time.timestamp();
    match ended {
        Guarded::Done(Ok(reason)) => reason,
        Guarded::Done(Err(error)) => {
            // An actor may end with a reason of its own making: a supervisor melts down.
            match error.downcast::<crate::exit::EndWith>() {
                Ok(end) => end.0,
                Err(error) => ExitReason::Error(Failure::of_error(now(), cell.path(), error)),
            }
        }
        Guarded::Panicked(payload) => {
            ExitReason::Panic(Failure::of_panic(now(), cell.path(), payload))
        }
        Guarded::Killed => ExitReason::Killed,
    }
}

/// Ends an incarnation as its reason asks, then waits for the supervisor's order, if there is one.
pub(super) async fn retire<A: Actor>(
    seat: &mut Seat<A>,
    cx: &mut Cx<A>,
    lived: Guarded<Result<ExitReason, BoxError>>,
) -> Next {
    let cell = Arc::clone(&cx.cell);
    let reason = {
        let _call = cx.last_context().map(context::enter);
        reason_of(&cell, lived)
    };
    cx.forget_context();
    if cell.turns_probed {
        cx.end_turn(false);
    }
    let mut lost = cell.take_all_lost();
    cell.flags.clear(Flags::STOP | Flags::AGAIN);
    let parts = !reason.is_failure() && cell.parts.load(Ordering::SeqCst);
    // A drained mailbox takes nothing any more: a new incarnation would have nothing to do, unless
    // this one failed before it had handled all that was accepted.
    let drained = cell.mailbox.is_closed() && !(reason.is_failure() && cx.has_accepted());
    let decided = parts || drained || cell.flags.has(Flags::FINAL) || !cell.is_supervised();
    if decided {
        cell.set_status(Status::Stopping);
        lost.lose_all(Why::Stopped);
        cx.bury_leftovers();
        finish_state(seat, cx, &reason, Why::Stopped).await;
        cell.doom(&reason);
        return Next::Final;
    }
    let kept = reason.is_failure() && !matches!(reason, ExitReason::Killed);
    if !kept {
        cell.set_status(Status::Stopping);
        finish_state(seat, cx, &reason, Why::Restarting).await;
    }
    cell.flags.clear(Flags::KILL);
    cell.set_status(Status::Restarting);
    let failed_start = cell.failed_start.swap(false, Ordering::Relaxed);
    let stage = if failed_start { ChildStage::StartFailed } else { ChildStage::Ended };
    if !cell.tell_parent(|| stage(reason.clone())) {
        // Nobody is left to decide: this end is final.
        cell.flags.set(Flags::FINAL);
    }
    let mut renewed = false;
    loop {
        match next_order(&cell).await {
            Some(Order::Resume) if seat.actor().is_some() => {
                lost.lose_all(Why::Dropped);
                return Next::Resume;
            }
            Some(Order::Renew { preserve, keep_children }) => {
                lost.lose_all(Why::Restarting);
                let failure = if renewed { None } else { reason.failure() };
                renew(seat, cx, failure, preserve, keep_children).await;
                renewed = true;
            }
            Some(Order::Start | Order::Resume) => {
                lost.lose_all(Why::Restarting);
                return Next::Start;
            }
            None => {
                lost.lose_all(Why::Stopped);
                let reason = cell.take_verdict().unwrap_or(reason);
                cell.set_status(Status::Stopping);
                cx.bury_leftovers();
                finish_state(seat, cx, &reason, Why::Stopped).await;
                cell.doom(&reason);
                return Next::Final;
            }
        }
    }
}

/// Waits for an order; `None` means that the actor is to end for good.
async fn next_order<M: Send + 'static>(cell: &Cell<M>) -> Option<Order> {
    poll_fn(|_| {
        cell.flags.take(Flags::ORDER);
        if cell.flags.has(Flags::FINAL) || !cell.is_supervised() {
            return Poll::Ready(None);
        }
        match cell.next_order() {
            Some(order) => Poll::Ready(Some(order)),
            None => Poll::Pending,
        }
    })
    .await
}

/// Ends the old incarnation in favor of a new one. A failure is told to its hook, once.
async fn renew<A: Actor>(
    seat: &mut Seat<A>,
    cx: &mut Cx<A>,
    failure: Option<&Failure>,
    preserve: bool,
    keep_children: bool,
) {
    let cell = Arc::clone(&cx.cell);
    if let (Some(actor), Some(failure)) = (seat.actor(), failure) {
        report(&cell, guarded(Arc::clone(&cell), actor.restarting(failure, cx)).await);
    }
    if !keep_children {
        cx.stop_children().await;
    }
    cx.end_incarnation();
    if !preserve {
        discard(&cell, seat, Why::Restarting);
        cx.await_wards().await;
    }
}

/// Stops the children and runs the `stopped` hook; a killed actor gets neither in order. Those whose
/// replies were in the state are told `why`.
async fn finish_state<A: Actor>(seat: &mut Seat<A>, cx: &mut Cx<A>, reason: &ExitReason, why: Why) {
    let cell = Arc::clone(&cx.cell);
    if matches!(reason, ExitReason::Killed) || cell.flags.killed() {
        cx.kill_children().await;
    } else {
        cx.stop_children().await;
        if let Some(actor) = seat.actor().filter(|_| !reason.is_failure()) {
            report(&cell, guarded(Arc::clone(&cell), actor.stopped(reason, cx)).await);
        }
    }
    cx.end_incarnation();
    discard(&cell, seat, why);
    cx.await_wards().await;
}

/// Drops the state, and tells `why` to those whose replies were in it. A panic in its `Drop` is
/// reported and goes no further.
pub(super) fn discard<A: Actor>(cell: &Cell<A::Msg>, seat: &mut Seat<A>, why: Why) {
    // Whatever the hooks before it have let go.
    cell.settle_lost();
    let _turn = turn::enter(cell.id);
    if let Err(payload) = catch(|| drop(std::mem::replace(seat, Seat::Empty))) {
        report::<_, ()>(cell, Guarded::Panicked(payload));
    }
    if turn::has_lost() {
        turn::take_lost().lose_all(why);
    }
}

/// Tells the probe of a failure that decides nothing.
pub(super) fn report<M: Send + 'static, T>(cell: &Cell<M>, ended: Guarded<T>) {
    if let Guarded::Panicked(payload) = ended {
        let now = cell.system.time.timestamp();
        let failure = Failure::from_panic(now, &cell.path(), &*payload);
        cell.system.report_failure(cell.id, &failure);
    }
}

/// Ends an incarnation that did not come up: its state is dropped without a hook.
pub(super) async fn abandon<A: Actor>(seat: &mut Seat<A>, cx: &mut Cx<A>, why: Why) {
    let cell = Arc::clone(&cx.cell);
    cx.stop_children().await;
    cx.end_incarnation();
    discard(&cell, seat, why);
    cx.await_wards().await;
}

impl<M: Send + 'static> Cell<M> {
    /// Tells the supervisor, if there is one, of a step in this actor's life.
    /// False if nobody is left to be told.
    pub(super) fn tell_parent(&self, stage: impl FnOnce() -> ChildStage) -> bool {
        let Some((parent, key)) = self.supervisor() else { return false };
        let stage = stage();
        if key == ChildEvent::BORN
            && self.incarnation() == 1
            && matches!(stage, ChildStage::Started)
        {
            return true;
        }
        let event = ChildEvent { key, id: self.id, stage };
        parent.signal(Signal::Child(event))
    }
}

impl<A: Actor> Cx<A> {
    /// Buries the actor, once.
    pub(super) fn bury(&mut self, ignored: bool, reported: bool) {
        if self.cell.status() == Status::Stopped {
            return;
        }
        let cell = Arc::clone(&self.cell);
        self.destroy_tape();
        self.bury_leftovers();
        let failed_start = cell.failed_start.load(Ordering::Relaxed);
        bury(&cell, End { failed_start, ignored, reported });
    }

    /// Closes the mailbox; what is in it or held back becomes dead letters.
    pub(super) fn bury_leftovers(&mut self) {
        self.cell.mailbox.close_from_within();
        // No claim succeeds any more, and those before are counted.
        if self.cell.mailbox.is_empty() && self.is_bare() {
            return;
        }
        let letters = self.take_letters();
        let cell = Arc::clone(&self.cell);
        cell.bury_leftovers(&mut self.cell.inbox(), letters);
    }
}

/// Buries the actor when its task ends in any way, also when the runtime drops the task.
impl<A: Actor> Drop for Cx<A> {
    fn drop(&mut self) {
        self.bury(false, false);
    }
}

/// What there is to say of an end beside its reason.
#[derive(Clone, Copy)]
struct End {
    failed_start: bool,
    ignored: bool,
    /// The one who spawned the actor waits for it to start, and is told of the failure.
    reported: bool,
}

/// Everything that the end of an actor is for others, in this order: its mailbox closes, its name
/// and its place are free, its groups are left, then watchers, parent and system are told.
fn bury<M: Send + 'static>(cell: &Arc<Cell<M>>, end: End) {
    cell.take_all_lost().lose_all(Why::Stopped);
    let (link, desk) = {
        let mut rare = cell.rare();
        let link = rare.link.take();
        cell.set_status(Status::Stopped);
        let desk = rare.desk.as_mut().map(|desk| desk.close());
        (link, desk)
    };
    cell.system.forget(cell.as_ref(), desk.as_ref().and_then(|desk| desk.path.as_deref()));
    let mut watchers = Vec::new();
    if let Some(mut desk) = desk {
        watchers = std::mem::take(&mut desk.watchers);
        desk.leave_groups(cell.id);
    }
    if link.is_none() && watchers.is_empty() && cell.system.probe.is_none() {
        return;
    }
    let reason = cell.ending();
    let path = LazyCell::new(|| cell.path());
    for watcher in watchers {
        notify(watcher, cell.id, &path, &reason);
    }
    if let Some(link) = link {
        tell_link(&link, cell.id, || Arc::clone(&path), &reason, end);
    }
    if let Some(probe) = &cell.system.probe {
        probe.exited(cell.id, &path, &reason);
    }
}

/// Tells the parent of the end.
fn tell_link(
    link: &Link,
    id: ActorId,
    path: impl FnOnce() -> Arc<str>,
    reason: &ExitReason,
    end: End,
) {
    if !link.supervised {
        if end.reported {
            // The error of the spawn is the one notice of it.
            link.parent.forget_child(id);
        } else {
            let (path, reason) = (path(), reason.clone());
            link.parent.signal(Signal::ChildExited { id, path, reason });
        }
        return;
    }
    if !reason.is_failure()
        && let Some((nest, place)) = &link.nest
        && nest.let_go(id, *place)
    {
        // The supervisor has not come to know of it, and need not.
        return;
    }
    let tell = |stage| link.parent.signal(Signal::Child(ChildEvent { key: link.key, id, stage }));
    if end.ignored {
        tell(ChildStage::Ignored);
    } else if end.failed_start {
        tell(ChildStage::StartFailed(reason.clone()));
    }
    tell(ChildStage::Stopped(reason.clone()));
}

/// Tells one watcher.
pub(crate) fn notify(watcher: Watcher, id: ActorId, path: &Arc<str>, reason: &ExitReason) {
    match watcher {
        Watcher::Actor { watcher, incarnation } => {
            if watcher.incarnation() == incarnation {
                let (path, reason) = (Arc::clone(path), reason.clone());
                watcher.signal(Signal::Terminated { id, path, reason });
            }
        }
        Watcher::Future(answer) => drop(answer.send(reason.clone())),
    }
}
