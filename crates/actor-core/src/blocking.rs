//! Telling and asking from threads that are not async: the thread parks until the answer is there.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use crate::{ActorRef, AskError, Reply, SendError};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on this thread, parked in between.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// For callers that are not async. Not for handlers or other async code: it blocks the thread,
/// and on a runtime with one thread nobody would be left to answer.
impl<M: Send + 'static> ActorRef<M> {
    /// As [`tell`](Self::tell), blocking the thread while it waits for room.
    ///
    /// # Errors
    ///
    /// [`SendError`], always with the message.
    pub fn tell_blocking(&self, message: M) -> Result<(), SendError<M>> {
        block_on(self.tell(message))
    }

    /// As [`ask`](Self::ask) with the default deadline, blocking the thread until the answer.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn ask_blocking<T: Send + 'static>(
        &self,
        build: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, AskError<M>> {
        block_on(self.ask(build))
    }

    /// As [`ask_blocking`](Self::ask_blocking) with a deadline of its own.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn ask_blocking_within<T: Send + 'static>(
        &self,
        limit: Duration,
        build: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, AskError<M>> {
        block_on(self.ask(build).within(limit))
    }
}
