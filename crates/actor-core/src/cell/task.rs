//! The task of an actor: incarnation after incarnation until the actor ends for good.
//!
//! The task lives as long as the actor, so its size is what an idle actor costs. What it keeps over
//! an await is counted: futures are made where they are pinned (an `async fn` would keep its
//! arguments twice), and rare phases are boxed.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use steadfast_base::context;

use super::{
    Cell, Flags, Status,
    end::{Next, abandon, reason_of, retire},
    life::life,
    plain,
};
use crate::{
    Actor, ChildStage, Cx, ExitReason, StartError, Started,
    actor::BoxError,
    factory::{Factory, StartKind},
    slot::{Answer, Why},
    tape, turn,
};

/// Runs `step`; its panic comes back as a value.
///
/// This is the one place where a panic is caught: of an actor, of a future piped to it, of what makes the
/// message for a group's watcher.
pub(crate) fn catch<T>(step: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(step))
}

/// How a guarded future came to its end.
pub(crate) enum Guarded<T> {
    Done(T),
    Panicked(Box<dyn Any + Send>),
    Killed,
}

impl<T> Guarded<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Guarded<U> {
        match self {
            Self::Done(output) => Guarded::Done(change(output)),
            Self::Panicked(payload) => Guarded::Panicked(payload),
            Self::Killed => Guarded::Killed,
        }
    }
}

impl<T> Guarded<Guarded<T>> {
    /// What was guarded twice, as if once.
    fn flatten(self) -> Guarded<T> {
        match self {
            Self::Done(inner) => inner,
            Self::Panicked(payload) => Guarded::Panicked(payload),
            Self::Killed => Guarded::Killed,
        }
    }
}

pin_project! {
    /// Polls a future to its end; a panic or a kill ends it on the way. Made by [`guarded`].
    pub(crate) struct Guard<M, F>
    where
        M: Send,
        M: 'static,
    {
        cell: Arc<Cell<M>>,
        #[pin]
        future: Option<F>,
    }
}

/// Guards a part of an actor's life.
pub(crate) fn guarded<M: Send + 'static, F: Future>(cell: Arc<Cell<M>>, future: F) -> Guard<M, F> {
    Guard { cell, future: Some(future) }
}

impl<M: Send + 'static, F: Future> Future for Guard<M, F> {
    type Output = Guarded<F::Output>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let cell = &**this.cell;
        let _turn = turn::enter(cell.id);
        if !cell.flags.killed() {
            let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
            match catch(|| future.poll(task)) {
                Ok(Poll::Pending) => cell.rest(),
                Ok(Poll::Ready(output)) => return Poll::Ready(Guarded::Done(output)),
                Err(payload) => return Poll::Ready(Guarded::Panicked(payload)),
            }
            if !cell.flags.killed() {
                return Poll::Pending;
            }
        }
        // Dropped here, in its turn: replies that it holds are lost for the reason of this end.
        drop(catch(|| this.future.set(None)));
        Poll::Ready(Guarded::Killed)
    }
}

pin_project! {
    /// Polls a future; its panic is its output. Made by [`caught`].
    pub(super) struct Caught<F> {
        #[pin]
        future: F,
    }
}

