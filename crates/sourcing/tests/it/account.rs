//! The entity of the tests: an account that can be told to do wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use steadfast_actor_core::Reply;
use steadfast_base::{CorrelationId, EventId, Timestamp};
use steadfast_sourcing::{Decide, Effect, EventSourced};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) cents: i64,
    pub(crate) events: u64,
    /// Everything that was ever added, in order.
    pub(crate) added: Vec<i64>,
}

pub(crate) enum Command {
    Add {
        cents: i64,
        reply: Reply<i64>,
    },
    AddAll {
        cents: Vec<i64>,
        reply: Reply<i64>,
    },
    /// Adds, and counts when the effect runs.
    AddThen {
        cents: i64,
        ran: Arc<AtomicU64>,
        reply: Reply<i64>,
    },
    Get(Reply<i64>),
    Given(Reply<Given>),
    /// Adds what chance says.
    Gamble(Reply<i64>),
    /// An event that is larger than any log takes.
    Huge(Reply<i64>),
    Fail(Reply<i64>),
    Panic(Reply<i64>),
    /// An event on which `apply` panics.
    Cursed(Reply<i64>),
    /// Runs a future, whose result is added.
    Fetch(i64),
    Leave(Reply<()>),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) id: String,
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) causation: Option<EventId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    Added { cents: i64 },
    Noted { text: String },
    Cursed,
}

#[derive(Debug)]
pub(crate) struct Broke;

impl std::fmt::Display for Broke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broke")
    }
}

impl std::error::Error for Broke {}

impl EventSourced for Account {
    type Command = Command;
    type Event = Event;
    type Error = Broke;
    const EVENT_TYPE: &'static str = "bank.AccountEvent";

    fn initial(_id: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: Command, cx: &mut Decide<Self>) -> Result<Effect<Event>, Broke> {
        Ok(match command {
            Command::Add { cents, reply } => {
                Effect::persist(Event::Added { cents }).reply(reply, self.cents + cents)
            }
            Command::AddAll { cents, reply } => {
                let sum = self.cents + cents.iter().sum::<i64>();
                let events = cents.into_iter().map(|cents| Event::Added { cents });
                Effect::persist_all(events).reply(reply, sum)
            }
            Command::AddThen { cents, ran, reply } => Effect::persist(Event::Added { cents })
                .then(move || {
                    ran.fetch_add(1, Ordering::Relaxed);
                })
                .reply(reply, self.cents + cents),
            Command::Get(reply) => Effect::none().reply(reply, self.cents),
            Command::Given(reply) => {
                let given = Given {
                    id: cx.id().to_owned(),
                    seq: cx.seq().get(),
                    at: cx.timestamp(),
                    correlation: cx.correlation(),
                    causation: cx.causation(),
                };
                Effect::persist(Event::Added { cents: 1 }).reply(reply, given)
            }
            Command::Gamble(reply) => {
                let cents = i64::try_from(cx.rng().below(1_000_000)).unwrap_or(0);
                Effect::persist(Event::Added { cents }).reply(reply, cents)
            }
            Command::Huge(reply) => {
                let text = "x".repeat(2 << 20);
                Effect::persist(Event::Noted { text }).reply(reply, self.cents)
            }
            Command::Fail(reply) => {
                drop(reply);
                return Err(Broke);
            }
            Command::Panic(reply) => {
                drop(reply);
                panic!("told to");
            }
            Command::Cursed(reply) => Effect::persist(Event::Cursed).reply(reply, self.cents),
            Command::Fetch(cents) => {
                cx.perform(std::future::ready(cents), |cents| Command::Add {
                    cents,
                    reply: Reply::detached(),
                });
                Effect::none()
            }
            Command::Leave(reply) => {
                cx.passivate();
                Effect::none().reply(reply, ())
            }
        })
    }

    fn apply(&mut self, event: &Event) {
        self.events += 1;
        match event {
            Event::Added { cents } => {
                self.cents += cents;
                self.added.push(*cents);
            }
            Event::Noted { .. } => {}
            Event::Cursed => panic!("cursed"),
        }
    }
}
