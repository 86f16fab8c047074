//! The entity: one for each plane, airport and airline, and one for network operations.
//!
//! Its events are the year's, as they concern it, numbered from 1. A command brings some of them with the
//! number of the first; what it knows already is passed over. So a command may come twice, or again in a later
//! life of the process, and each event is stored once.

use std::sync::Arc;
use std::time::Duration;
use std::{error, fmt, panic};

use serde::{Deserialize, Serialize};

use steadfast::actor_core::Reply;
use steadfast::base::{Time, Timestamp};
use steadfast_sourcing::{Decide, Effect, EventSourced};

use crate::event::Event;
use crate::fault::INJECTED_PANIC;
use crate::roster::Role;
use crate::state::State;

/// How long a slow command takes.
const SLOW: Duration = Duration::from_millis(2);

/// The name of the events in the log.
pub(crate) const HAPPENED: &str = "flights.Happened";

/// What is stored: an event of the year, and to whom it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Happened {
    /// To whom.
    pub(crate) role: Role,
    /// What.
    pub(crate) event: Event,
}

/// The state of an entity; none before its first event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Participant {
    state: Option<State>,
}

impl Participant {
    /// One to whom something has happened.
    pub(crate) fn of(state: State) -> Self {
        Self { state: Some(state) }
    }

    /// The state, once something happened to it.
    pub(crate) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }
}

/// Events that follow each other in the life of one entity.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) role: Role,
    /// The number of the first among those of the entity, from 1.
    pub(crate) first: u64,
    pub(crate) events: Vec<Event>,
}

/// What an entity is told.
pub(crate) enum Command {
    /// These events happened.
    Take { batch: Arc<Batch>, strike: Option<Strike>, reply: Reply<Taken> },
    /// Nothing at all: what a burst consists of.
    Noise,
}

/// What shall go wrong with a command.
#[derive(Clone, Debug)]
pub(crate) enum Strike {
    Panic,
    Error,
    /// It takes its time, by this clock.
    Slow(Time),
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of it is stored, now or before.
    Stored,
    /// The events before it are not stored yet.
    TooEarly,
}

/// An error that was planned.
#[derive(Debug)]
pub(crate) struct Injected;

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an injected error")
    }
}

impl error::Error for Injected {}

impl EventSourced for Participant {
    type Command = Command;
    type Event = Happened;
    type Error = Injected;
    const EVENT_TYPE: &'static str = HAPPENED;

    fn initial(_id: &str) -> Self {
        Self::default()
    }

    #[expect(clippy::panic, reason = "a panic is one of the faults to survive")]
    fn decide(
        &self,
        command: Command,
        cx: &mut Decide<Self>,
    ) -> Result<Effect<Happened>, Injected> {
        let Command::Take { batch, strike, reply } = command else { return Ok(Effect::none()) };
        match strike {
            Some(Strike::Panic) => panic::panic_any(INJECTED_PANIC),
            Some(Strike::Error) => return Err(Injected),
            Some(Strike::Slow(time)) => {
                let again = move |()| Command::Take { batch, strike: None, reply };
                cx.perform(async move { time.sleep(SLOW).await }, again);
                return Ok(Effect::none());
            }
            None => {}
        }
        let known = cx.seq().get() + 1;
        if known < batch.first {
            return Ok(Effect::none().reply(reply, Taken::TooEarly));
        }
        let skip = usize::try_from(known - batch.first).unwrap_or(usize::MAX);
        let new = batch.events.iter().skip(skip);
        let happened = new.map(|event| Happened { role: batch.role, event: *event });
        Ok(Effect::persist_all(happened).reply(reply, Taken::Stored))
    }

    fn happened_at(event: &Happened) -> Option<Timestamp> {
        Some(event.event.at.timestamp())
    }

    fn apply(&mut self, happened: &Happened) {
        let Happened { role, event } = happened;
        self.state.get_or_insert_with(|| State::new(*role)).apply(event);
    }
}
