//! The feeder: hands the year to the entities in time order, a window of events at a time.
//!
//! Each entity gets its events of a window in one command. Several windows are under way at once, so that many
//! commands share one sync of the log; the numbers of the events keep those of one entity in order. Once a
//! window is stored with all whom it concerns, and those before it are, the position moves behind it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use steadfast::actor_core::{ActorRef, System};
use steadfast::base::Instant;

use crate::delivery::Delivery;
use crate::desk::{self, DeskReport};
use crate::event::Event;
use crate::fault::{Fault, FaultPlan};
use crate::fleet::Fleet;
use crate::journal::{Journal, Position};
use crate::message::Message;
use crate::pace::Pace;
use crate::participant::Batch;
use crate::progress::Progress;
use crate::roster::Role;
use crate::route::recipients;
use crate::run::{RunError, STALL};
use crate::tally::Tally;

/// Events in a window of a whole year: enough that the entities' shares of it are worth a command each.
const WINDOW: u32 = 4_096;

/// Windows in a short run, so that its position moves too.
const WINDOWS_MIN: u32 = 64;

/// Windows under way at once.
const WINDOWS: usize = 4;

/// How much time a window may take up where the year passes at a pace.
const WINDOW_SPAN: Duration = Duration::from_millis(50);

/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Feeds one life of a run.
pub(crate) struct Feeder<'a> {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) system: System,
    pub(crate) events: Arc<[Event]>,
    pub(crate) plan: FaultPlan,
    /// Reads the same year on its own, as far as it is told to.
    pub(crate) desk: ActorRef<desk::Msg>,
    pub(crate) journal: Journal<'a>,
    pub(crate) position: Position,
    /// How many events each entity was handed, by actor index.
    numbers: Vec<u64>,
    tasks: JoinSet<(u64, Result<Tally, RunError>)>,
    windows: VecDeque<Window>,
    /// Windows that are stored.
    closed: u64,
    /// Whether a window of this life is stored.
    at_work: bool,
    began: Instant,
    told: Instant,
    say: &'a mut dyn FnMut(Message),
}

/// A window under way.
struct Window {
    end: u32,
    left: usize,
    faults: Tally,
}

/// What a feeder works with.
pub(crate) struct Parts<'a> {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) system: System,
    pub(crate) events: Arc<[Event]>,
    pub(crate) plan: FaultPlan,
    pub(crate) desk: ActorRef<desk::Msg>,
    pub(crate) journal: Journal<'a>,
    pub(crate) position: Position,
    pub(crate) began: Instant,
}

impl<'a> Feeder<'a> {
    pub(crate) fn new(parts: Parts<'a>, say: &'a mut dyn FnMut(Message)) -> Self {
        let Parts { fleet, system, events, plan, desk, journal, position, began } = parts;
        let mut numbers = vec![0; fleet.roster().actors()];
        for event in events.iter().take(position.fed as usize) {
            for role in recipients(event) {
                if let Some(number) = numbers.get_mut(fleet.roster().index(role).get()) {
                    *number += 1;
                }
            }
        }
        Self {
            fleet,
            system,
            events,
            plan,
            desk,
            journal,
            position,
            numbers,
            tasks: JoinSet::new(),
            windows: VecDeque::new(),
            closed: 0,
            at_work: false,
            began,
            told: began,
            say,
        }
    }

    /// How many inputs the entities were handed, over all lives.
    pub(crate) fn deliveries(&self) -> u64 {
        self.numbers.iter().sum()
    }

    /// Feeds what is left of the year, each event when it is due, up to the place where it is to be killed.
    pub(crate) async fn feed(&mut self, pace: Pace, stop_at: Option<u32>) -> Result<(), RunError> {
        let total = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let resumed = self.position.fed;
        let mut next = resumed;
        // Its end may be a place that an earlier life had come to already.
        let stop_at = stop_at.map(|stop| stop.max(next.saturating_add(1)).min(total));
        while next < total {
            self.wait_until_due(pace, next).await?;
            while self.windows.len() >= WINDOWS {
                self.join_next().await?;
            }
            let end = self.window_end(pace, next).min(stop_at.unwrap_or(total));
            self.open_window(next, end);
            next = end;
            if stop_at == Some(next) {
                return self.wait_for_the_end(next).await;
            }
            self.tell(next);
        }
        while !self.windows.is_empty() {
            self.join_next().await?;
        }
        self.tell(total);
        self.journal.settle().await.map_err(|error| RunError::store("writing a position", error))
    }

    fn window_end(&self, pace: Pace, first: u32) -> u32 {
        let all = self.events.get(first as usize..).unwrap_or_default();
        let due = all.first().and_then(|event| pace.due(event.at));
        let total = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let window = all.iter().take((total / WINDOWS_MIN).clamp(1, WINDOW) as usize);
        let within = window.take_while(|event| match (due, pace.due(event.at)) {
            (Some(first), Some(this)) => this <= first + WINDOW_SPAN,
            _ => true,
        });
        first + u32::try_from(within.count()).unwrap_or(WINDOW)
    }

