//! Event-sourced entities on steadfast's log, which no other library has: one module for each workload.

pub mod command;
pub mod recovery;
pub mod replay;

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use steadfast_actor_core::Reply;
use steadfast_sourcing::{Decide, Effect, EventSourced};

/// The first part of the names of the entities' events' actors.
const KIND: &str = "bench";

/// A state that counts its events and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    events: u64,
    bytes: u64,
}

/// Adds one event; answered with how many there are then.
struct Add {
    text: String,
    reply: Reply<u64>,
}

#[derive(Serialize, Deserialize)]
struct Added {
    text: String,
}

impl EventSourced for Counted {
    type Command = Add;
    type Event = Added;
    type Error = Infallible;
    const EVENT_TYPE: &'static str = "bench.Added";

    fn initial(_id: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: Add, _cx: &mut Decide<Self>) -> Result<Effect<Added>, Infallible> {
        let Add { text, reply } = command;
        Ok(Effect::persist(Added { text }).reply(reply, self.events + 1))
    }

    fn apply(&mut self, event: &Added) {
        self.events += 1;
        self.bytes += event.text.len() as u64;
    }
}
