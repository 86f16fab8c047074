//! The task of an actor: incarnation after incarnation until the actor ends for good.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use super::{
    Cell, Flags, Inbox, Status, Tomb,
    end::{Next, reason_of, retire},
    life::life,
};
use crate::{
    Actor, ChildStage, Cx, ExitReason, StartError, Started,
    actor::BoxError,
    factory::{Factory, StartKind},
    slot::Answer,
    turn,
};

/// Runs `step`; its panic comes back as a value.
///
/// This is the one place where a panic of an actor, or of a future piped to it, is caught.
pub(crate) fn catch<T>(step: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(step))
}

/// How a guarded future came to its end.
pub(crate) enum Guarded<T> {
    Done(T),
    Panicked(Box<dyn Any + Send>),
    Killed,
}

/// Polls `future` to its end; a panic or a kill drops it on the way.
pub(crate) async fn guarded<M: Send + 'static, F: Future>(
    cell: &Cell<M>,
    future: F,
) -> Guarded<F::Output> {
    let mut future = pin!(future);
    poll_fn(|task| {
        if cell.flags.killed() {
            return Poll::Ready(Guarded::Killed);
        }
        let polled = {
            let _turn = turn::enter(cell.id);
            catch(|| future.as_mut().poll(task))
        };
        match polled {
            Ok(Poll::Pending) => {
                cell.keep_lost();
                if cell.flags.killed() { Poll::Ready(Guarded::Killed) } else { Poll::Pending }
            }
            Ok(Poll::Ready(output)) => Poll::Ready(Guarded::Done(output)),
            Err(payload) => Poll::Ready(Guarded::Panicked(payload)),
        }
    })
    .await
}

/// Whom to tell how the first start went: the future that spawned the actor.
pub(crate) type StartReport = Option<Answer<Result<(), StartError>>>;

/// The whole life of an actor, as the future of its task.
pub(crate) fn run<A: Actor, F: Factory<A>>(
    mut tomb: Tomb<A::Msg>,
    mut cx: Cx<A>,
    mut factory: F,
    mut report: StartReport,
) -> impl Future<Output = ()> + Send {
    async move {
        let cell = Arc::clone(&cx.cell);
        let mut inbox = cell.mailbox.receiver().expect("only the actor's one task receives");
        // From here on control reaches the task, also while it awaits in `started`.
        poll_fn(|task| Poll::Ready(inbox.arm(task))).await;
        let mut state: Option<A> = None;
        let mut kind = StartKind::First;
        let reason = loop {
            tomb.cell().next_incarnation();
            let begun = guarded(tomb.cell(), start(&mut state, &mut cx, &mut factory, kind)).await;
            let next = match tomb.begin(begun, kind) {
                Begun::Running => {
                    if let Some(answer) = report.take() {
                        drop(answer.send(Ok(())));
                    }
                    live(&mut tomb, &mut state, &mut cx, &mut inbox).await
                }
                Begun::Failed(reason) => {
                    state = None;
                    let failed = retire(&mut tomb, &mut state, &mut cx, &mut inbox, reason);
                    Box::pin(failed).await
                }
                Begun::Final(reason) => Next::Final(reason),
            };
            match next {
                Next::Final(reason) => break reason,
                Next::Resume | Next::Start => kind = StartKind::Restart,
            }
        };
        drop(state);
        drop(cx);
        drop(factory);
        drop(inbox);
        tomb.bury(reason, report);
    }
}

/// One incarnation, from its first message to the order for the next.
async fn live<A: Actor>(
    tomb: &mut Tomb<A::Msg>,
    state: &mut Option<A>,
    cx: &mut Cx<A>,
    inbox: &mut Inbox<'_, A::Msg>,
) -> Next {
    loop {
        let lived = match state.as_mut() {
            Some(actor) => guarded(tomb.cell(), life(actor, cx, inbox)).await,
            None => Guarded::Killed,
        };
        let reason = reason_of(tomb.cell(), lived);
        match Box::pin(retire(tomb, state, cx, inbox, reason)).await {
            Next::Resume => tomb.cell().set_status(Status::Running),
            next => return next,
        }
    }
}

async fn start<A: Actor, F: Factory<A>>(
    state: &mut Option<A>,
    cx: &mut Cx<A>,
    factory: &mut F,
    kind: StartKind,
) -> Result<Started, BoxError> {
    let actor = match state {
        Some(actor) => actor,
        None => state.insert(factory.make(kind).await?),
    };
    actor.started(cx).await.map_err(Into::into)
}

/// How a start went, seen from the outer loop.
pub(crate) enum Begun {
    /// The incarnation is up.
    Running,
    /// A restart failed; the supervisor decides.
    Failed(ExitReason),
    /// The actor has come to its end.
    Final(ExitReason),
}

impl<M: Send + 'static> Tomb<M> {
    fn begin(&mut self, begun: Guarded<Result<Started, BoxError>>, kind: StartKind) -> Begun {
        let reason = match begun {
            Guarded::Done(Ok(Started::Running)) => {
                self.cell().set_status(Status::Running);
                self.tell_parent(|| ChildStage::Started);
                return Begun::Running;
            }
            Guarded::Done(Ok(Started::Ignore)) => {
                self.ignored = true;
                return Begun::Final(ExitReason::Normal);
            }
            Guarded::Done(Err(error)) => reason_of(self.cell(), Guarded::Done(Err(error))),
            Guarded::Panicked(payload) => reason_of(self.cell(), Guarded::Panicked(payload)),
            Guarded::Killed => ExitReason::Killed,
        };
        let stay = kind == StartKind::Restart && !self.cell().flags.has(Flags::FINAL);
        self.failed_start = true;
        if stay { Begun::Failed(reason) } else { Begun::Final(reason) }
    }
}
