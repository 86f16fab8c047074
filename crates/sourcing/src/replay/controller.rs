//! `ReplayController`: runs a replay, stops it, goes back and forward in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use steadfast_base::Timestamp;
use steadfast_eventlog::{ActorName, Position, Query, Speed};

use super::{
    Breakpoint, Exploration, NonDeterminism, ReadOnly, ReplayBuilder, ReplayError, Upcoming,
    checkpoints::{Checkpoints, Moment},
    feed::Feed,
    pace::{Pace, PauseSwitch},
    player::{Played, Player, Unit},
    roles::Roles,
};
use crate::record::{Gap, opened::GAP_TYPE};

/// Gaps that a replay lists at most; all are counted.
pub const GAPS_LISTED_MAX: usize = 100;

/// What a builder decided.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) breakpoints: Vec<Breakpoint>,
    pub(super) checkpoint_every: u64,
    pub(super) selection: Query,
    pub(super) actors: BTreeSet<ActorName>,
    pub(super) left_out: BTreeMap<ActorName, u64>,
    /// The position of the last step.
    pub(super) last: Position,
}

/// The step that was played last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Last {
    /// Whose it was.
    pub actor: ActorName,
    /// The number of the turn; 0 for a folded event.
    pub turn: u64,
    /// Where its event lies.
    pub position: Position,
    /// When it happened.
    pub at: Timestamp,
}

/// Why a replay stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Halt {
    /// Everything was played.
    End,
    /// As many steps were taken as asked for, or the time or position asked for was reached.
    Arrived,
    /// A breakpoint of this name matches the next step.
    Breakpoint(String),
    /// It was paused.
    Paused,
}

/// Replays what was recorded, in a world of its own.
///
/// Two kinds of replay, told apart by the kind of actor. *Input replay* takes the recorded turns of
/// ordinary actors again, and compares what they give out with the record: kind, target and hash of each
/// output, how the turn ended, how much randomness it drew, and the hash of the state where it was kept. At the
/// first difference it stops; nothing behind it is run. *Event replay* folds the stored events of
/// event-sourced actors.
///
/// A *step* is one turn or one event of the selection. What lies before and between, of the same actors, is
/// played along with the next step. Steps come in the order of the log: per actor that is the order in which
/// they happened, and over actors the order in which the turns *ended*.
///
/// # Isolation
///
/// The source is [`ReadOnly`]. Handlers run on the calling thread, in a system in which nothing runs; what
/// they send goes to the replay and nowhere else, also what they send to refs of a live system; their
/// clock, randomness and answers come from the record. What goes around [`Cx`](steadfast_actor_core::Cx)
/// (files, sockets, the machine's clock) is not held back: see `docs/determinism.md`.
///
/// # Example
///
/// A day of the events of all airports, and one airport at noon:
///
/// ```
/// use std::sync::Arc;
///
/// use steadfast_base::Timestamp;
/// use steadfast_eventlog::{EventStore, MemoryStore};
/// use steadfast_sourcing::replay::{Halt, ReplayController};
/// # use serde::{Deserialize, Serialize};
/// # use steadfast_sourcing::{Decide, Effect, EventSourced};
/// # #[derive(Clone, Serialize, Default)]
/// # struct Airport { departures: u64 }
/// # #[derive(Serialize, Deserialize)]
/// # struct Departed;
/// # impl EventSourced for Airport {
/// #     type Command = ();
/// #     type Event = Departed;
/// #     type Error = std::convert::Infallible;
/// #     const EVENT_TYPE: &'static str = "flights.Airport";
/// #     fn initial(_: &str) -> Self { Self::default() }
/// #     fn decide(&self, (): (), _: &mut Decide<Self>) -> Result<Effect<Departed>, Self::Error> {
/// #         Ok(Effect::persist(Departed))
/// #     }
/// #     fn apply(&mut self, _: &Departed) { self.departures += 1; }
/// # }
///
/// # steadfast_eventlog::block_on(async {
/// let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
/// let (from, before): (Timestamp, Timestamp) =
///     ("2020-02-08T00:00:00Z".parse()?, "2020-02-09T00:00:00Z".parse()?);
/// let mut replay = ReplayController::builder(store)
///     .entities::<Airport>("airport")
///     .window(from, before)
///     .build()
///     .await?;
/// replay.travel_to("2020-02-08T12:00:00Z".parse()?).await?;
/// let jfk = replay.entity::<Airport>("airport/JFK"); // at noon, if it had an event by then
/// assert!(jfk.is_none());
/// assert_eq!(replay.run().await?, Halt::End);
/// println!("{} events, state {}", replay.step(), replay.state_hash());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct ReplayController {
    pub(super) feed: Feed,
    pub(super) roles: Arc<Roles>,
    pub(super) settings: Settings,
    pub(super) players: BTreeMap<ActorName, Box<dyn Player>>,
    pub(super) upcoming: Option<Unit>,
    pub(super) ended: bool,
    pub(super) step: u64,
    pub(super) last: Option<Last>,
    pub(super) latest: Timestamp,
    pub(super) pace: Pace,
    pub(super) passes_breakpoint: bool,
    pub(super) checkpoints: Checkpoints,
    pub(super) named: BTreeMap<String, Moment>,
    pub(super) start: Position,
    pub(super) gaps: Vec<(ActorName, Gap)>,
    pub(super) gaps_total: u64,
    pub(super) skipped: u64,
    pub(super) broken: Option<Box<NonDeterminism>>,
    /// Something was put in the place of what was recorded: what is played is another story.
    pub(super) is_changed: bool,
    /// What an exploration has come to, if this is one.
    pub(super) exploring: Option<Exploration>,
}

