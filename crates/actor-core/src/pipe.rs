//! A future that runs beside an actor and comes back to it as a message.

use std::{
    future::{Future, poll_fn},
    panic::resume_unwind,
    pin::pin,
    sync::Arc,
    task::Poll,
};

use steadfast_base::context;

use crate::cell::{AnyCell, Cell, Envelope, Visit, catch};

/// Runs `future` in the caller's context and posts its result, in the same context, to `cell`.
pub(crate) fn run<M, F>(
    cell: Arc<Cell<M>>,
    future: F,
    into_message: impl FnOnce(F::Output) -> M + Send,
) -> impl Future<Output = ()> + Send
where
    M: Send + 'static,
    F: Future + Send,
    F::Output: Send,
{
    // Taken here and not in the task, where no context is in force.
    let incarnation = cell.incarnation();
    let context = context::current();
    async move {
        let envelope = context.clone().map(|context| Box::new(Envelope { context }));
        let whole = async move { into_message(future.await) };
        let mut whole = pin!(async move {
            match context {
                Some(context) => context::scope(context, whole).await,
                None => whole.await,
            }
        });
        let outcome = poll_fn(|task| match catch(|| whole.as_mut().poll(task)) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        })
        .await;
        match outcome {
            Ok(message) => cell.post_piped(incarnation, (message, envelope)),
            // The panic belongs to the actor that piped: it goes on in its turn.
            Err(payload) => {
                let actor = Arc::clone(&cell);
                let panic = Visit(Box::new(move |_, _| {
                    if actor.incarnation() == incarnation {
                        resume_unwind(payload);
                    }
                }));
                // An actor that has ended has nobody left to fail.
                let _ = cell.visit(panic);
            }
        }
    }
}
