//! `Ask`: a message with a reply, a deadline that is always there, and the way back.

use std::{
    any::{TypeId, type_name},
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use steadfast_base::{Instant, Sleep, context};

use crate::{
    AskError, Overflow, Reply, SendError, Status,
    cell::Cell,
    mailbox::{Refused, Ticket},
    slot::{Asker, Deadline, Lost, Why},
    tape::{self, Fault, OutputKind, Passage},
    turn,
    waits::Wait,
};

/// A question on its way to its answer. Made by [`ActorRef::ask`](crate::ActorRef::ask).
///
/// # Cancel safety
///
/// Dropping the future discards the answer. The message may still be handled, unless it was
/// waiting for room; then it is dropped.
#[must_use = "an answer comes only to those who await it"]
pub struct Ask<'a, M: Send + 'static, T: Send + 'static> {
    cell: &'a Arc<Cell<M>>,
    asker: Asker<T>,
    /// Where the question lies in the mailbox, once it is there.
    position: u32,
    /// The question, where it found no slot.
    unsent: Option<Box<Unsent<M, T>>>,
    /// An exact deadline, where one was given or inherited.
    exact: Option<Box<Sleep>>,
    wait: Option<Box<Wait>>,
}

enum Unsent<M, T> {
    Failed(SendError<M>),
    /// For room, no longer than the mailbox lets anybody wait.
    Waiting(M, Ticket, Deadline),
    /// Its outcome is to be told to the asker's tape, under this number.
    Taped(u32, Option<Box<Unsent<M, T>>>),
    /// It was kept back by the asker's tape, which had this outcome; none if it had no end.
    Recalled(Option<Result<T, AskError<M>>>),
}

impl<'a, M: Send + 'static, T: Send + 'static> Ask<'a, M, T> {
    #[inline]
    pub(crate) fn new(cell: &'a Arc<Cell<M>>, build: impl FnOnce(Reply<T>) -> M) -> Self {
        let (asker, answer) = cell.system.pool.acquire::<T>(cell.system.ask_limit_ms);
        let message = build(Reply::new(answer));
        if cell.is_watched() {
            return Self::watched(cell, asker, message);
        }
        let mut position = 0;
        let unsent = match cell.mailbox.try_claim() {
            Ok(claim) => {
                position = claim.position();
                asker.note_place(cell.id, position);
                claim.write(message, None);
                None
            }
            Err(refused) => refuse(cell, message, &asker, &mut position, refused),
        };
        Self { cell, asker, position, unsent, exact: None, wait: None }
    }

    /// As [`new`](Self::new), where somebody wants to know: a context is in force, a probe listens, or
    /// the asker's turn is on tape.
    #[cold]
    #[inline(never)]
    fn watched(cell: &'a Arc<Cell<M>>, asker: Asker<T>, message: M) -> Self {
        let mut ask = Self { cell, asker, position: 0, unsent: None, exact: None, wait: None };
        let noted = tape::is_on()
            .then(|| tape::note_value(OutputKind::Ask, &cell.path(), &message))
            .flatten();
        if let Some(Passage::Kept(number)) = noted {
            ask.unsent = Some(Box::new(Unsent::Recalled(recall(number, message))));
            return ask;
        }
        match cell.mailbox.try_claim() {
            Ok(claim) => {
                ask.position = claim.position();
                ask.asker.note_place(cell.id, ask.position);
                claim.write(message, cell.envelope());
            }
            Err(refused) => {
                ask.unsent = refuse(cell, message, &ask.asker, &mut ask.position, refused);
            }
        }
        if let Some(Passage::Out(number)) = noted {
            ask.unsent = Some(Box::new(Unsent::Taped(number, ask.unsent.take())));
        }
        if context::is_set() {
            ask.inherit();
        }
        ask
    }

    /// Sets the deadline, exact to 1 ms, in place of the default. The caller's context may
    /// shorten it further.
    pub fn within(mut self, limit: Duration) -> Self {
        let at = self.cell.system.time.now() + limit;
        self.exact = None;
        self.asker.set_limit_ms(0);
        self.set_exact(at);
        if context::is_set() {
            self.inherit();
        }
        self
    }

    /// Waits for as long as the answer takes, unless the caller's context sets a deadline.
    ///
    /// For requests that are certain to be answered: the ask still fails at once when the actor
    /// stops or fails on it.
    pub fn patiently(mut self) -> Self {
        self.asker.set_limit_ms(0);
        self
    }

    /// Takes the deadline of the caller's context, if it is earlier.
    #[cold]
    fn inherit(&mut self) {
        if let Some(at) = context::current().and_then(|context| context.deadline()) {
            self.set_exact(at);
        }
    }

    fn set_exact(&mut self, at: Instant) {
        if self.exact.as_ref().is_none_or(|sleep| at < sleep.deadline()) {
            self.exact = Some(Box::new(self.cell.system.time.sleep_until(at)));
        }
    }

