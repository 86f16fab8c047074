//! One incarnation's loop: control lane first, then timers and unstashed messages, then the mailbox.

use std::{
    any::Any,
    future::{Future, pending, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use steadfast_base::context;

use super::{
    Control, Flags, Status,
    task::{Guarded, caught},
};
use crate::{
    Actor, Cx, ExitReason, Flow, Signal,
    actor::BoxError,
    tape::{self, Ending, Source},
    turn,
};

/// Messages handled before the task yields to others on its worker thread, if more wait.
///
/// Each yield costs the actor its processor for as long as the others take. On two of them, eight
/// senders got through in half the time with 512 as with 128.
const BUDGET: u16 = 512;

/// It yields sooner if it has been at it for this long, in microseconds.
const SLICE_MICROS: u32 = 50;

/// How many messages it handles between two looks at the clock.
const LOOK_EVERY: u16 = 32;

/// Yields of which one also lets in senders that wait for room. At every yield each would find room
/// for a few messages only, and wait again.
const ROOM_EVERY: u16 = 4;

/// Yields of which one also lets in the drivers of the runtime, for timers and I/O. It is the dear one:
/// tokio wakes the task only once its worker thread found nothing else to do, and until then the other
/// threads, which might have taken it over, go to sleep for want of work.
const DRIVERS_EVERY: u16 = 16;

/// How an incarnation ended.
type Lived = Guarded<Result<ExitReason, BoxError>>;

/// Takes messages until the incarnation ends; the result says how.
///
/// A panic of the handler is caught here, not by the guard around the whole life: the unwinder reads
/// the tables of every frame on its way. All that is not done for every message is done [`apart`],
/// which keeps the table of this frame short.
#[expect(clippy::manual_async_fn, reason = "an async fn would keep its arguments twice")]
pub(super) fn life<'a, A: Actor>(
    actor: &'a mut A,
    cx: &'a mut Cx<A>,
) -> impl Future<Output = Lived> + Send + 'a {
    async move {
        let mut pace = Pace::default();
        loop {
            if cx.cell.flags.any()
                && let Some(lived) = apart(heed(actor, cx)).await
            {
                return lived;
            }
            let Some((message, in_context)) = cx.next_message() else {
                if apart(poll_fn(|task| poll_next(cx, &mut pace, task))).await {
                    return Guarded::Done(Ok(ExitReason::Normal));
                }
                continue;
            };
            {
                let outcome = if in_context {
                    apart(caught(Box::pin(handle_in_context(actor, message, cx)))).await
                } else {
                    caught(actor.handle(message, cx)).await
                };
                // Gone before the next await: what lives over one is paid for by every idle actor.
                if let Some(lived) = ended_by(outcome, cx) {
                    return lived;
                }
            }
            cx.cell.settle_lost();
            pace.handled = pace.handled.wrapping_add(1);
            if pace.handled.is_multiple_of(LOOK_EVERY) && pace.is_over(cx) {
                let lets_drivers_in = pace.begin_yield(cx);
                apart(step_back(lets_drivers_in)).await;
            }
        }
    }
}

/// What the task has done since it slept last.
#[derive(Default)]
struct Pace {
    /// Messages since the last yield.
    handled: u16,
    yields: u16,
}

impl Pace {
    /// Whether it is the turn of others, if more messages wait.
    #[inline(never)]
    fn is_over<A: Actor>(&mut self, cx: &Cx<A>) -> bool {
        let micros = cx.cell.system.time.now_relaxed().as_nanos() / 1_000;
        #[expect(clippy::cast_possible_truncation, reason = "spans are taken modulo 2^32")]
        let now = micros as u32;
        let stretch = turn::stretch(cx.cell.id, now, self.handled == LOOK_EVERY);
        let is_over = self.handled >= BUDGET || stretch >= SLICE_MICROS;
        is_over && cx.has_more()
    }

    /// Counts a yield; true if it is to let in the runtime's drivers too.
    #[inline(never)]
    fn begin_yield<A: Actor>(&mut self, cx: &Cx<A>) -> bool {
        self.handled = 0;
        self.yields = self.yields.wrapping_add(1);
        if !self.yields.is_multiple_of(ROOM_EVERY) {
            cx.cell.mailbox.rest_is_brief();
        }
        self.yields.is_multiple_of(DRIVERS_EVERY)
    }
}

