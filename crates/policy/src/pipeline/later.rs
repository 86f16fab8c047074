//! What is next in an asynchronous run, made when it is polled for the first time.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::pipeline::call::Call;

pin_project! {
    /// A future that is made in its place, so that nothing of its size is moved about.
    pub(crate) struct Later<M, F> {
        make: M,
        #[pin]
        made: Option<F>,
    }
}

impl<M: Fn(Call) -> F, F: Future> Later<M, F> {
    #[inline]
    pub(crate) fn new(make: M) -> Self {
        Self { make, made: None }
    }

    /// Makes the future; the one before is dropped.
    #[inline]
    pub(crate) fn start(self: Pin<&mut Self>, call: Call) {
        let mut this = self.project();
        // Emptied first: where nothing is left to drop, the future is written to its place at once.
        this.made.set(None);
        this.made.set(Some((this.make)(call)));
    }

    #[inline]
    pub(crate) fn is_started(&self) -> bool {
        self.made.is_some()
    }

    /// Polls the future, which must have been made.
    #[inline]
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let made = self.project().made.as_pin_mut();
        made.expect("a future is polled after its start and before its end").poll(cx)
    }

    /// Drops the future.
    #[inline]
    pub(crate) fn clear(self: Pin<&mut Self>) {
        self.project().made.set(None);
    }
}
