//! `ReplayController`: runs a replay, stops it, goes back and forward in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use steadfast_base::{Instant, Time, Timestamp};
use steadfast_eventlog::{ActorName, Position, Query, Speed};

use super::{
    Breakpoint, NonDeterminism, ReadOnly, ReplayBuilder, ReplayError, Upcoming,
    checkpoints::{Checkpoints, Moment},
    feed::Feed,
    player::{Played, Player, Unit},
    roles::Roles,
};
use crate::record::{Gap, opened::GAP_TYPE};

/// Gaps that a replay lists at most; all are counted.
pub const GAPS_LISTED_MAX: usize = 100;

/// What a builder decided.
pub(super) struct Settings {
    pub(super) speed: Speed,
    pub(super) time: Time,
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
    feed: Feed,
    roles: Roles,
    pub(super) settings: Settings,
    pub(super) players: BTreeMap<ActorName, Box<dyn Player>>,
    upcoming: Option<Unit>,
    ended: bool,
    pub(super) step: u64,
    pub(super) last: Option<Last>,
    latest: Timestamp,
    /// When the next step is due, where there is a pace.
    due: Option<Instant>,
    passes_breakpoint: bool,
    paused: Arc<AtomicBool>,
    pub(super) checkpoints: Checkpoints,
    pub(super) named: BTreeMap<String, Moment>,
    start: Position,
    pub(super) gaps: Vec<(ActorName, Gap)>,
    pub(super) gaps_total: u64,
    pub(super) skipped: u64,
    broken: Option<Box<NonDeterminism>>,
    pub(super) explores: bool,
    pub(super) exploration: Vec<super::TurnDifference>,
    pub(super) explored: u64,
}

impl ReplayController {
    /// Prepares a replay of what is in a log.
    pub fn builder(log: impl Into<ReadOnly>) -> ReplayBuilder {
        ReplayBuilder::new(log.into())
    }

