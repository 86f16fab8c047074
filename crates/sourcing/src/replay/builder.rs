//! Preparing a replay: what is replayed, how its actors are built, and how fast.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use steadfast_actor_core::Actor;
use steadfast_base::{CorrelationId, Time, Timestamp};
use steadfast_eventlog::{ActorName, EventKind, Position, Query, Speed, Upcasters, limits};

use super::{
    Breakpoint, ReadOnly, ReplayController, ReplayError, Stage, actor_player::ActorPlayer,
    checkpoints::CHECKPOINT_EVERY, command_player::CommandPlayer, controller::Settings,
    entity_player::EntityPlayer, feed::Feed, pace::Pace, roles::Roles, stages::Stages,
};
use crate::{
    EventSourced,
    record::{Shape, recording_of},
};

/// Actors that one replay keeps in memory at most.
pub const REPLAY_ACTORS_MAX: usize = 1_000_000;

/// Prepares a [`ReplayController`]. Made by [`ReplayController::builder`].
///
/// | setting | default |
/// |---|---|
/// | [`correlation`](Self::correlation), [`window`](Self::window), [`only`](Self::only), [`select`](Self::select) | everything of the actors with a role |
/// | [`speed`](Self::speed) | as fast as possible |
/// | [`time`](Self::time) | the machine's |
/// | [`breakpoint`](Self::breakpoint) | none |
/// | [`checkpoint_every`](Self::checkpoint_every) | 64 steps |
#[must_use = "a builder builds nothing until `build`"]
pub struct ReplayBuilder {
    log: ReadOnly,
    roles: Roles,
    stages: Stages,
    selection: Query,
    speed: Speed,
    time: Option<Time>,
    breakpoints: Vec<Breakpoint>,
    checkpoint_every: u64,
}

/// What a first look over the selection found.
struct Found {
    actors: BTreeSet<ActorName>,
    left_out: BTreeMap<ActorName, u64>,
    /// The position of the last step.
    last: Position,
    /// The position up to which there may be something that belongs to it.
    end: Position,
}

/// Actors whose events are looked up at most; those of more are found by reading all.
const LOOKED_UP_MAX: usize = 1_000;

/// How many events are read in a row while one is looked up by its actor.
const SCAN_SPEEDUP: u64 = 16;

/// Actors without a role that are named at most.
pub const LEFT_OUT_MAX: usize = 100;

impl ReplayBuilder {
    pub(super) fn new(log: ReadOnly) -> Self {
        Self {
            log,
            roles: Roles::default(),
            stages: Stages::default(),
            selection: Query::all(),
            speed: Speed::FASTEST,
            time: None,
            breakpoints: Vec::new(),
            checkpoint_every: CHECKPOINT_EVERY,
        }
    }

    /// Says how the recorded actor with this path is built: as its factory does, but with refs that the
    /// [`Stage`] makes.
    pub fn actor<A: Actor>(
        mut self,
        path: &str,
        shape: Shape<A>,
        build: impl Fn(&Stage) -> A + Send + Sync + 'static,
    ) -> Self {
        let (build, stages) = (Arc::new(build), self.stages.clone());
        let cast = move |_: &ActorName| -> Box<dyn super::player::Player> {
            Box::new(ActorPlayer::new(shape.clone(), Arc::clone(&build) as _, stages.clone()))
        };
        self.roles.add(recording_of(path), Box::new(cast));
        self
    }

    /// As [`actor`](Self::actor), for all recorded actors whose path begins so.
    pub fn actors<A: Actor>(
        mut self,
        beginning: &str,
        shape: Shape<A>,
        build: impl Fn(&Stage) -> A + Send + Sync + 'static,
    ) -> Self {
        let (build, stages) = (Arc::new(build), self.stages.clone());
        let cast = move |_: &ActorName| -> Box<dyn super::player::Player> {
            Box::new(ActorPlayer::new(shape.clone(), Arc::clone(&build) as _, stages.clone()))
        };
        self.roles.add_all(recording_of(beginning).as_str().to_owned(), Box::new(cast));
        self
    }

