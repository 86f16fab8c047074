//! Hatches: what an actor lets operators do, opened at its spawn: look at its state, put in messages.

use std::{any::Any, error::Error, fmt, future::poll_fn, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Actor, ActorHandle, ActorRef, BoxError, Reply, SendError, Visit, VisitError,
    cell::Cell,
    slot::{Lost, Why},
};

/// Writes the state of an actor as JSON.
pub(crate) type Inspect = fn(&dyn Any) -> Result<String, HatchError>;

/// Reads a message from JSON.
pub(crate) type Inject<M> = fn(&str) -> Result<M, HatchError>;

/// What an actor has opened.
pub(crate) struct Hatches<M> {
    pub(crate) inspect: Option<Inspect>,
    pub(crate) inject: Option<Inject<M>>,
}

impl<M> Default for Hatches<M> {
    fn default() -> Self {
        Self { inspect: None, inject: None }
    }
}

/// Why an actor was not inspected, or a message not injected.
#[derive(Debug)]
#[non_exhaustive]
pub enum HatchError {
    /// The actor has not opened this at its spawn, or is of another type than the one that did.
    Closed,
    /// The actor has stopped, or no longer accepts messages.
    Stopped,
    /// The control lane holds its maximum of waiting visits, or the mailbox is full.
    Full,
    /// No answer came before the system's default deadline.
    Timeout,
    /// The state could not be written, or the text is no message of this actor.
    Data(BoxError),
}

impl fmt::Display for HatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the actor has not opened this at its spawn",
            Self::Stopped => "the actor has stopped",
            Self::Full => "the actor takes no more at the moment",
            Self::Timeout => "no answer before the deadline",
            Self::Data(_) => "the data does not fit the actor",
        })
    }
}

impl Error for HatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Data(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<VisitError> for HatchError {
    fn from(error: VisitError) -> Self {
        match error {
            VisitError::WrongType => Self::Closed,
            VisitError::Stopped => Self::Stopped,
            VisitError::Busy => Self::Full,
            VisitError::Timeout => Self::Timeout,
        }
    }
}

impl<M> From<SendError<M>> for HatchError {
    fn from(error: SendError<M>) -> Self {
        match error {
            SendError::Stopped(_) => Self::Stopped,
            SendError::Full(_) | SendError::Timeout(_) => Self::Full,
        }
    }
}

pub(crate) fn inspect<A: Serialize + 'static>(state: &dyn Any) -> Result<String, HatchError> {
    let state = state.downcast_ref::<A>().ok_or(HatchError::Closed)?;
    serde_json::to_string(state).map_err(|error| HatchError::Data(error.into()))
}

pub(crate) fn inject<M: DeserializeOwned>(text: &str) -> Result<M, HatchError> {
    serde_json::from_str(text).map_err(|error| HatchError::Data(error.into()))
}

impl<M: Send + 'static> Cell<M> {
    pub(crate) fn put_in(self: Arc<Self>, text: &str) -> Result<(), HatchError> {
        let inject = self.at_desk(|desk| desk.hatches.inject).flatten();
        let message = inject.ok_or(HatchError::Closed)?(text)?;
        ActorRef::new(self).tell(message).now().map_err(HatchError::from)
    }
}

/// What operators may do to an actor that has opened it.
impl ActorHandle {
    /// The actor's state as JSON, taken between two messages.
    ///
    /// # Errors
    ///
    /// [`HatchError`]: `Closed` unless the actor is
    /// [`inspectable`](crate::Spawn::inspectable).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn inspect(&self) -> Result<String, HatchError> {
        let cell = self.cell_any();
        let inspect = cell.inspector().ok_or(HatchError::Closed)?;
        let system = cell.system();
        let (mut asker, answer) = system.pool.acquire(system.ask_limit_ms);
        let reply = Reply::new(answer);
        cell.visit(Visit(Box::new(move |state, _| reply.send(inspect(state)))))?;
        match poll_fn(|task| asker.poll(task)).await {
            Ok(inspected) => inspected,
            Err(Lost(Why::Expired)) => Err(HatchError::Timeout),
            Err(_) => Err(HatchError::Stopped),
        }
    }

    /// Puts a message, given as JSON, into the mailbox, without waiting for room.
    ///
    /// # Errors
    ///
    /// [`HatchError`]: `Closed` unless the actor is [`injectable`](crate::Spawn::injectable), `Data`
    /// if the text is no message of it.
    pub fn inject(&self, json: &str) -> Result<(), HatchError> {
        self.cell_any().inject(json)
    }

    /// Opens a running actor for [`inspect`](Self::inspect). The seam for supervisors.
    pub fn open_state<A: Actor + Serialize>(&self) {
        self.cell_any().set_inspector(inspect::<A>);
    }

    /// Opens a running actor for [`inject`](Self::inject), if it takes messages of type `M`. The seam
    /// for supervisors.
    pub fn open_messages<M: DeserializeOwned + Send + 'static>(&self) {
        if let Some(target) = self.downcast::<M>() {
            target.cell().rare().desk().hatches.inject = Some(inject::<M>);
        }
    }
}