impl ReplayController {
    /// Prepares a replay of what is in a log.
    pub fn builder(log: impl Into<ReadOnly>) -> ReplayBuilder {
        ReplayBuilder::new(log.into())
    }

    pub(super) fn new(feed: Feed, roles: Arc<Roles>, settings: Settings, pace: Pace) -> Self {
        let start = feed.last();
        Self {
            feed,
            roles,
            settings,
            players: BTreeMap::new(),
            upcoming: None,
            ended: false,
            step: 0,
            last: None,
            latest: Timestamp::UNIX_EPOCH,
            pace,
            passes_breakpoint: false,
            checkpoints: Checkpoints::default(),
            named: BTreeMap::new(),
            start,
            gaps: Vec::new(),
            gaps_total: 0,
            skipped: 0,
            broken: None,
            is_changed: false,
            exploring: None,
        }
    }

    /// Plays on, at the pace that was set, until it is over or something stops it.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]; a divergence is [`ReplayError::NonDeterminism`], and stays it until the replay goes
    /// back.
    ///
    /// # Cancel safety
    ///
    /// Dropped between two steps, at a wait or a read; every step was played whole or not at all. Call it
    /// again to go on.
    pub async fn run(&mut self) -> Result<Halt, ReplayError> {
        self.pace.begin();
        loop {
            if self.pace.is_paused() {
                return Ok(Halt::Paused);
            }
            if !self.prepare().await? {
                return Ok(Halt::End);
            }
            if let Some(name) = self.breakpoint() {
                self.passes_breakpoint = true;
                return Ok(Halt::Breakpoint(name));
            }
            if let (Some(next), Some(last)) = (&self.upcoming, &self.last) {
                self.pace.keep(last.at, next.event.at).await;
            }
            // Paused in the wait: the step is still to come.
            if !self.pace.is_paused() {
                self.play()?;
            }
        }
    }

    /// Plays some steps, without waiting and past breakpoints.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run).
    pub async fn forward(&mut self, steps: u64) -> Result<Halt, ReplayError> {
        let target = self.step.saturating_add(steps);
        while self.step < target {
            if !self.prepare().await? {
                return Ok(Halt::End);
            }
            self.play()?;
        }
        Ok(Halt::Arrived)
    }

    /// A switch that pauses a [`run`](Self::run) from elsewhere; calling it again goes on.
    #[must_use]
    pub fn pause_switch(&self) -> PauseSwitch {
        self.pace.switch()
    }

    /// Sets how fast the steps follow each other from now on.
    pub fn set_speed(&mut self, speed: Speed) {
        self.pace.set_speed(speed);
    }

    /// Adds a breakpoint.
    pub fn add_breakpoint(&mut self, breakpoint: Breakpoint) {
        self.settings.breakpoints.push(breakpoint);
    }

    /// Takes all breakpoints away.
    pub fn clear_breakpoints(&mut self) {
        self.settings.breakpoints.clear();
    }