pub(super) fn caught<F: Future>(future: F) -> Caught<F> {
    Caught { future }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    // A frame of its own would save a panic a fifth of its cost, and cost every message 33 instructions.
    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match catch(|| future.poll(task)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}

/// Whom to tell how the first start went: the future that spawned the actor.
pub(crate) type StartReport = Option<Answer<Result<(), Box<StartError>>>>;

/// The place of the state; before the first start it holds whom to tell of it.
pub(crate) enum Seat<A> {
    Unborn(Answer<Result<(), Box<StartError>>>),
    Empty,
    Taken(A),
}

impl<A> Seat<A> {
    pub(crate) fn actor(&mut self) -> Option<&mut A> {
        match self {
            Self::Taken(actor) => Some(actor),
            Self::Unborn(_) | Self::Empty => None,
        }
    }

    pub(super) fn take_report(&mut self) -> StartReport {
        match std::mem::replace(self, Self::Empty) {
            Self::Unborn(answer) => Some(answer),
            other => {
                *self = other;
                None
            }
        }
    }

    pub(super) fn fill(&mut self, actor: A) -> &mut A {
        *self = Self::Taken(actor);
        match self {
            Self::Taken(actor) => actor,
            Self::Unborn(_) | Self::Empty => unreachable!("filled above"),
        }
    }
}

/// What the task keeps. The fields drop in this order: the state, what builds it, and last the
/// context, which buries the actor.
pub(super) struct Whole<A: Actor, F> {
    pub(super) seat: Seat<A>,
    pub(super) factory: F,
    pub(super) cx: Cx<A>,
}

/// The whole life of an actor, as the future of its task.
#[inline]
pub(crate) fn run<A: Actor, F: Factory<A>>(
    cx: Cx<A>,
    factory: F,
    spawner: StartReport,
) -> impl Future<Output = ()> + Send {
    let seat = spawner.map_or(Seat::Empty, Seat::Unborn);
    let mut whole = Whole { seat, factory, cx };
    async move {
        // Captured as one, so that it drops as one.
        let _ = &whole;
        // From here on control reaches the task, also while it awaits in `started`.
        poll_fn(|task| Poll::Ready(whole.cx.cell.inbox().arm(task))).await;
        loop {
            let mut next = if plain::builds_at_once(&whole) {
                plain::come_up(&mut whole).await
            } else {
                Box::pin(come_up(&mut whole.seat, &mut whole.cx, &mut whole.factory)).await
            };
            while let Next::Resume = next {
                let Some(actor) = whole.seat.actor() else { break };
                whole.cx.cell.set_status(Status::Running);
                let lived = guarded(Arc::clone(&whole.cx.cell), life(actor, &mut whole.cx)).await;
                next = plain::end(&mut whole.seat, &mut whole.cx, lived.flatten()).await;
            }
            if let Next::Final = next {
                break;
            }
        }
    }
}

/// Starts an incarnation and tells who has to know; `Resume` if it is up.
async fn come_up<A: Actor, F: Factory<A>>(
    seat: &mut Seat<A>,
    cx: &mut Cx<A>,
    factory: &mut F,
) -> Next {
    let report = seat.take_report();
    let cell = Arc::clone(&cx.cell);
    let starting = start(seat, cx, factory);
    let started = match cell.take_birth() {
        None => guarded(Arc::clone(&cell), starting).await,
        Some(birth) => guarded(Arc::clone(&cell), context::scope(birth, starting)).await,
    };
    match begin(&cell, started) {
        Begun::Running => running(report),
        begun => fall(seat, cx, begun, report).await,
    }
}

/// Tells the spawner that the actor is up.
pub(super) fn running(report: StartReport) -> Next {
    if let Some(answer) = report {
        drop(answer.send(Ok(())));
    }
    Next::Resume
}

/// What follows a start that came to nothing.
pub(super) async fn fall<A: Actor>(
    seat: &mut Seat<A>,
    cx: &mut Cx<A>,
    begun: Begun,
    report: StartReport,
) -> Next {
    let why = if let Begun::Failed(_) = begun { Why::Restarting } else { Why::Stopped };
    abandon(seat, cx, why).await;
    match begun {
        Begun::Failed(reason) => Box::pin(retire(seat, cx, Guarded::Done(Ok(reason)))).await,
        begun => {
            finish_start(cx, begun, report);
            Next::Final
        }
    }
}

/// Buries an actor that did not come up, and tells the spawner.
pub(super) fn finish_start<A: Actor>(cx: &mut Cx<A>, begun: Begun, report: StartReport) {
    let Begun::Final { reason, ignored } = begun else { return };
    cx.cell.doom(&reason);
    let reported = report.as_ref().is_some_and(|answer| !answer.is_abandoned());
    cx.bury(ignored, reported);
    // The name is free by now, as the spawner may count on.
    if let Some(answer) = report {
        drop(answer.send(Err(Box::new(start_error(&reason, ignored)))));
    }
}

/// Builds the incarnation, unless the old state is kept, and runs its `started` hook.
#[expect(clippy::manual_async_fn, reason = "an async fn would keep its arguments twice")]
fn start<'a, A: Actor, F: Factory<A>>(
    seat: &'a mut Seat<A>,
    cx: &'a mut Cx<A>,
    factory: &'a mut F,
) -> impl Future<Output = Result<Started, BoxError>> + Send + 'a {
    async move {
        cx.cell.next_incarnation();
        let kind = if cx.incarnation() == 1 { StartKind::First } else { StartKind::Restart };
        let fresh = seat.actor().is_none();
        if fresh {
            let made = factory.make(kind).await?;
            seat.fill(made);
        }
        match seat.actor() {
            Some(actor) => match cx.tape() {
                Some(slot) => tape::start(actor, cx, slot, fresh).await,
                None => actor.started(cx).await.map_err(Into::into),
            },
            None => Ok(Started::Ignore),
        }
    }
}

/// How a start went, seen from the outer loop.
pub(super) enum Begun {
    /// The incarnation is up.
    Running,
    /// A restart failed; the supervisor decides.
    Failed(ExitReason),
    /// The actor has come to its end.
    Final { reason: ExitReason, ignored: bool },
}

pub(super) fn begin<M: Send + 'static>(
    cell: &Cell<M>,
    begun: Guarded<Result<Started, BoxError>>,
) -> Begun {
    let reason = match begun {
        Guarded::Done(Ok(Started::Running)) => {
            cell.set_status(Status::Running);
            cell.tell_parent(|| ChildStage::Started);
            if cell.incarnation() > 1 {
                cell.tell_probe_restarted();
            }
            return Begun::Running;
        }
        Guarded::Done(Ok(Started::Ignore)) => {
            return Begun::Final { reason: ExitReason::Normal, ignored: true };
        }
        Guarded::Done(Err(error)) => reason_of(cell, Guarded::Done(Err(error))),
        Guarded::Panicked(payload) => reason_of(cell, Guarded::Panicked(payload)),
        Guarded::Killed => ExitReason::Killed,
    };
    cell.failed_start.store(true, Ordering::Relaxed);
    if cell.incarnation() > 1 && !cell.flags.has(Flags::FINAL) {
        Begun::Failed(reason)
    } else {
        Begun::Final { reason, ignored: false }
    }
}

/// What the spawner is told of an actor that came to nothing.
fn start_error(reason: &ExitReason, ignored: bool) -> StartError {
    match (reason, reason.failure()) {
        _ if ignored => StartError::Ignored,
        (ExitReason::Killed, _) => StartError::Killed,
        (_, Some(failure)) => StartError::Failed(failure.clone()),
        (_, None) => StartError::ShuttingDown,
    }
}