    pub(super) fn new(feed: Feed, roles: Roles, settings: Settings) -> Self {
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
            due: None,
            passes_breakpoint: false,
            paused: Arc::default(),
            checkpoints: Checkpoints::default(),
            named: BTreeMap::new(),
            start,
            gaps: Vec::new(),
            gaps_total: 0,
            skipped: 0,
            broken: None,
            explores: false,
            exploration: Vec::new(),
            explored: 0,
        }
    }

    /// Plays on, at the pace that was set, until it is over or something stops it.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]; a divergence is [`ReplayError::NonDeterminism`], now and for ever after.
    ///
    /// # Cancel safety
    ///
    /// Dropped between two steps, at a wait or a read; every step was played whole or not at all. Call it
    /// again to go on.
    pub async fn run(&mut self) -> Result<Halt, ReplayError> {
        self.paused.store(false, Ordering::Relaxed);
        loop {
            if self.paused.load(Ordering::Relaxed) {
                return Ok(Halt::Paused);
            }
            if !self.prepare().await? {
                return Ok(Halt::End);
            }
            if let Some(name) = self.breakpoint() {
                self.passes_breakpoint = true;
                return Ok(Halt::Breakpoint(name));
            }
            self.keep_pace().await;
            // Paused in the wait: the step is still to come.
            if !self.paused.load(Ordering::Relaxed) {
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

    /// Goes back some steps, at most to before the first one.
    ///
    /// Nothing is run backward: it goes on from the nearest moment kept in memory, or from the start.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the replay stands at a step before the one asked for.
    pub async fn back(&mut self, steps: u64) -> Result<Halt, ReplayError> {
        let target = self.step.saturating_sub(steps);
        let near = self.checkpoints.newest(|moment| moment.step <= target);
        self.go_to(near);
        self.forward(target.saturating_sub(self.step)).await
    }

    /// Goes to a time: everything that happened at `at` or before has been played, up to the first step
    /// that happened later.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the replay stands at a step before the one asked for.
    pub async fn travel_to(&mut self, at: Timestamp) -> Result<Halt, ReplayError> {
        if self.latest > at {
            let near = self.checkpoints.newest(|moment| moment.latest <= at);
            self.go_to(near);
        }
        self.travel_while(|unit| unit.event.at <= at).await
    }

    /// Goes to a position of the log: everything up to and including it has been played.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the replay stands at a step before the one asked for.
    pub async fn travel_to_position(&mut self, position: Position) -> Result<Halt, ReplayError> {
        if self.last.as_ref().is_some_and(|last| last.position > position) {
            let is_before =
                |moment: &Moment| moment.last.as_ref().is_none_or(|last| last.position <= position);
            let near = self.checkpoints.newest(is_before);
            self.go_to(near);
        }
        self.travel_while(|unit| unit.event.position <= position).await
    }

    async fn travel_while(&mut self, goes: impl Fn(&Unit) -> bool) -> Result<Halt, ReplayError> {
        loop {
            if !self.prepare().await? {
                return Ok(Halt::End);
            }
            if !self.upcoming.as_ref().is_some_and(&goes) {
                return Ok(Halt::Arrived);
            }
            self.play()?;
        }
    }

    /// A switch that pauses a [`run`](Self::run) from elsewhere; calling it again goes on.
    #[must_use]
    pub fn pause_switch(&self) -> PauseSwitch {
        PauseSwitch(Arc::clone(&self.paused))
    }

    /// Sets how fast the steps follow each other from now on.
    pub fn set_speed(&mut self, speed: Speed) {
        self.settings.speed = speed;
        self.due = None;
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
    async fn prepare(&mut self) -> Result<bool, ReplayError> {
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
        let next = Upcoming { event, step: self.step };
        let hit = self.settings.breakpoints.iter().find(|point| point.matches(&next))?;
        Some(hit.name().to_owned())
    }

    async fn keep_pace(&mut self) {
        let (Some(next), Some(last)) = (&self.upcoming, &self.last) else { return };
        let wait = self.settings.speed.wait(gap(last.at, next.event.at));
        if wait == Duration::ZERO {
            return;
        }
        let time = &self.settings.time;
        let due = self.due.unwrap_or_else(|| time.now());
        let due = due.checked_add(wait).unwrap_or(due);
        time.sleep_until(due).await;
        self.due = Some(due);
    }

    /// Plays the step that is next.
    fn play(&mut self) -> Result<(), ReplayError> {
        let Some(unit) = self.upcoming.take() else { return Ok(()) };
        self.passes_breakpoint = false;
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
        let explores = self.explores;
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
        if explores {
            self.explored = self.explored.saturating_add(1);
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
            if self.explores {
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

    /// The present moment, if every actor can be kept now.
    pub(super) fn moment(&mut self) -> Option<Moment> {
        let mut players = BTreeMap::new();
        for (actor, player) in &mut self.players {
            players.insert(actor.clone(), player.save()?);
        }
        let (step, position, latest) = (self.step, self.feed.last(), self.latest);
        // A unit that was read ahead and not played is read again.
        let ahead = self.upcoming.as_ref().map(|unit| unit.event.position.previous());
        let position = ahead.unwrap_or(position);
        let (last, players) = (self.last.clone(), Arc::new(players));
        Some(Moment { step, position, latest, last, players })
    }

    /// The present moment; without states where they cannot be kept.
    pub(super) fn present(&mut self) -> Moment {
        self.moment().unwrap_or_else(|| Moment {
            step: self.step,
            position: self.feed.last(),
            latest: self.latest,
            last: self.last.clone(),
            players: Arc::default(),
        })
    }

    fn keep_moment(&mut self) {
        if let Some(moment) = self.moment() {
            self.checkpoints.keep(moment);
        }
    }

    /// Goes to a moment kept in memory, or to the start.
    pub(super) fn go_to(&mut self, moment: Option<Moment>) {
        self.upcoming = None;
        self.ended = false;
        self.due = None;
        self.broken = None;
        self.passes_breakpoint = false;
        self.players.clear();
        match moment {
            None => {
                self.feed.rewind(self.start);
                (self.step, self.latest, self.last) = (0, Timestamp::UNIX_EPOCH, None);
                (self.gaps_total, self.skipped) = (0, 0);
                self.gaps.clear();
            }
            Some(moment) => {
                self.feed.rewind(moment.position);
                (self.step, self.latest, self.last) = (moment.step, moment.latest, moment.last);
                for (actor, saved) in moment.players.iter() {
                    if let Ok(player) = self.player(actor) {
                        player.load(saved);
                    }
                }
            }
        }
    }
}

/// Pauses a replay that runs elsewhere. Made by [`ReplayController::pause_switch`].
#[derive(Clone, Debug)]
pub struct PauseSwitch(Arc<AtomicBool>);

impl PauseSwitch {
    /// Pauses the replay before its next step.
    pub fn pause(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "the difference of timestamps saturates")]
fn gap(before: Timestamp, at: Timestamp) -> Duration {
    at - before
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
