//! `Tell`: a send that is done at the call and only waits where the mailbox is full.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    SendError,
    cell::Cell,
    mailbox::{Refused, Ticket},
    overflow::Overflow,
    slot::Deadline,
    waits::Wait,
};

/// A message on its way into a mailbox. Made by [`ActorRef::tell`](crate::ActorRef::tell).
#[must_use = "a message may wait for room: await the future, or call `now`"]
pub struct Tell<'a, M: Send + 'static> {
    state: State<'a, M>,
}

enum State<'a, M: Send + 'static> {
    Sent,
    Failed(SendError<M>),
    Waiting(Waiting<'a, M>),
    Over,
}

struct Waiting<'a, M: Send + 'static> {
    cell: &'a Arc<Cell<M>>,
    message: Option<M>,
    ticket: Ticket,
    deadline: Deadline,
    wait: Option<Wait>,
}

impl<'a, M: Send + 'static> Tell<'a, M> {
    #[inline]
    pub(crate) fn new(cell: &'a Arc<Cell<M>>, message: M) -> Self {
        match cell.mailbox.try_claim() {
            Ok(claim) => {
                claim.write(message, cell.envelope());
                Self { state: State::Sent }
            }
            Err(refused) => Self { state: refuse(cell, message, refused) },
        }
    }

    /// The outcome at once, without waiting for room: a full mailbox is
    /// [`SendError::Full`], also where its policy is to wait.
    ///
    /// # Errors
    ///
    /// [`SendError`], always with the message.
    pub fn now(mut self) -> Result<(), SendError<M>> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Sent | State::Over => Ok(()),
            State::Failed(error) => Err(error),
            State::Waiting(mut waiting) => match waiting.message.take() {
                Some(message) => Err(SendError::Full(message)),
                None => Ok(()),
            },
        }
    }
}

/// What becomes of a message that found no slot.
#[cold]
fn refuse<M: Send + 'static>(cell: &Arc<Cell<M>>, message: M, refused: Refused) -> State<'_, M> {
    if refused == Refused::Closed {
        return State::Failed(SendError::Stopped(message));
    }
    match cell.overflow() {
        Overflow::Wait(_) => State::Waiting(Waiting {
            cell,
            message: Some(message),
            ticket: Ticket::default(),
            deadline: cell.system.pool.register_deadline(cell.room_limit_ms()),
            wait: None,
        }),
        Overflow::Reject => State::Failed(SendError::Full(message)),
        Overflow::DropNewest => {
            cell.drop_letter(message);
            State::Sent
        }
        Overflow::DropOldest => match cell.send_over_oldest(message, |_| {}) {
            Ok(()) => State::Sent,
            Err(message) => State::Failed(SendError::Stopped(message)),
        },
    }
}

impl<M: Send + 'static> Waiting<'_, M> {
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        match self.cell.mailbox.poll_claim(&mut self.ticket, task) {
            Poll::Ready(claim) => {
                let Some(message) = self.message.take() else { return Poll::Ready(Ok(())) };
                Poll::Ready(match claim {
                    Ok(claim) => {
                        claim.write(message, self.cell.envelope());
                        Ok(())
                    }
                    Err(_) => Err(SendError::Stopped(message)),
                })
            }
            Poll::Pending => {
                if self.deadline.poll(task).is_pending() {
                    Wait::begin(&mut self.wait, self.cell);
                    return Poll::Pending;
                }
                self.cell.mailbox.cancel(&mut self.ticket);
                Poll::Ready(self.message.take().map_or(Ok(()), |m| Err(SendError::Timeout(m))))
            }
        }
    }
}

impl<M: Send + 'static> Drop for Waiting<'_, M> {
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
        match &mut self.state {
            State::Sent => Poll::Ready(Ok(())),
            State::Waiting(waiting) => {
                let polled = waiting.poll(task);
                if polled.is_ready() {
                    self.state = State::Over;
                }
                polled
            }
            State::Failed(_) | State::Over => match std::mem::replace(&mut self.state, State::Over)
            {
                State::Failed(error) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            },
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Tell<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Sent => "Tell(sent)",
            State::Failed(_) => "Tell(failed)",
            State::Waiting(_) => "Tell(waiting)",
            State::Over => "Tell(over)",
        })
    }
}
