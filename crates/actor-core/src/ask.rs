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
    /// What most questions have nothing of.
    rare: Option<Box<Rare<M, T>>>,
    /// Where the question lies in the mailbox, once it is there.
    position: u32,
}

/// A question that was sent, or is kept, and its asker.
struct Placed<M, T> {
    asker: Asker<T>,
    rare: Option<Box<Rare<M, T>>>,
    position: u32,
}

/// What is kept of a question that found no slot, or has a deadline of its own, or is watched.
struct Rare<M, T> {
    unsent: Option<Unsent<M, T>>,
    /// An exact deadline, where one was given or inherited.
    exact: Option<Sleep>,
    wait: Option<Box<Wait>>,
}

impl<M, T> Default for Rare<M, T> {
    fn default() -> Self {
        Self { unsent: None, exact: None, wait: None }
    }
}

impl<M: Send + 'static, T> Rare<M, T> {
    /// Takes the deadline of the caller's context, if it is earlier.
    #[cold]
    fn inherit(&mut self, cell: &Arc<Cell<M>>) {
        if let Some(at) = context::current().and_then(|context| context.deadline()) {
            self.set_exact(cell, at);
        }
    }

    fn set_exact(&mut self, cell: &Arc<Cell<M>>, at: Instant) {
        if self.exact.as_ref().is_none_or(|sleep| at < sleep.deadline()) {
            self.exact = Some(cell.system.time.sleep_until(at));
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what most questions have none of")]
    fn unsent(unsent: Unsent<M, T>) -> Option<Box<Self>> {
        Some(Box::new(Self { unsent: Some(unsent), exact: None, wait: None }))
    }
}

enum Unsent<M, T> {
    Failed(SendError<M>),
    /// For room, no longer than the mailbox lets anybody wait.
    Waiting(M, Ticket, Deadline),
    /// Its outcome is to be told to the asker's tape, under this number.
    Taped(u32, Option<Box<Self>>),
    /// It was kept back by the asker's tape, which had this outcome; none if it had no end.
    Recalled(Option<Result<T, AskError<M>>>),
}

impl<'a, M: Send + 'static, T: Send + 'static> Ask<'a, M, T> {
    /// Writes the question before it makes the future, field by field: a future that was made in memory
    /// is read back while the writes of the question are still on their way to other processors.
    #[inline]
    pub(crate) fn new(cell: &'a Arc<Cell<M>>, build: impl FnOnce(Reply<T>) -> M) -> Self {
        let (asker, answer) = cell.system.pool.acquire::<T>(cell.system.ask_limit_ms);
        let message = build(Reply::new(answer));
        let Placed { asker, rare, position } = if cell.is_watched() {
            send_watched(cell, message, asker)
        } else {
            match cell.mailbox.try_claim() {
                Ok(claim) => {
                    let position = claim.position();
                    asker.note_place(cell.id, position);
                    cell.note_asked();
                    claim.write(message, None);
                    Placed { asker, rare: None, position }
                }
                Err(refused) => refuse(cell, message, asker, refused),
            }
        };
        Self { cell, asker, rare, position }
    }

    /// Sets the deadline, exact to 1 ms, in place of the default. The caller's context may
    /// shorten it further.
    pub fn within(mut self, limit: Duration) -> Self {
        let at = self.cell.system.time.now() + limit;
        self.asker.set_limit_ms(0);
        let rare = self.rare.get_or_insert_default();
        rare.exact = None;
        rare.set_exact(self.cell, at);
        if context::is_set() {
            rare.inherit(self.cell);
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

    /// What a question with something of its own comes to before its answer is looked at.
    #[cold]
    #[inline(never)]
    fn poll_rare(&mut self, task: &mut Context<'_>) -> Option<Poll<Result<T, AskError<M>>>> {
        match self.take_rare()? {
            Unsent::Failed(error) => Some(Poll::Ready(Err(error.into()))),
            Unsent::Recalled(None) => {
                self.keep(Unsent::Recalled(None));
                Some(Poll::Pending)
            }
            Unsent::Recalled(Some(outcome)) => Some(Poll::Ready(outcome)),
            Unsent::Taped(number, unsent) => {
                if let Some(unsent) = unsent {
                    self.keep(*unsent);
                }
                let polled = Pin::new(&mut *self).poll(task);
                match &polled {
                    Poll::Ready(outcome) => tell_tape(number, outcome),
                    Poll::Pending => {
                        let unsent = self.take_rare().map(Box::new);
                        self.keep(Unsent::Taped(number, unsent));
                    }
                }
                Some(polled)
            }
            Unsent::Waiting(message, mut ticket, mut limit) => {
                match self.cell.mailbox.poll_claim(&mut ticket, task) {
                    Poll::Ready(Ok(claim)) => {
                        self.position = claim.position();
                        self.asker.note_place(self.cell.id, self.position);
                        self.cell.note_asked();
                        claim.write(message, self.cell.envelope());
                        None
                    }
                    Poll::Ready(Err(_)) => Some(Poll::Ready(Err(AskError::Stopped(Some(message))))),
                    Poll::Pending if limit.poll(task).is_ready() => {
                        self.cell.mailbox.cancel(&mut ticket);
                        Some(Poll::Ready(Err(AskError::Timeout(Some(message)))))
                    }
                    Poll::Pending => {
                        self.keep(Unsent::Waiting(message, ticket, limit));
                        None
                    }
                }
            }
        }
    }

    fn take_rare(&mut self) -> Option<Unsent<M, T>> {
        self.rare.as_mut()?.unsent.take()
    }

    fn keep(&mut self, unsent: Unsent<M, T>) {
        self.rare.get_or_insert_default().unsent = Some(unsent);
    }

    /// Whether the exact deadline has passed, if there is one.
    #[cold]
    fn is_late(&mut self, task: &mut Context<'_>) -> bool {
        let exact = self.rare.as_mut().and_then(|rare| rare.exact.as_mut());
        exact.is_some_and(|exact| Pin::new(exact).poll(task).is_ready())
    }

    /// Notes that one actor waits for another.
    #[cold]
    fn note_wait(&mut self) {
        let cell = self.cell;
        if cell.system.probe.is_some() {
            Wait::begin(&mut self.rare.get_or_insert_default().wait, cell);
        }
    }

    /// The message, if it is still here; its place in line is given up.
    fn take_unsent(&mut self) -> Option<M> {
        match self.take_rare()? {
            Unsent::Failed(error) => Some(error.into_message()),
            Unsent::Taped(_, unsent) => {
                self.keep(*unsent?);
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
        let unsent = self.take_unsent();
        if unsent.is_none() && (self.cell.status() == Status::Stopped || self.cell.was_asked()) {
            // Nobody puts it there any more once this half has left.
            self.asker.leave();
            drop(self.cell.fetch_returned(self.position));
        }
    }

    #[cold]
    fn lost(&mut self, why: Why) -> AskError<M> {
        match why {
            Why::Expired => AskError::Timeout(self.take_unsent()),
            Why::Restarting => AskError::Restarting,
            Why::Stopped => AskError::Stopped(self.cell.fetch_returned(self.position)),
            Why::Displaced => match self.cell.fetch_returned(self.position) {
                Some(message) => AskError::Full(message),
                None => AskError::NoReply,
            },
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

/// Sends a question where somebody wants to know: a context is in force, a probe listens, or the asker's
/// turn is on tape.
#[cold]
#[inline(never)]
fn send_watched<M: Send + 'static, T: Send + 'static>(
    cell: &Arc<Cell<M>>,
    message: M,
    asker: Asker<T>,
) -> Placed<M, T> {
    let noted =
        tape::is_on().then(|| tape::note_value(OutputKind::Ask, &cell.path(), &message)).flatten();
    if let Some(Passage::Kept(number)) = noted {
        let rare = Rare::unsent(Unsent::Recalled(recall(number, message)));
        return Placed { asker, rare, position: 0 };
    }
    let mut placed = match cell.mailbox.try_claim() {
        Ok(claim) => {
            let position = claim.position();
            asker.note_place(cell.id, position);
            cell.note_asked();
            claim.write(message, cell.envelope());
            Placed { asker, rare: None, position }
        }
        Err(refused) => refuse(cell, message, asker, refused),
    };
    if let Some(Passage::Out(number)) = noted {
        let unsent = placed.rare.take().and_then(|rare| rare.unsent);
        placed.rare = Rare::unsent(Unsent::Taped(number, unsent.map(Box::new)));
    }
    if context::is_set() {
        placed.rare.get_or_insert_default().inherit(cell);
    }
    placed
}

/// What becomes of a question that found no slot.
#[cold]
#[inline(never)]
fn refuse<M: Send + 'static, T>(
    cell: &Arc<Cell<M>>,
    message: M,
    asker: Asker<T>,
    refused: Refused,
) -> Placed<M, T> {
    let mut position = 0;
    let error = match (refused, cell.overflow()) {
        (Refused::Closed, _) => SendError::Stopped(message),
        (_, Overflow::Wait(_)) => {
            let limit = cell.system.pool.register_deadline(cell.room_limit_ms());
            let rare = Rare::unsent(Unsent::Waiting(message, Ticket::default(), limit));
            return Placed { asker, rare, position };
        }
        // A dropped question would only wait for its deadline: its asker is told instead.
        (_, Overflow::Reject | Overflow::DropNewest) => SendError::Full(message),
        (_, Overflow::DropOldest) => {
            let note = |place| {
                position = place;
                asker.note_place(cell.id, place);
                cell.note_asked();
            };
            match cell.send_over_oldest(message, note) {
                Ok(()) => return Placed { asker, rare: None, position },
                Err(message) => SendError::Stopped(message),
            }
        }
    };
    Placed { asker, rare: Rare::unsent(Unsent::Failed(error)), position }
}

impl<M: Send + 'static, T: Send + 'static> Unpin for Ask<'_, M, T> {}

impl<M: Send + 'static, T: Send + 'static> Future for Ask<'_, M, T> {
    type Output = Result<T, AskError<M>>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        if self.rare.is_some()
            && let Some(polled) = self.poll_rare(task)
        {
            return polled;
        }
        match self.asker.poll(task) {
            Poll::Ready(Ok(value)) => return Poll::Ready(Ok(value)),
            Poll::Ready(Err(Lost(why))) => return Poll::Ready(Err(self.lost(why))),
            Poll::Pending => {}
        }
        if self.rare.is_some() && self.is_late(task) {
            return Poll::Ready(Err(AskError::Timeout(self.take_unsent())));
        }
        // Looked at first: it is this thread's own, while the actor's cell is on its way elsewhere.
        if turn::current_actor().is_some() {
            self.note_wait();
        }
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
        f.debug_struct("Ask")
            .field("sent", &self.rare.as_ref().is_none_or(|rare| rare.unsent.is_none()))
            .finish_non_exhaustive()
    }
}