    /// Gives the event-sourced actors of a kind a role: their events are folded (event replay), from
    /// [`EventSourced::initial`] on.
    ///
    /// An event of another version than [`EventSourced::EVENT_VERSION`] is an error; see
    /// [`entities_with`](Self::entities_with).
    pub fn entities<E: EventSourced + Serialize + Clone>(self, kind: &str) -> Self {
        self.cast_entities::<E>(kind, None)
    }

    /// As [`entities`](Self::entities), with what brings older events up to the present version.
    pub fn entities_with<E: EventSourced + Serialize + Clone>(
        self,
        kind: &str,
        upcasters: Arc<Upcasters>,
    ) -> Self {
        self.cast_entities::<E>(kind, Some(upcasters))
    }

    /// As [`entities`](Self::entities), and decides again upon the commands that were recorded
    /// (input replay): a decision that leads to other events, or to a panic, stops the replay.
    ///
    /// Steps are both the events and the decisions. The commands are those that
    /// [`Recorder::entities`](crate::record::Recorder::entities) has recorded.
    pub fn commands<E>(mut self, kind: &str) -> Self
    where
        E: EventSourced + Serialize + Clone,
        E::Command: DeserializeOwned,
    {
        let beginning = format!("{kind}/");
        let start = beginning.clone();
        let cast = move |actor: &ActorName| -> Box<dyn super::player::Player> {
            let id = actor.as_str().strip_prefix(start.as_str()).unwrap_or(actor.as_str());
            Box::new(CommandPlayer::new(E::initial(id), None))
        };
        self.roles.share(beginning.clone());
        self.roles.add_all(beginning, Box::new(cast));
        self
    }

    fn cast_entities<E: EventSourced + Serialize + Clone>(
        mut self,
        kind: &str,
        upcasters: Option<Arc<Upcasters>>,
    ) -> Self {
        let beginning = format!("{kind}/");
        let start = beginning.clone();
        let cast = move |actor: &ActorName| -> Box<dyn super::player::Player> {
            let id = actor.as_str().strip_prefix(start.as_str()).unwrap_or(actor.as_str());
            Box::new(EntityPlayer::new(E::initial(id), upcasters.clone()))
        };
        self.roles.add_all(beginning, Box::new(cast));
        self
    }

    /// Replays one piece of work: the turns with this correlation, of all actors.
    ///
    /// The turns before and between them are run too, since states depend on them, but they are no steps.
    pub fn correlation(mut self, id: CorrelationId) -> Self {
        self.selection = self.selection.of_correlation(id);
        self
    }

    /// Replays what happened at `from` or later, and before `before`.
    pub fn window(mut self, from: Timestamp, before: Timestamp) -> Self {
        self.selection = self.selection.during(from, before);
        self
    }

