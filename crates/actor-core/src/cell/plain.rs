//! Starts and ends that wait for nothing but a hook: most of them, and they need no box.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use pin_project_lite::pin_project;

use super::{
    Flags, Status,
    end::{Next, discard, report, retire},
    task::{Begun, Guarded, Seat, Whole, begin, catch, fall, finish_start, guarded, running},
};
use crate::{
    Actor, Cx, ExitReason, Started,
    actor::BoxError,
    factory::{Factory, StartKind},
    slot::Why,
    turn,
};

/// Whether the next incarnation can be built without waiting.
pub(super) fn builds_at_once<A: Actor, F: Factory<A>>(whole: &Whole<A, F>) -> bool {
    F::IMMEDIATE && !whole.cx.cell.has_birth() && !whole.cx.has_tape()
}

/// Starts an incarnation that is built at once; `Resume` if it is up.
#[expect(clippy::manual_async_fn, reason = "an async fn would keep its arguments twice")]
pub(super) fn come_up<A: Actor, F: Factory<A>>(
    whole: &mut Whole<A, F>,
) -> impl Future<Output = Next> + Send {
    async move {
        let told = whole.seat.take_report();
        let built = build(&mut whole.seat, &whole.cx, &mut whole.factory);
        let started = match (built, whole.seat.actor()) {
            (Guarded::Done(Ok(())), Some(actor)) => {
                let cell = Arc::clone(&whole.cx.cell);
                let started = guarded(cell, actor.started(&mut whole.cx)).await;
                started.map(|started| started.map_err(Into::into))
            }
            (built, _) => built.map(|built| built.map(|()| Started::Ignore)),
        };
        match begin(&whole.cx.cell, started) {
            Begun::Running => running(told),
            begun @ Begun::Final { .. } if whole.cx.is_bare() => {
                discard(&whole.cx.cell, &mut whole.seat, Why::Stopped);
                finish_start(&mut whole.cx, begun, told);
                Next::Final
            }
            begun => Box::pin(fall(&mut whole.seat, &mut whole.cx, begun, told)).await,
        }
    }
}

pin_project! {
    /// How an incarnation ends: in place, or in a box where there is more to do.
    #[project = EndingProjection]
    pub(super) enum Ending<P, R> {
        Plain { #[pin] farewell: P },
        Boxed { retiring: Pin<Box<R>> },
    }
}

impl<P: Future<Output = Next>, R: Future<Output = Next>> Future for Ending<P, R> {
    type Output = Next;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Next> {
        match self.project() {
            EndingProjection::Plain { farewell } => farewell.poll(task),
            EndingProjection::Boxed { retiring } => retiring.as_mut().poll(task),
        }
    }
}

/// Ends an incarnation; what comes next.
pub(super) fn end<A: Actor>(
    seat: &mut Seat<A>,
    cx: &mut Cx<A>,
    lived: Guarded<Result<ExitReason, BoxError>>,
) -> Ending<impl Future<Output = Next> + Send, impl Future<Output = Next> + Send> {
    match close(cx, lived) {
        Ok(reason) => Ending::Plain { farewell: farewell(seat, cx, reason) },
        Err(lived) => Ending::Boxed { retiring: Box::pin(retire(seat, cx, lived)) },
    }
}

/// Runs the `stopped` hook, drops the state and settles the reason.
#[expect(clippy::manual_async_fn, reason = "an async fn would keep its arguments twice")]
fn farewell<A: Actor>(
    seat: &mut Seat<A>,
    cx: &mut Cx<A>,
    reason: &'static ExitReason,
) -> impl Future<Output = Next> + Send {
    async move {
        if let Some(actor) = seat.actor() {
            let cell = Arc::clone(&cx.cell);
            let hook = guarded(cell, actor.stopped(reason, cx)).await;
            report(&cx.cell, hook);
        }
        cx.end_incarnation();
        discard(&cx.cell, seat, Why::Stopped);
        cx.cell.doom(reason);
        Next::Final
    }
}

/// Builds the next incarnation, unless the old state is kept.
fn build<A: Actor, F: Factory<A>>(
    seat: &mut Seat<A>,
    cx: &Cx<A>,
    factory: &mut F,
) -> Guarded<Result<(), BoxError>> {
    let cell = &cx.cell;
    let _turn = turn::enter(cell.id);
    if cell.flags.killed() {
        return Guarded::Killed;
    }
    cell.next_incarnation();
    if seat.actor().is_some() {
        return Guarded::Done(Ok(()));
    }
    let kind = if cell.incarnation() == 1 { StartKind::First } else { StartKind::Restart };
    let made = catch(|| {
        let made = pin!(factory.make(kind)).poll(&mut Context::from_waker(Waker::noop()));
        made.map_ok(|actor| {
            seat.fill(actor);
        })
    });
    match made {
        Ok(Poll::Ready(made)) => Guarded::Done(made),
        Ok(Poll::Pending) => Guarded::Done(Err("an immediate factory waits".into())),
        Err(payload) => Guarded::Panicked(payload),
    }
}

static NORMAL: ExitReason = ExitReason::Normal;
static SHUTDOWN: ExitReason = ExitReason::Shutdown;

/// Closes an actor whose end is final, no failure, and has nothing to wait for but the `stopped`
/// hook. Any other end comes back as it was.
fn close<A: Actor>(
    cx: &mut Cx<A>,
    lived: Guarded<Result<ExitReason, BoxError>>,
) -> Result<&'static ExitReason, Guarded<Result<ExitReason, BoxError>>> {
    let reason = match &lived {
        Guarded::Done(Ok(ExitReason::Normal)) => &NORMAL,
        Guarded::Done(Ok(ExitReason::Shutdown)) => &SHUTDOWN,
        _ => return Err(lived),
    };
    let cell = &cx.cell;
    let last = cell.parts.load(Ordering::SeqCst)
        || cell.mailbox.is_closed()
        || cell.flags.has(Flags::FINAL)
        || !cell.is_supervised();
    if !last || cell.turns_probed || cell.flags.killed() || !cx.is_bare() {
        return Err(lived);
    }
    let mut lost = cell.take_all_lost();
    cell.flags.clear(Flags::STOP | Flags::AGAIN);
    cell.set_status(Status::Stopping);
    lost.lose_all(Why::Stopped);
    cx.bury_leftovers();
    Ok(reason)
}
