//! `Recipient<N>`: any actor whose message type takes an `N`.

use std::{
    any::TypeId,
    fmt,
    future::{Future, poll_fn, ready},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use steadfast_base::{ActorId, Instant, Sleep, context};

use crate::{
    ActorRef, AskError, Overflow, Reply, SendError,
    mailbox::Refused,
    slot::{Asker, Lost, Why},
    system::SystemInner,
    tape::{self, Fault, Outcome, OutputKind, Passage, Recalled},
    tell::Waiting,
    waits::Wait,
};

/// A future of a call whose target's message type is erased.
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

trait Receive<N>: Send + Sync {
    fn id(&self) -> ActorId;
    fn path(&self) -> Arc<str>;
    fn system(&self) -> &Arc<SystemInner>;
    /// Notes that the actor whose turn it is waits for this one.
    fn note_wait(&self, wait: &mut Option<Box<Wait>>);
    fn try_tell(&self, message: N) -> Result<(), SendError<N>>;
    /// Sends at the call; the future waits for room, where there is none, until `until` at most.
    fn tell(&self, message: N, until: Option<Instant>) -> Boxed<Result<(), SendError<N>>>;
}

/// What came of a message at its call.
enum Sent<N> {
    Done(Result<(), SendError<N>>),
    /// It may wait for room. Its number on the sender's tape.
    Waits(N, Option<u32>),
}

impl<M: Send + 'static> ActorRef<M> {
    /// Converts a message once there is a slot for it, so that it comes back where there is none.
    fn send<N: Into<M> + Send + 'static>(&self, message: N) -> Sent<N> {
        let cell = self.cell();
        let noted = tape::is_on()
            .then(|| tape::note_value(OutputKind::Tell, &cell.path(), &message))
            .flatten();
        let taped = match noted {
            Some(Passage::Kept(number)) => {
                let fault = tape::fault(number);
                return Sent::Done(fault.map_or(Ok(()), |f| Err(tape::send_error(f, message))));
            }
            Some(Passage::Out(number)) => Some(number),
            None => None,
        };
        let refused = match cell.mailbox.try_claim() {
            Ok(claim) => {
                claim.write(message.into(), cell.envelope());
                return Sent::Done(Ok(()));
            }
            Err(refused) => refused,
        };
        let sent = match (refused, cell.overflow()) {
            (Refused::Closed, _) => Err(SendError::Stopped(message)),
            (_, Overflow::Wait(_)) => return Sent::Waits(message, taped),
            (_, Overflow::Reject) => Err(SendError::Full(message)),
            (_, Overflow::DropNewest) => {
                cell.drop_letter(message.into());
                Ok(())
            }
            (_, Overflow::DropOldest) => {
                cell.send_over_oldest(message, |_| {}).map_err(SendError::Stopped)
            }
        };
        if let Err(error) = &sent {
            settle(taped, Fault::from(error));
        }
        Sent::Done(sent)
    }
}

fn settle(taped: Option<u32>, fault: Fault) {
    if let Some(number) = taped {
        tape::settle(number, Outcome::Fault(fault));
    }
}

impl<M: Send + 'static, N: Into<M> + Send + 'static> Receive<N> for ActorRef<M> {
    fn id(&self) -> ActorId {
        self.id()
    }

    fn path(&self) -> Arc<str> {
        self.path()
    }

    fn system(&self) -> &Arc<SystemInner> {
        &self.cell().system
    }

    fn note_wait(&self, wait: &mut Option<Box<Wait>>) {
        Wait::begin(wait, self.cell());
    }

    fn try_tell(&self, message: N) -> Result<(), SendError<N>> {
        match self.send(message) {
            Sent::Done(sent) => sent,
            Sent::Waits(message, taped) => {
                settle(taped, Fault::Full);
                Err(SendError::Full(message))
            }
        }
    }

