//! `Tell`: a send that is done at the call and only waits where the mailbox is full.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use crate::{
    SendError,
    cell::Cell,
    mailbox::{Refused, Ticket},
    overflow::Overflow,
    slot::Deadline,
    tape::{self, Fault, Outcome, OutputKind, Passage},
    waits::Wait,
};

/// A message on its way into a mailbox. Made by [`ActorRef::tell`](crate::ActorRef::tell).
///
/// One pointer: nothing is kept of a message that was sent.
///
/// # Cancel safety
///
/// A message that found room was sent by the call. One that waits for room is dropped with the
/// future; `now` gives it back instead.
#[must_use = "a message may wait for room: await the future, or call `now`"]
pub struct Tell<'a, M: Send + 'static> {
    /// What is left to do for a message that found no slot.
    unsent: Option<Box<Unsent<'a, M>>>,
}

enum Unsent<'a, M: Send + 'static> {
    Failed(SendError<M>),
    Waiting(Waiting<'a, M>),
}

/// A message that waits for room, as what it is going to be converted from.
pub(crate) struct Waiting<'a, M: Send + 'static, N = M> {
    cell: &'a Arc<Cell<M>>,
    message: Option<N>,
    ticket: Ticket,
    deadline: Deadline,
    wait: Option<Box<Wait>>,
    /// The number of the output on the sender's tape.
    taped: Option<u32>,
}

impl<'a, M: Send + 'static> Tell<'a, M> {
    #[inline]
    pub(crate) fn new(cell: &'a Arc<Cell<M>>, message: M) -> Self {
        if cell.is_watched() {
            return Self::watched(cell, message);
        }
        match cell.mailbox.try_claim() {
            Ok(claim) => {
                claim.write(message, None);
                Self { unsent: None }
            }
            Err(refused) => Self { unsent: refuse(cell, message, refused, None) },
        }
    }

    /// As [`new`](Self::new), where somebody wants to know: a context is in force, a probe listens, or
    /// the sender's turn is on tape.
    #[cold]
    #[inline(never)]
    fn watched(cell: &'a Arc<Cell<M>>, message: M) -> Self {
        let noted = tape::is_on()
            .then(|| tape::note_value(OutputKind::Tell, &cell.path(), &message))
            .flatten();
        let taped = match noted {
            Some(Passage::Kept(number)) => {
                let failed = |fault| Box::new(Unsent::Failed(tape::send_error(fault, message)));
                return Self { unsent: tape::fault(number).map(failed) };
            }
            Some(Passage::Out(number)) => Some(number),
            None => None,
        };
        match cell.mailbox.try_claim() {
            Ok(claim) => {
                claim.write(message, cell.envelope());
                Self { unsent: None }
            }
            Err(refused) => Self { unsent: refuse(cell, message, refused, taped) },
        }
    }

    /// The outcome at once, without waiting for room: a full mailbox is
    /// [`SendError::Full`], also where its policy is to wait.
    ///
    /// # Errors
    ///
    /// [`SendError`], always with the message.
    pub fn now(mut self) -> Result<(), SendError<M>> {
        match self.unsent.take().map(|unsent| *unsent) {
            None => Ok(()),
            Some(Unsent::Failed(error)) => Err(error),
            Some(Unsent::Waiting(mut waiting)) => match waiting.message.take() {
                Some(message) => {
                    waiting.tell_tape(Fault::Full);
                    Err(SendError::Full(message))
                }
                None => Ok(()),
            },
        }
    }
}

/// What becomes of a message that found no slot.
#[cold]
#[inline(never)]
fn refuse<M: Send + 'static>(
    cell: &Arc<Cell<M>>,
    message: M,
    refused: Refused,
    taped: Option<u32>,
) -> Option<Box<Unsent<'_, M>>> {
    let failed = |error: SendError<M>| {
        if let Some(number) = taped {
            tape::settle(number, Outcome::Fault(Fault::from(&error)));
        }
        Unsent::Failed(error)
    };
    if refused == Refused::Closed {
        return Some(Box::new(failed(SendError::Stopped(message))));
    }
    Some(Box::new(match cell.overflow() {
        Overflow::Wait(_) => Unsent::Waiting(Waiting::new(cell, message, taped)),
        Overflow::Reject => failed(SendError::Full(message)),
        Overflow::DropNewest => {
            cell.drop_letter(message);
            return None;
        }
        Overflow::DropOldest => match cell.send_over_oldest(message, |_| {}) {
            Ok(()) => return None,
            Err(message) => failed(SendError::Stopped(message)),
        },
    }))
}

impl<'a, M: Send + 'static, N> Waiting<'a, M, N> {
    pub(crate) fn new(cell: &'a Arc<Cell<M>>, message: N, taped: Option<u32>) -> Self {
        Self {
            cell,
            message: Some(message),
            ticket: Ticket::default(),
            deadline: cell.system.pool.register_deadline(cell.room_limit_ms()),
            wait: None,
            taped,
        }
    }

    fn tell_tape(&self, fault: Fault) {
        if let Some(number) = self.taped {
            tape::settle(number, Outcome::Fault(fault));
        }
    }

    /// Gives up the place in line.
    pub(crate) fn give_up(&mut self) -> Result<(), SendError<N>> {
        self.cell.mailbox.cancel(&mut self.ticket);
        self.tell_tape(Fault::Timeout);
        self.message.take().map_or(Ok(()), |message| Err(SendError::Timeout(message)))
    }
}

impl<M: Send + 'static, N: Into<M>> Waiting<'_, M, N> {
    pub(crate) fn poll(&mut self, task: &mut Context<'_>) -> Poll<Result<(), SendError<N>>> {
        match self.cell.mailbox.poll_claim(&mut self.ticket, task) {
            Poll::Ready(claim) => {
                let Some(message) = self.message.take() else { return Poll::Ready(Ok(())) };
                let Ok(claim) = claim else {
                    self.tell_tape(Fault::Stopped);
                    return Poll::Ready(Err(SendError::Stopped(message)));
                };
                claim.write(message.into(), self.cell.envelope());
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                if self.deadline.poll(task).is_pending() {
                    Wait::begin(&mut self.wait, self.cell);
                    return Poll::Pending;
                }
                Poll::Ready(self.give_up())
            }
        }
    }
}

impl<M: Send + 'static, N> Drop for Waiting<'_, M, N> {
    fn drop(&mut self) {
        self.cell.mailbox.cancel(&mut self.ticket);
    }
}

/// Nothing is pinned: the waiting state moves freely.
impl<M: Send + 'static> Unpin for Tell<'_, M> {}

impl<M: Send + 'static> Future for Tell<'_, M> {
    type Output = Result<(), SendError<M>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        if self.unsent.is_none() { Poll::Ready(Ok(())) } else { self.poll_unsent(task) }
    }
}

impl<M: Send + 'static> Tell<'_, M> {
    #[cold]
    fn poll_unsent(&mut self, task: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        if let Some(Unsent::Waiting(waiting)) = self.unsent.as_deref_mut() {
            let sent = ready!(waiting.poll(task));
            self.unsent = None;
            return Poll::Ready(sent);
        }
        match self.unsent.take().map(|unsent| *unsent) {
            Some(Unsent::Failed(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Tell<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.unsent.as_deref() {
            None => "Tell(sent)",
            Some(Unsent::Failed(_)) => "Tell(failed)",
            Some(Unsent::Waiting(_)) => "Tell(waiting)",
        })
    }
}
