//! `Recipient<M>`: any actor whose message type takes an `M`.

use std::{
    any::TypeId,
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
};

use steadfast_base::ActorId;

use crate::{
    ActorRef, AskError, Reply, SendError,
    tape::{self, Fault, Outcome, OutputKind, Passage, Recalled},
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

trait Receive<N>: Send + Sync {
    fn id(&self) -> ActorId;
    fn path(&self) -> Arc<str>;
    fn try_tell(&self, message: N) -> Result<(), SendError<()>>;
    fn tell(&self, message: N) -> Boxed<Result<(), SendError<()>>>;
}

impl<M: Send + 'static, N: Into<M> + Send + 'static> Receive<N> for ActorRef<M> {
    fn id(&self) -> ActorId {
        self.id()
    }

    fn path(&self) -> Arc<str> {
        self.path()
    }

    fn try_tell(&self, message: N) -> Result<(), SendError<()>> {
        self.tell(message.into()).now().map_err(|error| error.map(drop))
    }

    fn tell(&self, message: N) -> Boxed<Result<(), SendError<()>>> {
        let target = self.clone();
        let message = message.into();
        Box::pin(async move { target.tell(message).await.map_err(|error| error.map(drop)) })
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

    fn try_tell(&self, message: N) -> Result<(), SendError<()>> {
        match (self.gate)(message) {
            Some(message) => self.target.try_tell(message),
            None => Ok(()),
        }
    }

    fn tell(&self, message: N) -> Boxed<Result<(), SendError<()>>> {
        match (self.gate)(message) {
            Some(message) => self.target.0.tell(message),
            None => Box::pin(ready(Ok(()))),
        }
    }
}

/// A handle to any actor whose message type can be made of an `N`.
///
/// The one place where the message type is erased, and so where sending costs a virtual call and
/// waiting a boxed future. A message that was not sent is not given back: it was converted.
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
    /// `Stopped` or `Full`, without the message.
    pub fn try_tell(&self, message: N) -> Result<(), SendError<()>> {
        self.0.try_tell(message)
    }

    /// Sends; see [`ActorRef::tell`].
    ///
    /// # Errors
    ///
    /// As [`ActorRef::tell`], without the message.
    ///
    /// # Cancel safety
    ///
    /// The message is converted and boxed at the call, and sent at the first poll; dropping the
    /// future before that drops it.
    pub async fn tell(&self, message: N) -> Result<(), SendError<()>> {
        self.0.tell(message).await
    }

    /// Asks; see [`ActorRef::ask`]. The deadline is the caller's: wrap the future, or set one in
    /// the context.
    ///
    /// # Errors
    ///
    /// `Stopped`, `Full` or `Timeout` if the message was not accepted, `NoReply` if no answer came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the answer.
    pub async fn ask<T: Send + 'static>(
        &self,
        system: &crate::System,
        build: impl FnOnce(Reply<T>) -> N,
    ) -> Result<T, AskError<()>> {
        let number =
            match tape::is_on().then(|| tape::note(OutputKind::Ask, &self.path())).flatten() {
                Some(Passage::Kept(number)) => {
                    // Told to the tape as well: what is sent is compared.
                    drop(self.tell(build(Reply::detached())).await);
                    return self.recall(number).await;
                }
                Some(Passage::Out(number)) => Some(number),
                None => None,
            };
        let outcome = self.ask_live(system, build).await;
        if let Some(number) = number {
            tape::settle(
                number,
                match &outcome {
                    Ok(value) => Outcome::Value(value, std::any::type_name::<T>()),
                    Err(error) => Outcome::Fault(Fault::from(error)),
                },
            );
        }
        outcome
    }

    /// What had come of a question that the tape keeps back; for ever pending if it has no end there.
    async fn recall<T: Send + 'static>(&self, number: u32) -> Result<T, AskError<()>> {
        let recalled = tape::with(|tape| tape.recall(number, Some(TypeId::of::<T>())));
        let value = match recalled {
            Some(Recalled::Fault(fault)) => return Err(tape::ask_error(fault, Some(()))),
            Some(Recalled::Value(value)) => value.downcast().ok(),
            _ => None,
        };
        match value {
            Some(value) => Ok(*value),
            None => std::future::pending().await,
        }
    }

    async fn ask_live<T: Send + 'static>(
        &self,
        system: &crate::System,
        build: impl FnOnce(Reply<T>) -> N,
    ) -> Result<T, AskError<()>> {
        let (mut asker, answer) = system.inner().pool.acquire::<T>(system.inner().ask_limit_ms);
        self.tell(build(Reply::new(answer))).await?;
        let answered = std::future::poll_fn(|task| asker.poll(task)).await;
        answered.map_err(|lost| match lost.0 {
            crate::slot::Why::Expired => AskError::Timeout(None),
            crate::slot::Why::Restarting => AskError::Restarting,
            crate::slot::Why::Stopped => AskError::Stopped(None),
            _ => AskError::NoReply,
        })
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
