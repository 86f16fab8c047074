//! A future that is often over before it begins.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A future with a quick look before its first poll, which may answer in its place.
    ///
    /// The look is built into the code around; the polls of the future are compiled apart from it. Where
    /// a call is turned away it costs the look alone, and nothing of what an admitted call takes.
    pub(super) struct Shortcut<L, F> {
        // Until the first poll.
        look: Option<L>,
        #[pin]
        future: F,
    }
}

impl<L, F> Shortcut<L, F> {
    /// Polls `future`, unless `look` has an answer at the first poll.
    #[inline]
    pub(super) const fn new(look: L, future: F) -> Self {
        Self { look: Some(look), future }
    }
}

impl<L: FnOnce() -> Option<F::Output>, F: Future> Future for Shortcut<L, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(look) = this.look.take()
            && let Some(answer) = look()
        {
            return Poll::Ready(answer);
        }
        poll_apart(this.future, cx)
    }
}

#[inline(never)]
fn poll_apart<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
}