    /// Plays asides and what is not selected, until a step is next; false at the end.
    pub(super) async fn prepare(&mut self) -> Result<bool, ReplayError> {
        if let Some(broken) = &self.broken {
            return Err(ReplayError::NonDeterminism(broken.clone()));
        }
        while self.upcoming.is_none() {
            if self.ended {
                return Ok(false);
            }
            let Some(unit) = self.feed.next().await? else {
                self.ended = true;
                return Ok(false);
            };
            if !self.settings.actors.contains(&unit.event.actor) {
                continue;
            }
            let is_turn = self.player(&unit.event.actor)?.is_turn(&unit.event);
            let is_selected = self.settings.selection.matches(&unit.event);
            if unit.event.position > self.settings.last {
                // States are to stay what they were after the last step: only what is missing is told.
                if is_turn {
                    self.ended = true;
                    return Ok(false);
                }
                if is_selected && unit.event.payload.type_name().as_str() == GAP_TYPE {
                    self.play_unit(&unit)?;
                }
            } else if is_turn && is_selected {
                self.upcoming = Some(unit);
            } else {
                self.play_unit(&unit)?;
            }
        }
        Ok(true)
    }

    fn breakpoint(&mut self) -> Option<String> {
        if std::mem::take(&mut self.passes_breakpoint) {
            return None;
        }
        let event = &self.upcoming.as_ref()?.event;
        let next = Upcoming { event, step: self.step, last: self.last.as_ref() };
        let hit = self.settings.breakpoints.iter().find(|point| point.matches(&next))?;
        Some(hit.name().to_owned())
    }

    /// Plays the step that is next.
    pub(super) fn play(&mut self) -> Result<(), ReplayError> {
        let Some(unit) = self.upcoming.take() else { return Ok(()) };
        self.passes_breakpoint = false;
        self.pace.step();
        self.play_unit(&unit)?;
        let event = &unit.event;
        self.step = self.step.saturating_add(1);
        self.latest = self.latest.max(event.at);
        self.last = Some(Last {
            actor: event.actor.clone(),
            turn: event.turn,
            position: event.position,
            at: event.at,
        });
        let every = self.settings.checkpoint_every;
        if every != 0 && self.step.is_multiple_of(every) {
            self.keep_moment();
        }
        Ok(())
    }

    fn play_unit(&mut self, unit: &Unit) -> Result<(), ReplayError> {
        let actor = &unit.event.actor;
        let explores = self.exploring.is_some();
        match self.player(actor)?.play(unit)? {
            Played::Turn | Played::Aside => {}
            Played::Blind => self.skipped = self.skipped.saturating_add(1),
            Played::Gap(gap) => {
                self.gaps_total = self.gaps_total.saturating_add(1);
                if self.gaps.len() < GAPS_LISTED_MAX {
                    self.gaps.push((actor.clone(), gap));
                }
            }
            Played::Differs(difference, _) if explores => self.note_difference(unit, difference)?,
            Played::Differs(difference, state) => {
                let broken = Box::new(NonDeterminism {
                    actor: actor.clone(),
                    turn: unit.event.turn,
                    position: unit.event.position,
                    difference,
                    state,
                });
                self.broken = Some(broken.clone());
                return Err(ReplayError::NonDeterminism(broken));
            }
        }
        if let Some(exploration) = &mut self.exploring {
            exploration.played = exploration.played.saturating_add(1);
        }
        Ok(())
    }

    pub(super) fn player(
        &mut self,
        actor: &ActorName,
    ) -> Result<&mut Box<dyn Player>, ReplayError> {
        // Most replays have none that is played by another one: nothing to be looked up then.
        let owner = self.roles.shares().then(|| self.roles.owner(actor).0);
        let actor = owner.as_ref().unwrap_or(actor);
        if !self.players.contains_key(actor) {
            let player = self.roles.player(actor);
            let mut player = player.ok_or_else(|| ReplayError::NoRole { actor: actor.clone() })?;
            if self.exploring.is_some() {
                player.explore();
            }
            self.players.insert(actor.clone(), player);
        }
        self.players.get_mut(actor).ok_or_else(|| ReplayError::NoRole { actor: actor.clone() })
    }

    pub(super) fn players_mut(&mut self) -> impl Iterator<Item = &mut Box<dyn Player>> {
        self.players.values_mut()
    }

    pub(super) fn recast_as(&mut self, actor: ActorName, player: Box<dyn Player>) {
        self.players.insert(actor, player);
    }
}

impl fmt::Debug for ReplayController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayController")
            .field("step", &self.step)
            .field("last", &self.last)
            .field("actors", &self.players.len())
            .finish_non_exhaustive()
    }
}
