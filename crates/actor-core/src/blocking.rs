//! Telling and asking from threads that are not async: the thread parks until the answer is there.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
};

use crate::{ActorRef, AskError, Reply, SendError};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on this thread, which waits in between.
///
/// A thread of a runtime hands its other work over first: the one who is to answer may be next in its
/// queue. Where there is nobody to hand it to, this panics, since it would wait for itself.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::noop();
    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
        return output;
    }
    match Handle::try_current() {
        Err(_) => park_on(future),
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread => {
            runtime.block_on(future)
        }
        Ok(_) => block_in_place(|| park_on(future)),
    }
}

/// Polls a future on this thread, parked in between.
fn park_on<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// For callers that are not async, and for `spawn_blocking`. Handlers and other async code better await:
/// on a runtime of many threads these calls hold one of them up, and on the thread of a `current_thread`
/// runtime, or in a `LocalSet`, where nobody would be left to answer, they panic instead of waiting.
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