    /// Replays only these recorded actors, by their paths.
    pub fn only<'p>(mut self, paths: impl IntoIterator<Item = &'p str>) -> Self {
        self.selection = self.selection.actors(paths.into_iter().map(recording_of));
        self
    }

    /// Replays only these event-sourced actors, by their names: `kind/id`.
    pub fn only_entities<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.selection = self.selection.actors(names);
        self
    }

    /// Replays what a query finds; its direction and limit play no part.
    pub fn select(mut self, query: Query) -> Self {
        self.selection = query;
        self
    }

    /// Sets how fast the steps follow each other.
    pub fn speed(mut self, speed: Speed) -> Self {
        self.speed = speed;
        self
    }

    /// Sets the time by which a replay at a pace waits.
    pub fn time(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }

    /// Adds a breakpoint.
    pub fn breakpoint(mut self, breakpoint: Breakpoint) -> Self {
        self.breakpoints.push(breakpoint);
        self
    }

    /// Sets how many steps lie between two moments kept in memory; 0 keeps none, which makes steps back
    /// as long as the replay.
    pub fn checkpoint_every(mut self, steps: u64) -> Self {
        self.checkpoint_every = steps;
        self
    }

    /// Looks over the selection, and stands before its first step.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]: the log cannot be read, an actor that was asked for by name has no role, or the
    /// selection holds too many.
    ///
    /// # Cancel safety
    ///
    /// Nothing has happened when it is dropped.
    pub async fn build(self) -> Result<ReplayController, ReplayError> {
        for actor in &self.selection.actors {
            if !self.roles.has(&self.roles.owner(actor).0) {
                return Err(ReplayError::NoRole { actor: actor.clone() });
            }
        }
        let found = self.look().await?;
        let mut query = Query::all().positions(..=found.end);
        if self.are_rare(&found).await? {
            query = query.actors(found.actors.iter());
        }
        let mut feed = Feed::new(self.log.clone(), query);
        if found.actors.is_empty() {
            // A query without names asks for all: there is nothing to read.
            feed = Feed::new(self.log.clone(), Query::all().limit(0));
        }
        let settings = Settings {
            breakpoints: self.breakpoints,
            checkpoint_every: self.checkpoint_every,
            selection: self.selection,
            actors: found.actors,
            left_out: found.left_out,
            last: found.last,
        };
        let time = self.time.unwrap_or_else(Time::system);
        let pace = Pace::new(self.speed, time);
        Ok(ReplayController::new(feed, Arc::new(self.roles), settings, pace))
    }

    /// Which actors the selection is about, and where it ends.
    async fn look(&self) -> Result<Found, ReplayError> {
        let mut found = Found {
            actors: BTreeSet::new(),
            left_out: BTreeMap::new(),
            last: Position::ZERO,
            end: Position::ZERO,
        };
        let mut query = self.selection.clone();
        (query.limit, query.direction) = (None, steadfast_eventlog::Direction::Forward);
        if query.kinds.is_empty() {
            query = query.kinds([EventKind::MessageProcessed, EventKind::StateChanged]);
        }
        let mut events = self.log.read(query);
        loop {
            let batch = events.next().await?;
            let Some(last) = batch.last() else { break };
            found.last = last.position;
            for event in &batch {
                self.note(&mut found, &event.actor)?;
            }
        }
        // What was appended with the last turn belongs to it.
        if !found.actors.is_empty() {
            let behind = u64::try_from(limits::BATCH_EVENTS_MAX).unwrap_or(u64::MAX);
            found.end = found.last.plus(behind).min(self.log.extent().await?.last);
        }
        Ok(found)
    }

    /// Whether the actors have so little of the log that it pays to look their events up one by one.
    async fn are_rare(&self, found: &Found) -> Result<bool, ReplayError> {
        if found.actors.len() > LOOKED_UP_MAX {
            return Ok(false);
        }
        let mut events = 0_u64;
        for actor in &found.actors {
            let extent = self.log.actor(actor).await?;
            let own = extent.highest.get().saturating_sub(extent.first.get());
            events = events.saturating_add(own);
        }
        Ok(events.saturating_mul(SCAN_SPEEDUP) < found.end.get())
    }

    fn note(&self, found: &mut Found, actor: &ActorName) -> Result<(), ReplayError> {
        if found.actors.contains(actor) {
            return Ok(());
        }
        let (owner, other) = self.roles.owner(actor);
        if self.roles.has(&owner) {
            if found.actors.len() >= REPLAY_ACTORS_MAX {
                return Err(ReplayError::TooManyActors { max: REPLAY_ACTORS_MAX });
            }
            found.actors.insert(owner);
            found.actors.extend(other);
        } else if found.left_out.len() < LEFT_OUT_MAX || found.left_out.contains_key(actor) {
            let events = found.left_out.entry(actor.clone()).or_default();
            *events = events.saturating_add(1);
        }
        Ok(())
    }
}

impl fmt::Debug for ReplayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBuilder")
            .field("roles", &self.roles)
            .field("selection", &self.selection)
            .field("speed", &self.speed)
            .finish_non_exhaustive()
    }
}
