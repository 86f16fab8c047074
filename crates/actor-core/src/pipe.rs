//! A future that runs beside an actor and comes back to it as a message.

use std::{
    future::{Future, poll_fn},
    panic::resume_unwind,
    pin::pin,
    sync::Arc,
    task::Poll,
};

use steadfast_base::context;

use crate::cell::{AnyCell, Cell, Flags, Visit, catch};

/// Runs `future` in the caller's context and posts its result to `cell`.
pub(crate) async fn run<M: Send + 'static, F: Future>(
    cell: Arc<Cell<M>>,
    future: F,
    into_message: impl FnOnce(F::Output) -> M,
) where
    F::Output: Send,
{
    let incarnation = cell.incarnation();
    let context = context::current();
    let mut future = pin!(async move {
        match context {
            Some(context) => context::scope(context, future).await,
            None => future.await,
        }
    });
    let outcome = poll_fn(|task| match catch(|| future.as_mut().poll(task)) {
        Ok(polled) => polled.map(Ok),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await;
    match outcome {
        Ok(output) => {
            let message = into_message(output);
            cell.rare().desk().piped.push_back((incarnation, message));
            cell.raise(Flags::QUEUE);
        }
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
