//! The `Actor` trait: one message enum, one handler, and hooks with defaults.

use std::{error::Error, future::Future};

use crate::{Cx, ExitReason, Failure, Signal};

/// A boxed error of any kind, as actors hand their failures on.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What the actor does after a message was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Take the next message.
    Continue,
    /// End with [`ExitReason::Normal`]; messages still queued become dead letters.
    Stop,
}

/// What the `started` hook answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The actor is ready for messages.
    Running,
    /// The actor has nothing to do and ends at once without failing (OTP's `ignore`).
    Ignore,
}

/// An actor: private state and a handler that takes one message at a time.
///
/// The state is `self`; a factory closure given to
/// [`System::spawn`](crate::System::spawn) builds it, again for each incarnation.
/// The message type is one enum, stored inline in the mailbox. Write the hooks as
/// plain `async fn`: the trait asks for `impl Future + Send` so that nothing is boxed.
///
/// A handler's future lives inside the actor's task. Keep it small: `Box::pin` rare
/// large bodies, or every idle actor of the type pays for them.
///
/// # Failure
///
/// A handler that returns an error or panics ends the incarnation. The message being
/// handled is consumed and not redelivered; an ask inside it fails at once. What happens
/// next is up to the supervisor; without one the actor stops.
///
/// # Example
///
/// ```
/// use steadfast_actor_core::{Actor, Cx, Flow, Reply};
///
/// struct Account { cents: u64 }
///
/// enum Msg { Deposit(u64), Balance(Reply<u64>) }
///
/// impl Actor for Account {
///     type Msg = Msg;
///     type Error = std::convert::Infallible;
///
///     async fn handle(&mut self, msg: Msg, _cx: &mut Cx<Self>) -> Result<Flow, Self::Error> {
///         match msg {
///             Msg::Deposit(cents) => self.cents += cents,
///             Msg::Balance(reply) => reply.send(self.cents),
///         }
///         Ok(Flow::Continue)
///     }
/// }
/// ```
pub trait Actor: Sized + Send + 'static {
    /// The one message type, usually an enum. `Send` is all that is asked of it.
    type Msg: Send + 'static;

    /// What a handler fails with; `Infallible` where it cannot.
    type Error: Into<BoxError> + Send + 'static;

    /// Handles one message.
    ///
    /// Not called concurrently. `stop` waits until it returns; `kill` drops it at an await.
    ///
    /// # Cancel safety
    ///
    /// `kill` drops the future at an await: what it had done to `self` and to others stays done, and
    /// the rest does not happen. Nothing else drops it; `stop` waits until it returns.
    fn handle(
        &mut self,
        msg: Self::Msg,
        cx: &mut Cx<Self>,
    ) -> impl Future<Output = Result<Flow, Self::Error>> + Send;

    /// Runs before the first message of each incarnation.
    ///
    /// An error or a panic here is a failed start: the spawner gets it.
    ///
    /// # Cancel safety
    ///
    /// Dropped at an await when the actor is killed, and by nothing else.
    fn started(
        &mut self,
        cx: &mut Cx<Self>,
    ) -> impl Future<Output = Result<Started, Self::Error>> + Send {
        let _ = cx;
        async { Ok(Started::Running) }
    }

    /// Runs on the old state before a restart, when there is a state left (Pekko's `PreRestart`).
    ///
    /// A failure in here is reported and otherwise ignored.
    ///
    /// # Cancel safety
    ///
    /// Dropped at an await when the actor is killed, and by nothing else.
    fn restarting(
        &mut self,
        failure: &Failure,
        cx: &mut Cx<Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (failure, cx);
        async {}
    }

    /// Runs on the last state when an incarnation ends in order; the reason says why.
    ///
    /// Not called when the actor is killed or when it ended by a failure.
    ///
    /// # Cancel safety
    ///
    /// Dropped at an await when the actor is killed, and by nothing else.
    fn stopped(
        &mut self,
        reason: &ExitReason,
        cx: &mut Cx<Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, cx);
        async {}
    }

    /// Handles a notice of the control lane: a watched actor or a child ended.
    ///
    /// # Cancel safety
    ///
    /// Dropped at an await when the actor is killed, and by nothing else.
    fn signal(
        &mut self,
        signal: Signal,
        cx: &mut Cx<Self>,
    ) -> impl Future<Output = Result<Flow, Self::Error>> + Send {
        drop(signal);
        let _ = cx;
        async { Ok(Flow::Continue) }
    }
}