/// Lets the tasks go first that are ready on this worker thread; on demand, the drivers too.
async fn step_back(lets_drivers_in: bool) {
    if lets_drivers_in {
        return tokio::task::yield_now().await;
    }
    let mut has_yielded = false;
    // A task that wakes itself goes to the end of the queue, where other threads may take it.
    poll_fn(|task| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pin_project! {
    /// Polls a future in a frame of its own. Made by [`apart`].
    struct Apart<F> {
        #[pin]
        future: F,
    }
}

fn apart<F: Future>(future: F) -> Apart<F> {
    Apart { future }
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    #[inline(never)]
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(task)
    }
}

/// Serves the control lane; how the incarnation ended, if it did.
async fn heed<A: Actor>(actor: &mut A, cx: &mut Cx<A>) -> Option<Lived> {
    if cx.cell.flags.is_plain_stop() {
        // What `serve` would come to, without its box.
        return Some(Guarded::Done(Ok(ExitReason::Shutdown)));
    }
    match Box::pin(serve(actor, cx)).await {
        Ok(reason) => reason.map(|reason| Guarded::Done(Ok(reason))),
        Err(error) => Some(Guarded::Done(Err(error))),
    }
}

/// Waits for what comes next; true if nothing does, as the mailbox is closed and drained.
fn poll_next<A: Actor>(cx: &mut Cx<A>, pace: &mut Pace, task: &mut Context<'_>) -> Poll<bool> {
    if !cx.cell.flags.any() && cx.cell.mailbox.is_closed() && cx.cell.mailbox.is_empty() {
        return Poll::Ready(true);
    }
    let idle = cx.poll_idle(task).map(|()| false);
    if idle.is_pending() {
        *pace = Pace::default();
    }
    idle
}

/// How the incarnation ended, if it ended with this message.
#[inline]
fn ended_by<A: Actor>(
    handled: Result<Result<Flow, A::Error>, Box<dyn Any + Send>>,
    cx: &mut Cx<A>,
) -> Option<Guarded<Result<ExitReason, BoxError>>> {
    let handled = match handled {
        Ok(handled) => handled,
        Err(payload) => {
            cx.fail_on_tape(Ending::Panicked(&tape::text_of(&*payload)));
            return Some(Guarded::Panicked(payload));
        }
    };
    if cx.cell.turns_probed {
        cx.end_turn(handled.is_ok());
    }
    match handled {
        Ok(Flow::Continue) if !cx.is_stopping() => None,
        Ok(_) => Some(Guarded::Done(Ok(cx.stop_reason()))),
        Err(error) => Some(Guarded::Done(Err(failed(error.into(), cx)))),
    }
}

/// A turn failed: its tape, if there is one, is told.
#[cold]
fn failed<A: Actor>(error: BoxError, cx: &mut Cx<A>) -> BoxError {
    if cx.has_tape() {
        cx.fail_on_tape(Ending::Failed(&error.to_string()));
    }
    error
}

/// Handles a message in the context that it came with, or on tape.
async fn handle_in_context<A: Actor>(
    actor: &mut A,
    message: A::Msg,
    cx: &mut Cx<A>,
) -> Result<Flow, A::Error> {
    if let Some(slot) = cx.tape() {
        let source = cx.take_source();
        return tape::handle(actor, message, cx, slot, source).await;
    }
    match cx.last_context() {
        Some(context) => context::scope(context, actor.handle(message, cx)).await,
        None => actor.handle(message, cx).await,
    }
}

/// Serves the control lane until it is empty; says why the incarnation has to end, if so.
async fn serve<A: Actor>(actor: &mut A, cx: &mut Cx<A>) -> Result<Option<ExitReason>, BoxError> {
    loop {
        if cx.cell.flags.killed() {
            // Only a rest lets the guard see it; going round would spin for ever.
            return pending().await;
        }
        let flags = cx.cell.flags.take(Flags::QUEUE | Flags::DRAIN | Flags::LOST);
        if flags & Flags::LOST != 0 {
            cx.cell.settle_kept_lost();
        }
        if flags & Flags::DRAIN != 0 {
            cx.cell.mailbox.close();
        }
        if flags & Flags::QUEUE != 0 {
            while let Some(control) = cx.cell.next_control() {
                if let Some(reason) = obey(actor, cx, control).await? {
                    return Ok(Some(reason));
                }
            }
            cx.take_piped();
        }
        // An order outside a decision has nothing to decide.
        if cx.cell.flags.take(Flags::ORDER) != 0 {
            cx.cell.drop_orders();
        }
        if cx.cell.flags.has(Flags::STOP) {
            return Ok(Some(ExitReason::Shutdown));
        }
        if !cx.cell.flags.suspended() {
            return Ok(None);
        }
        poll_fn(|task| cx.poll_suspended(task)).await;
    }
}

async fn obey<A: Actor>(
    actor: &mut A,
    cx: &mut Cx<A>,
    control: Control,
) -> Result<Option<ExitReason>, BoxError> {
    cx.forget_context();
    let flow = match control {
        Control::Visit(visit) => {
            let on_tape = cx.has_tape();
            (visit.0)(actor, cx);
            if on_tape {
                cx.note_visit(actor);
            }
            Flow::Continue
        }
        Control::Forget(child) => {
            cx.forget_child(child);
            Flow::Continue
        }
        Control::Signal(signal) => match cx.receive_signal(signal) {
            Received::Hook(signal) => match cx.tape() {
                Some(slot) => tape::signal(actor, signal, cx, slot).await,
                None => actor.signal(signal, cx).await,
            }
            .map_err(|error| failed(error.into(), cx))?,
            Received::Message(message) => match cx.tape() {
                Some(slot) => tape::handle(actor, message, cx, slot, Source::Watched).await,
                None => actor.handle(message, cx).await,
            }
            .map_err(|error| failed(error.into(), cx))?,
            Received::Stale => Flow::Continue,
        },
    };
    turn_over(cx);
    let ends = flow == Flow::Stop || cx.is_stopping();
    Ok(ends.then(|| cx.stop_reason()))
}

fn turn_over<A: Actor>(cx: &Cx<A>) {
    cx.cell.settle_lost();
    debug_assert!(turn::current_actor() == Some(cx.cell.id), "a turn belongs to its actor");
    debug_assert!(cx.cell.status() != Status::Stopped, "a stopped actor has no turns");
}

/// What becomes of a signal on its way to the actor.
pub(crate) enum Received<M> {
    /// It goes to the `signal` hook.
    Hook(Signal),
    /// It was asked for as a message.
    Message(M),
    /// It was unwatched, or meant for an earlier incarnation.
    Stale,
}