    fn tell(&self, message: N, until: Option<Instant>) -> Boxed<Result<(), SendError<N>>> {
        let (message, taped) = match self.send(message) {
            Sent::Done(sent) => return Box::pin(ready(sent)),
            Sent::Waits(message, taped) => (message, taped),
        };
        let target = self.clone();
        Box::pin(async move {
            let mut sleep = until.map(|at| target.cell().system.time.sleep_until(at));
            let mut waiting = Waiting::new(target.cell(), message, taped);
            poll_fn(|task| {
                if let Poll::Ready(sent) = waiting.poll(task) {
                    return Poll::Ready(sent);
                }
                match &mut sleep {
                    Some(sleep) => Pin::new(sleep).poll(task).map(|()| waiting.give_up()),
                    None => Poll::Pending,
                }
            })
            .await
        })
    }
}

/// A recipient behind a gate.
struct Gated<N: Send + 'static, G> {
    target: Recipient<N>,
    gate: G,
}

impl<N: Send + 'static, G: Fn(N) -> Option<N> + Send + Sync> Receive<N> for Gated<N, G> {
    fn id(&self) -> ActorId {
        self.target.id()
    }

    fn path(&self) -> Arc<str> {
        self.target.path()
    }

    fn system(&self) -> &Arc<SystemInner> {
        self.target.0.system()
    }

    fn note_wait(&self, wait: &mut Option<Box<Wait>>) {
        self.target.0.note_wait(wait);
    }

    fn try_tell(&self, message: N) -> Result<(), SendError<N>> {
        match (self.gate)(message) {
            Some(message) => self.target.try_tell(message),
            None => Ok(()),
        }
    }

    fn tell(&self, message: N, until: Option<Instant>) -> Boxed<Result<(), SendError<N>>> {
        match (self.gate)(message) {
            Some(message) => self.target.0.tell(message, until),
            None => Box::pin(ready(Ok(()))),
        }
    }
}

/// A handle to any actor whose message type can be made of an `N`.
///
/// The one place where the message type is erased, and so where sending costs a virtual call and
/// waiting a boxed future. A message is converted once there is room for it; one that was not sent
/// comes back as it was.
pub struct Recipient<N: Send + 'static>(Arc<dyn Receive<N>>);

