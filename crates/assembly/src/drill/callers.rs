//! Callers at once, without a task for each.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Runs all of them at once; answers when the last one has ended, in the order given.
pub(super) async fn all<F: Future>(callers: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Option<Pin<Box<F>>>> =
        callers.into_iter().map(|caller| Some(Box::pin(caller))).collect();
    let mut answers: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut all_ended = true;
        for (caller, answer) in running.iter_mut().zip(&mut answers) {
            let Some(future) = caller else { continue };
            match future.as_mut().poll(cx) {
                Poll::Ready(output) => {
                    *answer = Some(output);
                    *caller = None;
                }
                Poll::Pending => all_ended = false,
            }
        }
        if all_ended { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}
