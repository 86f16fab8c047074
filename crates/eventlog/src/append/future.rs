//! The answer to an append that is under way: a future without a box.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{AppendError, Appended};
use crate::event::NewEvent;

type Answer = Result<Appended, AppendError>;

/// Waits for the answer to an append that has already been handed over.
///
/// # Cancel safety
///
/// The request was handed over when the store was called, not when this is polled. Dropping it loses the
/// answer only: the events are stored or not as if nobody had asked.
#[must_use = "an append is acknowledged by its answer"]
pub struct Appending(State);

enum State {
    Ready(Option<Answer>),
    Waiting(Arc<Slot>),
    Boxed(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl Appending {
    /// An answer that is known already.
    pub fn ready(answer: Result<Appended, AppendError>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    /// An answer that comes later, and the handle that gives it: one allocation.
    pub fn later() -> (Self, Completion) {
        let slot = Arc::new(Slot(Mutex::new(Stage::Empty)));
        (Self(State::Waiting(Arc::clone(&slot))), Completion(Some(slot)))
    }

    /// An answer that another future finds; it runs only while this is polled.
    pub fn boxed(
        future: impl Future<Output = Result<Appended, AppendError>> + Send + 'static,
    ) -> Self {
        Self(State::Boxed(Box::pin(future)))
    }

    /// Blocks the thread until the answer is there.
    ///
    /// # Errors
    ///
    /// The error that awaiting it would give.
    pub fn wait(self) -> Result<Appended, AppendError> {
        crate::blocking::block_on(self)
    }
}

impl Future for Appending {
    type Output = Result<Appended, AppendError>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.0 {
            State::Ready(answer) => {
                Poll::Ready(answer.take().expect("a future is not polled after it was ready"))
            }
            State::Waiting(slot) => slot.poll(cx.waker()),
            State::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for Appending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appending").finish_non_exhaustive()
    }
}

/// Gives the answer to an [`Appending`], from any thread.
///
/// Dropping it without an answer answers `CommitUnknown`, so that nobody waits for ever.
#[derive(Debug)]
pub struct Completion(Option<Arc<Slot>>);

impl Completion {
    /// Gives the answer and wakes whoever waits.
    pub fn complete(self, answer: Result<Appended, AppendError>) {
        self.complete_and_return(answer, Vec::new());
    }

    /// The same, and leaves events that nobody needs any more to whoever takes the answer.
    pub(crate) fn complete_and_return(
        mut self,
        answer: Result<Appended, AppendError>,
        spent: Vec<NewEvent>,
    ) {
        if let Some(slot) = self.0.take() {
            slot.put(answer, spent);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            slot.put(
                Err(AppendError::CommitUnknown { cause: Arc::new(WriterGone), events: Vec::new() }),
                Vec::new(),
            );
        }
    }
}

/// Whoever was to write the events ended without an answer.
#[derive(Debug)]
struct WriterGone;

impl fmt::Display for WriterGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the writer ended without an answer")
    }
}

impl std::error::Error for WriterGone {}

#[derive(Debug)]
struct Slot(Mutex<Stage>);

#[derive(Debug)]
enum Stage {
    Empty,
    Waiting(Waker),
    Answered(Answer, Vec<NewEvent>),
    Taken,
}

impl Slot {
    fn put(&self, answer: Answer, spent: Vec<NewEvent>) {
        let before = std::mem::replace(&mut *self.lock(), Stage::Answered(answer, spent));
        if let Stage::Waiting(waker) = before {
            waker.wake();
        }
    }

    fn poll(&self, waker: &Waker) -> Poll<Answer> {
        let mut stage = self.lock();
        match std::mem::replace(&mut *stage, Stage::Taken) {
            Stage::Answered(answer, spent) => {
                drop(stage);
                drop(spent);
                Poll::Ready(answer)
            }
            Stage::Waiting(old) if old.will_wake(waker) => {
                *stage = Stage::Waiting(old);
                Poll::Pending
            }
            Stage::Empty | Stage::Waiting(_) => {
                *stage = Stage::Waiting(waker.clone());
                Poll::Pending
            }
            Stage::Taken => unreachable!("a future is not polled after it was ready"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
