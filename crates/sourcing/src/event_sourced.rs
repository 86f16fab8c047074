//! The trait of an actor whose state is what its events made of it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use steadfast_actor_core::BoxError;
use steadfast_base::Timestamp;

use crate::{Decide, Effect};

/// An actor whose state is the fold of its stored events.
///
/// [`decide`](Self::decide) looks at a command and says which events follow; [`apply`](Self::apply) folds an
/// event into the state, when it has just been stored and again at every recovery. Both are pure: what is not
/// in `self`, the command or the event (time, randomness, results of I/O) comes through [`Decide`] only, so
/// that a recovery and a replay do the same again, bit for bit.
///
/// # Example
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use steadfast_actor_core::Reply;
/// use steadfast_sourcing::{Decide, Effect, EventSourced};
///
/// struct Account { cents: u64 }
///
/// enum Command { Deposit { cents: u64, reply: Reply<u64> } }
///
/// #[derive(Serialize, Deserialize)]
/// enum Event { Deposited { cents: u64 } }
///
/// impl EventSourced for Account {
///     type Command = Command;
///     type Event = Event;
///     type Error = std::convert::Infallible;
///     const EVENT_TYPE: &'static str = "bank.AccountEvent";
///
///     fn initial(_id: &str) -> Self {
///         Self { cents: 0 }
///     }
///
///     fn decide(&self, command: Command, _cx: &mut Decide<Self>) -> Result<Effect<Event>, Self::Error> {
///         let Command::Deposit { cents, reply } = command;
///         Ok(Effect::persist(Event::Deposited { cents }).reply(reply, self.cents + cents))
///     }
///
///     fn apply(&mut self, event: &Event) {
///         let Event::Deposited { cents } = event;
///         self.cents += cents;
///     }
/// }
/// ```
///
/// # Source
///
/// The split into deciding and applying is the one of Pekko's `EventSourcedBehavior`.
pub trait EventSourced: Sized + Send + 'static {
    /// The one type of its commands, usually an enum.
    type Command: Send + 'static;

    /// The one type of its events, usually an enum; what is stored.
    type Event: Serialize + DeserializeOwned + Send + 'static;

    /// What deciding fails with; `Infallible` where it cannot.
    type Error: Into<BoxError> + Send + 'static;

    /// The name under which events are stored. Never change it once events are.
    const EVENT_TYPE: &'static str;

    /// Which shape of the event's type this code writes; older ones are brought up to it by upcasters.
    const EVENT_VERSION: u16 = 1;

    /// Which shape of the state snapshots hold. One of another version is passed over: the state is made
    /// from the events again.
    const STATE_VERSION: u16 = 1;

    /// The state before the first event.
    fn initial(id: &str) -> Self;

    /// Says what a command leads to. The state does not change here.
    ///
    /// # Errors
    ///
    /// An error is a failure of the actor, for its supervisor to judge. Refuse a command by an answer:
    /// `Ok(Effect::none().reply(reply, Err(..)))`.
    fn decide(
        &self,
        command: Self::Command,
        cx: &mut Decide<Self>,
    ) -> Result<Effect<Self::Event>, Self::Error>;

    /// When an event happened, if it knows better than the clock: one that tells of the past, or is imported.
    ///
    /// Times must not fall from one event of an entity to the next, or its state at a time is not well defined.
    fn happened_at(event: &Self::Event) -> Option<Timestamp> {
        let _ = event;
        None
    }

    /// Folds one event into the state.
    fn apply(&mut self, event: &Self::Event);
}