    /// Hands the events of a window to all whom they concern.
    fn open_window(&mut self, first: u32, end: u32) {
        let roster = Arc::clone(self.fleet.roster());
        let mut places: Vec<Option<usize>> = vec![None; roster.actors()];
        let mut batches: Vec<(Batch, Vec<(u64, Fault)>)> = Vec::new();
        let events = self.events.get(first as usize..end as usize).unwrap_or_default();
        for (index, event) in (first..).zip(events) {
            // A region melts down for its own event, or else for one that only the network hears of.
            let fault = self.plan.at(index, event).map(|fault| {
                let hears = recipients(event).any(|role| role == fault.victim);
                (fault, if hears { fault.victim } else { Role::Network })
            });
            for role in recipients(event) {
                let actor = roster.index(role).get();
                let (Some(place), Some(number)) =
                    (places.get_mut(actor), self.numbers.get_mut(actor))
                else {
                    continue;
                };
                *number += 1;
                let place = *place.get_or_insert_with(|| {
                    let batch = Batch { role, first: *number, events: Vec::new() };
                    batches.push((batch, Vec::new()));
                    batches.len() - 1
                });
                let Some((batch, faults)) = batches.get_mut(place) else { continue };
                batch.events.push(*event);
                let brought = fault.filter(|(_, bringer)| *bringer == role);
                faults.extend(brought.map(|(fault, _)| (*number, fault)));
            }
        }
        let window = self.closed + self.windows.len() as u64;
        self.windows.push_back(Window { end, left: batches.len(), faults: Tally::default() });
        for (batch, faults) in batches {
            let delivery = Delivery { batch: Arc::new(batch), faults };
            let (fleet, system) = (Arc::clone(&self.fleet), self.system.clone());
            self.tasks.spawn(async move { (window, delivery.deliver(&fleet, &system).await) });
        }
    }

    /// Waits for the next batch to be stored; moves the position behind windows that are.
    async fn join_next(&mut self) -> Result<(), RunError> {
        let Some(joined) = self.tasks.join_next().await else { return Ok(()) };
        let (window, faults) = joined.map_err(|error| RunError::store("delivering", error))?;
        let place = usize::try_from(window - self.closed).unwrap_or(usize::MAX);
        if let Some(window) = self.windows.get_mut(place) {
            window.faults.add(&faults?);
            window.left -= 1;
        }
        let was = self.position.fed;
        while let Some(window) = self.windows.pop_front_if(|window| window.left == 0) {
            self.closed += 1;
            self.position.fed = window.end;
            self.position.tally.add(&window.faults);
        }
        if self.position.fed > was {
            let written = self.journal.write(&self.position).await;
            written.map_err(|error| RunError::store("writing a position", error))?;
            if !std::mem::replace(&mut self.at_work, true) {
                let after = self.system.time().now() - self.began;
                (self.say)(Message::BackAtWork { after_ms: after.as_secs_f64() * 1_000.0 });
            }
        }
        Ok(())
    }

    /// Stays here, with commands under way, until the process is killed.
    async fn wait_for_the_end(&mut self, fed: u32) -> Result<(), RunError> {
        self.say_progress(fed);
        (self.say)(Message::AtTheEdge { fed });
        self.system.time().sleep(STALL).await;
        Err(RunError::Stalled { waiting_for: "the end of the process", after: STALL })
    }

    /// Waits until the event of this index is due.
    async fn wait_until_due(&mut self, pace: Pace, index: u32) -> Result<(), RunError> {
        let due = self.events.get(index as usize).and_then(|event| pace.due(event.at));
        let Some(due) = due.map(|due| self.began + due) else { return Ok(()) };
        while self.system.time().now() < due {
            self.tell(index);
            let time = self.system.time().clone();
            let until = due.min(time.now() + TELL_EVERY);
            match time.timeout_at(until, self.join_next()).await {
                Ok(joined) => {
                    joined?;
                    if self.windows.is_empty() {
                        time.sleep_until(until).await;
                    }
                }
                Err(_elapsed) => {}
            }
        }
        Ok(())
    }

    /// Asks the desk what its briefings and lookups came to, once it has read the whole year.
    pub(crate) async fn desk_report(&mut self) -> Result<DeskReport, RunError> {
        let deadline = self.system.time().now() + STALL;
        loop {
            if let Ok(report) = self.desk.ask(desk::Msg::Report).within(STALL).await {
                return Ok(report);
            }
            if self.system.time().now() > deadline {
                let waiting_for = "the dispatch desk to report";
                return Err(RunError::Stalled { waiting_for, after: STALL });
            }
        }
    }

    /// Tells the desk how far the year has come, and whoever watches.
    fn tell(&mut self, fed: u32) {
        // A later word covers one that finds no room.
        drop(self.desk.tell(desk::Msg::UpTo(fed)).now());
        let now = self.system.time().now();
        if now - self.told >= TELL_EVERY {
            self.told = now;
            self.say_progress(fed);
        }
    }

    fn say_progress(&mut self, fed: u32) {
        let tally = self.fleet.tally();
        let progress = Progress {
            done: u64::from(fed),
            total: self.events.len() as u64,
            restarts: tally.restarts_total(),
            dead_letters: self.system.dead_letter_count(),
            live: self.system.actor_count() as u64,
            elapsed: self.system.time().now() - self.began,
        };
        (self.say)(Message::Progress(progress, tally));
    }
}
