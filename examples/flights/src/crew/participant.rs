//! The actor: one for each plane, airport and airline, and one for network operations.

use std::sync::Arc;
use std::time::Duration;
use std::{error, fmt, panic};

use steadfast::actor_core::{Actor, Cx, Flow, Reply, Started};

use super::World;
use crate::fault::{FaultKind, INJECTED_PANIC};
use crate::inbox::{Accept, Inbox};
use crate::roster::{ActorIndex, RegionId, Role};
use crate::state::State;

/// Early inputs that an incarnation holds; more are dropped, since the feeder sends them again.
const STASH_MAX: usize = 1_024;

/// How long a slow handler takes.
const SLOW: Duration = Duration::from_millis(2);

/// How long a handler waits for its own kill, which comes at the first await.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// What an actor is told. Events are given by their index in the timeline.
#[derive(Debug)]
pub(crate) enum Msg {
    /// An event, as the actor's input of this number.
    Input { number: u64, event: u32 },
    /// Events once more, the first of them as the input of this number.
    Again { first: u64, events: Box<[u32]> },
    /// Nothing at all: what a burst consists of.
    Noise,
    /// The airport has to close: it fails now and at each start until its region is new.
    Close,
    /// How far it is, and its state.
    Report(Reply<Report>),
}

/// An actor's answer to [`Msg::Report`].
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) incarnation: u64,
    pub(crate) applied: u64,
    pub(crate) state: State,
}

/// One incarnation of an actor.
pub(super) struct Participant {
    world: Arc<World>,
    role: Role,
    index: ActorIndex,
    incarnation: u64,
    inbox: Inbox<u32>,
    state: State,
}

/// Why a handler failed on purpose.
#[derive(Debug)]
pub(super) enum Injected {
    /// A planned error.
    Error,
    /// The airport is closed.
    Closed,
    /// A kill that did not happen.
    NotKilled,
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "an injected error",
            Self::Closed => "the airport is closed",
            Self::NotKilled => "a kill was ordered and did not come",
        })
    }
}

impl error::Error for Injected {}

impl Participant {
    pub(super) fn new(world: &Arc<World>, role: Role) -> Self {
        Self {
            world: Arc::clone(world),
            role,
            index: world.roster.index(role),
            incarnation: 0,
            inbox: Inbox::new(STASH_MAX),
            state: State::new(role),
        }
    }

    fn region(&self) -> Option<RegionId> {
        match self.role {
            Role::Airport(id) => self.world.roster.airport(id).map(|entry| entry.region),
            _ => None,
        }
    }

    fn is_closed(&self) -> bool {
        self.region().is_some_and(|region| self.world.board.is_closed(region, self.index))
    }

    async fn take(&mut self, number: u64, event: u32, cx: &mut Cx<Self>) -> Result<(), Injected> {
        let Accept::Apply(event) = self.inbox.accept(number, event) else { return Ok(()) };
        self.apply(event, cx).await?;
        while let Some(event) = self.inbox.next_stashed() {
            self.apply(event, cx).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, index: u32, cx: &mut Cx<Self>) -> Result<(), Injected> {
        let Some(event) = self.world.events.get(index as usize) else { return Ok(()) };
        if let Some(fault) = self.world.plan.at(index, event)
            && fault.victim == self.role
            && fault.kind.strikes_inside()
            && self.world.board.inject(index, fault.kind, self.index)
        {
            Box::pin(suffer(fault.kind, cx)).await?;
        }
        self.state.apply(event);
        Ok(())
    }
}

/// Goes wrong in the way asked for.
#[expect(clippy::panic, reason = "a panic is one of the faults to survive")]
async fn suffer(kind: FaultKind, cx: &mut Cx<Participant>) -> Result<(), Injected> {
    match kind {
        FaultKind::Panic => panic::panic_any(INJECTED_PANIC),
        FaultKind::Error => Err(Injected::Error),
        FaultKind::Slow => {
            cx.system().time().sleep(SLOW).await;
            Ok(())
        }
        FaultKind::Kill => {
            cx.me().kill();
            cx.system().time().sleep(KILL_WAIT).await;
            Err(Injected::NotKilled)
        }
        FaultKind::Meltdown | FaultKind::FullMailbox => Ok(()),
    }
}

impl Actor for Participant {
    type Msg = Msg;
    type Error = Injected;

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, Injected> {
        if self.is_closed() {
            return Err(Injected::Closed);
        }
        let is_new_actor = cx.incarnation() == 1;
        self.incarnation = self.world.board.born(self.index, cx.me(), is_new_actor);
        Ok(Started::Running)
    }

    async fn handle(&mut self, message: Msg, cx: &mut Cx<Self>) -> Result<Flow, Injected> {
        match message {
            Msg::Input { number, event } => self.take(number, event, cx).await?,
            Msg::Again { first, events } => {
                for (number, event) in (first..).zip(events) {
                    self.take(number, event, cx).await?;
                }
            }
            Msg::Close if self.is_closed() => return Err(Injected::Closed),
            Msg::Close | Msg::Noise => {}
            Msg::Report(reply) => reply.send(Report {
                incarnation: self.incarnation,
                applied: self.inbox.applied(),
                state: self.state.clone(),
            }),
        }
        Ok(Flow::Continue)
    }
}