impl<N: Send + 'static> Recipient<N> {
    pub(crate) fn new<M: Send + 'static>(target: ActorRef<M>) -> Self
    where
        N: Into<M>,
    {
        Self(Arc::new(target))
    }

    /// The same actor behind a gate: what `gate` keeps counts as sent and does not arrive.
    ///
    /// For filters, and for links that tests cut. The gate runs on the sender's side, so it must not
    /// block.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_actor_core::Recipient;
    ///
    /// fn only_even(target: Recipient<u64>) -> Recipient<u64> {
    ///     target.gated(|number| (number % 2 == 0).then_some(number))
    /// }
    /// # let _ = only_even;
    /// ```
    #[must_use]
    pub fn gated(self, gate: impl Fn(N) -> Option<N> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Gated { target: self, gate }))
    }

    /// The number that identifies the actor within its system.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.0.id()
    }

    /// The actor's path.
    #[must_use]
    pub fn path(&self) -> Arc<str> {
        self.0.path()
    }

    /// Sends without waiting for room.
    ///
    /// # Errors
    ///
    /// `Stopped` or `Full`, always with the message.
    pub fn try_tell(&self, message: N) -> Result<(), SendError<N>> {
        self.0.try_tell(message)
    }

    /// Sends; see [`ActorRef::tell`]. The message goes into the mailbox during this call; the future
    /// only waits for room.
    ///
    /// # Errors
    ///
    /// As [`ActorRef::tell`], always with the message.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the message if it still waits for room.
    pub fn tell(
        &self,
        message: N,
    ) -> impl Future<Output = Result<(), SendError<N>>> + Send + use<N> {
        self.0.tell(message, None)
    }

    /// Asks; see [`ActorRef::ask`]. The deadline is the system's default, or that of the caller's
    /// context if it is earlier.
    ///
    /// # Errors
    ///
    /// `Stopped`, `Full` or `Timeout` with the message if it was not accepted; `Stopped` or `Timeout`
    /// without it, `Restarting` or `NoReply` if no answer came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the answer.
    pub fn ask<T: Send + 'static>(&self, build: impl FnOnce(Reply<T>) -> N) -> Asking<T, N> {
        self.ask_in(None, build)
    }

    /// As [`ask`](Self::ask), with a deadline of its own, exact to 1 ms. The caller's context may
    /// shorten it further.
    ///
    /// # Errors
    ///
    /// As for [`ask`](Self::ask).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the answer.
    pub fn ask_within<T: Send + 'static>(
        &self,
        limit: Duration,
        build: impl FnOnce(Reply<T>) -> N,
    ) -> Asking<T, N> {
        self.ask_in(Some(limit), build)
    }

    fn ask_in<T: Send + 'static>(
        &self,
        limit: Option<Duration>,
        build: impl FnOnce(Reply<T>) -> N,
    ) -> Asking<T, N> {
        let system = self.0.system();
        let own = limit.map(|limit| system.time.now() + limit);
        let inherited = context::current().and_then(|context| context.deadline());
        let until = [own, inherited].into_iter().flatten().min();
        let coarse = if own.is_some() { 0 } else { system.ask_limit_ms };
        let (asker, answer) = system.pool.acquire::<T>(coarse);
        let number =
            match tape::is_on().then(|| tape::note(OutputKind::Ask, &self.path())).flatten() {
                Some(Passage::Kept(number)) => {
                    // Told to the tape as well: what is sent is compared.
                    let told = self.0.tell(build(Reply::detached()), None);
                    return Box::pin(async move {
                        drop(told.await);
                        recall(number).await
                    });
                }
                Some(Passage::Out(number)) => Some(number),
                None => None,
            };
        let sent = self.0.tell(build(Reply::new(answer)), until);
        let target = self.clone();
        Box::pin(async move {
            let outcome = match sent.await {
                Ok(()) => target.answered(asker, until).await,
                Err(error) => Err(error.into()),
            };
            if let Some(number) = number {
                tell_tape(number, &outcome);
            }
            outcome
        })
    }

    /// Waits for the answer, until `until` at most.
    async fn answered<T: Send + 'static>(
        &self,
        mut asker: Asker<T>,
        until: Option<Instant>,
    ) -> Result<T, AskError<N>> {
        let mut sleep: Option<Sleep> = until.map(|at| self.0.system().time.sleep_until(at));
        let mut wait = None;
        poll_fn(|task| {
            if let Poll::Ready(answered) = asker.poll(task) {
                return Poll::Ready(answered.map_err(|Lost(why)| match why {
                    Why::Expired => AskError::Timeout(None),
                    Why::Restarting => AskError::Restarting,
                    Why::Stopped => AskError::Stopped(None),
                    _ => AskError::NoReply,
                }));
            }
            if let Some(sleep) = &mut sleep
                && Pin::new(sleep).poll(task).is_ready()
            {
                return Poll::Ready(Err(AskError::Timeout(None)));
            }
            self.0.note_wait(&mut wait);
            Poll::Pending
        })
        .await
    }
}

/// The answer to a question that a [`Recipient`] was asked.
pub type Asking<T, N> = Pin<Box<dyn Future<Output = Result<T, AskError<N>>> + Send>>;

fn tell_tape<T: 'static, N>(number: u32, outcome: &Result<T, AskError<N>>) {
    let outcome = match outcome {
        Ok(value) => Outcome::Value(value, std::any::type_name::<T>()),
        Err(error) => Outcome::Fault(Fault::from(error)),
    };
    tape::settle(number, outcome);
}

/// What had come of a question that the tape keeps back; for ever pending if it has no end there.
async fn recall<T: Send + 'static, N>(number: u32) -> Result<T, AskError<N>> {
    let recalled = tape::with(|tape| tape.recall(number, Some(TypeId::of::<T>())));
    let value = match recalled {
        Some(Recalled::Fault(fault)) => return Err(tape::ask_error(fault, None)),
        Some(Recalled::Value(value)) => value.downcast().ok(),
        _ => None,
    };
    match value {
        Some(value) => Ok(*value),
        None => std::future::pending().await,
    }
}

impl<N: Send + 'static> Clone for Recipient<N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<N: Send + 'static> fmt::Debug for Recipient<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipient").field(&self.0.path()).finish()
    }
}
