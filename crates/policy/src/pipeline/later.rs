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

    /// Polls the future, which is made of `call` if there is none.
    #[inline]
    pub(crate) fn poll(self: Pin<&mut Self>, call: Call, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if this.made.is_none() {
            this.made.set(Some((this.make)(call)));
        }
        this.made.as_pin_mut().expect("made above").poll(cx)
    }

    /// Drops the future; the next poll makes another one.
    #[inline]
    pub(crate) fn clear(self: Pin<&mut Self>) {
        self.project().made.set(None);
    }
}