    /// Brings a message that waits for room into the mailbox; an outcome, if that is the end of it.
    fn poll_send(&mut self, task: &mut Context<'_>) -> Option<Poll<Result<T, AskError<M>>>> {
        match *self.unsent.take()? {
            Unsent::Failed(error) => Some(Poll::Ready(Err(error.into()))),
            Unsent::Recalled(None) => {
                self.unsent = Some(Box::new(Unsent::Recalled(None)));
                Some(Poll::Pending)
            }
            Unsent::Recalled(Some(outcome)) => Some(Poll::Ready(outcome)),
            Unsent::Taped(number, unsent) => {
                self.unsent = unsent;
                let polled = Pin::new(&mut *self).poll(task);
                match &polled {
                    Poll::Ready(outcome) => tell_tape(number, outcome),
                    Poll::Pending => {
                        let unsent = self.unsent.take();
                        self.unsent = Some(Box::new(Unsent::Taped(number, unsent)));
                    }
                }
                Some(polled)
            }
            Unsent::Waiting(message, mut ticket, mut limit) => {
                match self.cell.mailbox.poll_claim(&mut ticket, task) {
                    Poll::Ready(Ok(claim)) => {
                        self.position = claim.position();
                        self.asker.note_place(self.cell.id, self.position);
                        claim.write(message, self.cell.envelope());
                        None
                    }
                    Poll::Ready(Err(_)) => Some(Poll::Ready(Err(AskError::Stopped(Some(message))))),
                    Poll::Pending if limit.poll(task).is_ready() => {
                        self.cell.mailbox.cancel(&mut ticket);
                        Some(Poll::Ready(Err(AskError::Timeout(Some(message)))))
                    }
                    Poll::Pending => {
                        self.unsent = Some(Box::new(Unsent::Waiting(message, ticket, limit)));
                        None
                    }
                }
            }
        }
    }

    /// The message, if it is still here; its place in line is given up.
    fn take_unsent(&mut self) -> Option<M> {
        match *self.unsent.take()? {
            Unsent::Failed(error) => Some(error.into_message()),
            Unsent::Taped(_, unsent) => {
                self.unsent = unsent;
                self.take_unsent()
            }
            Unsent::Recalled(_) => None,
            Unsent::Waiting(message, mut ticket, _) => {
                self.cell.mailbox.cancel(&mut ticket);
                Some(message)
            }
        }
    }

    /// The asker leaves before the outcome came.
    #[cold]
    fn give_up(&mut self) {
        drop(self.take_unsent());
        if self.cell.status() == Status::Stopped {
            drop(self.cell.fetch_returned(self.position));
        }
    }

    #[cold]
    fn lost(&mut self, why: Why) -> AskError<M> {
        match why {
            Why::Expired => AskError::Timeout(self.take_unsent()),
            Why::Restarting => AskError::Restarting,
            Why::Stopped => AskError::Stopped(self.cell.fetch_returned(self.position)),
            _ => match self.cell.status() {
                Status::Stopped => AskError::Stopped(self.take_unsent()),
                _ => AskError::NoReply,
            },
        }
    }
}

/// What had come of a question that the tape keeps back; none if it has no end there.
fn recall<M: Send + 'static, T: Send + 'static>(
    number: u32,
    message: M,
) -> Option<Result<T, AskError<M>>> {
    let recalled = tape::with(|tape| tape.recall(number, Some(TypeId::of::<T>())))?;
    match recalled {
        tape::Recalled::Fault(fault) => Some(Err(tape::ask_error(fault, Some(message)))),
        recalled => {
            // Its reply is not lost in the asker's turn: there was nobody to answer it.
            turn::outside(|| drop(message));
            match recalled {
                tape::Recalled::Value(value) => value.downcast().ok().map(|value| Ok(*value)),
                _ => None,
            }
        }
    }
}

/// Tells the tape what came of a question.
fn tell_tape<M, T: 'static>(number: u32, outcome: &Result<T, AskError<M>>) {
    tape::settle(
        number,
        match outcome {
            Ok(value) => tape::Outcome::Value(value, type_name::<T>()),
            Err(error) => tape::Outcome::Fault(Fault::from(error)),
        },
    );
}

/// What becomes of a question that found no slot.
#[cold]
fn refuse<M: Send + 'static, T>(
    cell: &Arc<Cell<M>>,
    message: M,
    asker: &Asker<T>,
    position: &mut u32,
    refused: Refused,
) -> Option<Box<Unsent<M, T>>> {
    let error = match (refused, cell.overflow()) {
        (Refused::Closed, _) => SendError::Stopped(message),
        (_, Overflow::Wait(_)) => {
            let limit = cell.system.pool.register_deadline(cell.room_limit_ms());
            return Some(Box::new(Unsent::Waiting(message, Ticket::default(), limit)));
        }
        // A dropped question would only wait for its deadline: its asker is told instead.
        (_, Overflow::Reject | Overflow::DropNewest) => SendError::Full(message),
        (_, Overflow::DropOldest) => {
            let note = |place| {
                *position = place;
                asker.note_place(cell.id, place);
            };
            match cell.send_over_oldest(message, note) {
                Ok(()) => return None,
                Err(message) => SendError::Stopped(message),
            }
        }
    };
    Some(Box::new(Unsent::Failed(error)))
}

impl<M: Send + 'static, T: Send + 'static> Unpin for Ask<'_, M, T> {}

impl<M: Send + 'static, T: Send + 'static> Future for Ask<'_, M, T> {
    type Output = Result<T, AskError<M>>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        if self.unsent.is_some()
            && let Some(polled) = self.poll_send(task)
        {
            return polled;
        }
        match self.asker.poll(task) {
            Poll::Ready(Ok(value)) => return Poll::Ready(Ok(value)),
            Poll::Ready(Err(Lost(why))) => return Poll::Ready(Err(self.lost(why))),
            Poll::Pending => {}
        }
        if let Some(exact) = &mut self.exact
            && Pin::new(&mut **exact).poll(task).is_ready()
        {
            return Poll::Ready(Err(AskError::Timeout(self.take_unsent())));
        }
        let cell = self.cell;
        Wait::begin(&mut self.wait, cell);
        Poll::Pending
    }
}

impl<M: Send + 'static, T: Send + 'static> Drop for Ask<'_, M, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.asker.is_over() {
            self.give_up();
        }
    }
}

impl<M: Send + 'static, T: Send + 'static> fmt::Debug for Ask<'_, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("sent", &self.unsent.is_none()).finish_non_exhaustive()
    }
}
