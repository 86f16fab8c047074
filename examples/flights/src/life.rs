//! One life of the process: opens the log, feeds what is left, and says what it came to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use steadfast::actor_core::System;
use steadfast::base::Seed;
use steadfast::base::storage::FileSystem;
use steadfast::supervision::{ChildSpec, RootSupervisor, Supervisor};
use steadfast_eventlog::EventStore;
use steadfast_eventlog::segment_store::{Config, SEGMENT_BYTES, SegmentStore};
use steadfast_snapshot::{FileSnapshots, FileSnapshotsConfig};

use crate::dataset::Dataset;
use crate::desk::{DeskReport, SERVICES, Setup, desk, services};
use crate::event::Event;
use crate::feeder::{Feeder, Parts};
use crate::fleet::{Fleet, Stores};
use crate::journal::{Journal, Position, RunId};
use crate::look_back::look_back;
use crate::message::{Done, Message, Resumed};
use crate::outage::OutagePlan;
use crate::pace::Pace;
use crate::roster::Role;
use crate::run::{Flight, RunError, STALL};
use crate::state::State;
use crate::views::ReadModels;

/// How long the runtime may take to end once all actors have.
const RUNTIME_WAIT: Duration = Duration::from_secs(5);

/// The root's name.
const ROOT: &str = "root";

/// About what an event of the year takes in the log, with all whom it concerns.
const EVENT_BYTES: u64 = 800;

/// How many segments a run fills at least: most are compressed before its end, and what is not yet, where the
/// events of one entity lie in many places, is a small part of what a new life has to read.
const SEGMENTS: u64 = 32;

/// The smallest segment that is worth a file.
const SEGMENT_BYTES_SMALL: u64 = 1 << 20;

/// Which part of a run a life is.
#[derive(Clone, Debug)]
pub struct Life {
    /// How the run goes.
    pub flight: Flight,
    /// Where log, snapshots and read models lie.
    pub directory: PathBuf,
    /// How many lives were before it.
    pub number: u32,
    /// The event in front of which it waits to be killed.
    pub stop_at: Option<u32>,
}

/// Lives; blocks the thread until the year is over, or the process is killed.
///
/// # Errors
///
/// [`RunError`]; nothing is left running then either, and what was stored stays.
pub fn live(
    dataset: &Dataset,
    events: &Arc<[Event]>,
    life: &Life,
    say: &mut dyn FnMut(Message),
) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build();
    let runtime = runtime.map_err(RunError::Runtime)?;
    let outcome = runtime.block_on(within_runtime(dataset, events, life, say));
    runtime.shutdown_timeout(RUNTIME_WAIT);
    outcome
}

async fn within_runtime(
    dataset: &Dataset,
    events: &Arc<[Event]>,
    life: &Life,
    say: &mut dyn FnMut(Message),
) -> Result<(), RunError> {
    // No two lives draw the same ids.
    let seed = Seed::new(life.flight.seed.wrapping_add(u64::from(life.number)));
    let system = System::builder("flights").seed(seed).build().map_err(RunError::Build)?;
    let began = system.time().now();
    let config = Config::new(life.directory.join("log")).with_segment_bytes(segment(events));
    let log = SegmentStore::open(config, system.time().clone());
    let log = log.map_err(|error| RunError::store("opening the log", error))?;
    let open_ms = (system.time().now() - began).as_secs_f64() * 1_000.0;
    let shared: Arc<dyn EventStore> = Arc::new(log.clone());
    let work = Work { dataset, events, life, system: &system, log: &log, shared: &shared, open_ms };
    let outcome = work.run(began, say).await;
    let ended = system.shutdown().await;
    let done = outcome?;
    let (actors, killed) = (system.actor_count(), ended.killed);
    if actors > 0 || killed > 0 {
        return Err(RunError::LeftRunning { actors, killed });
    }
    log.close().await.map_err(|error| RunError::store("closing the log", error))?;
    say(Message::Done(Box::new(done)));
    Ok(())
}

/// What one life works with.
struct Work<'a> {
    dataset: &'a Dataset,
    events: &'a Arc<[Event]>,
    life: &'a Life,
    system: &'a System,
    log: &'a SegmentStore,
    shared: &'a Arc<dyn EventStore>,
    open_ms: f64,
}

impl Work<'_> {
    async fn run(
        &self,
        began: steadfast::base::Instant,
        say: &mut dyn FnMut(Message),
    ) -> Result<Done, RunError> {
        let Self { dataset, events, life, system, log, shared, .. } = *self;
        let (journal, position) = self.resume(say).await?;
        let roster = Arc::new(dataset.roster.clone());
        let stores = Stores { log: Arc::clone(shared), snapshots: self.snapshots()? };
        let fleet = Fleet::start(system, stores, Arc::clone(&roster)).await;
        let fleet = Arc::new(fleet.map_err(RunError::Entities)?);
        let views = ReadModels::open(shared, &life.directory.join("views"), system);
        let (views, models) = views.map_err(|error| RunError::store("opening a view", error))?;
        let setup = Setup {
            roster,
            events: Arc::clone(events),
            outages: Arc::new(outages(events, &life.flight)),
            seed: life.flight.seed,
        };
        let root = Supervisor::one_for_one()
            .child(ChildSpec::supervisor(
                SERVICES,
                services(&setup, &dataset.records, system, ROOT),
            ))
            .child(ChildSpec::supervisor("read-models", models));
        let root = RootSupervisor::of(root).start(system, ROOT).await.map_err(RunError::Start)?;
        let desk = desk(system, ROOT).ok_or(RunError::NoDesk)?;
        let parts = Parts {
            fleet: Arc::clone(&fleet),
            system: system.clone(),
            events: Arc::clone(events),
            plan: life.flight.plan,
            desk,
            journal,
            position,
            began,
        };
        let mut feeder = Feeder::new(parts, say);
        if let Some(first) = events.first() {
            feeder.feed(Pace::new(first.at, life.flight.speed), life.stop_at).await?;
        }
        let states = states(&fleet, system).await?;
        let end = log.extent().await.map_err(|error| RunError::store("asking the log", error))?;
        let views = system.time().timeout(STALL, views.at(end.last)).await;
        let views = views.ok().flatten().ok_or(RunError::ViewStands)?;
        let DeskReport { briefings, services } = feeder.desk_report().await?;
        if let Some(reason) = root.supervisor().handle().exit_reason() {
            return Err(RunError::RootEnded(reason));
        }
        let look_back = look_back(&fleet, log, events, system.time()).await?;
        let mut tally = fleet.tally();
        tally.add(&feeder.position.tally);
        Ok(Done {
            states,
            deliveries: feeder.deliveries(),
            tally,
            dead_letters: system.dead_letter_count(),
            briefings,
            services,
            views,
            look_back,
        })
    }

    fn snapshots(&self) -> Result<Arc<FileSnapshots>, RunError> {
        let directory = self.life.directory.join("snapshots");
        let (storage, time) = (Arc::new(FileSystem), self.system.time().clone());
        let store = FileSnapshots::open(storage, directory, time, FileSnapshotsConfig::default());
        store.map(Arc::new).map_err(|error| RunError::store("opening the snapshots", error))
    }

    /// Finds how far the run has come.
    async fn resume(
        &self,
        say: &mut dyn FnMut(Message),
    ) -> Result<(Journal<'_>, Position), RunError> {
        let run = RunId {
            flights: self.dataset.flights.len() as u64,
            events: self.events.len() as u64,
            seed: self.life.flight.seed,
            fault_rate_ppb: self.life.flight.plan.rate_ppb(),
        };
        let reading = |error| RunError::store("finding the position", error);
        let opened = Journal::open(&**self.shared, self.system.ids()).await;
        let (mut journal, last) = opened.map_err(reading)?;
        let extent = self.log.extent().await.map_err(reading)?;
        let is_new = extent.last == steadfast_eventlog::Position::ZERO;
        let position = match last {
            Some(position) if position.run == run => position,
            None if is_new => {
                let position = Position { run, ..Position::default() };
                let written = journal.write(&position).await;
                written.map_err(|error| RunError::store("writing a position", error))?;
                position
            }
            _ => return Err(RunError::OtherRun(self.life.directory.clone())),
        };
        let logged = extent.last.get();
        let resumed = Resumed { fed: position.fed, logged, open_ms: self.open_ms };
        say(Message::Resumed(resumed));
        Ok((journal, position))
    }
}

/// The state of each entity, by actor index.
async fn states(fleet: &Arc<Fleet>, system: &System) -> Result<Vec<Option<State>>, RunError> {
    let roles: Vec<Role> = fleet.roster().roles().collect();
    let mut states: Vec<Option<State>> = vec![None; roles.len()];
    let mut queries = JoinSet::new();
    for (index, role) in roles.into_iter().enumerate() {
        let (fleet, system) = (Arc::clone(fleet), system.clone());
        queries.spawn(async move { (index, state(&fleet, role, &system).await) });
    }
    while let Some(joined) = queries.join_next().await {
        let (index, state) = joined.map_err(|error| RunError::store("asking for states", error))?;
        if let Some(place) = states.get_mut(index) {
            *place = Some(state?);
        }
    }
    Ok(states)
}

async fn state(fleet: &Fleet, role: Role, system: &System) -> Result<State, RunError> {
    let deadline = system.time().now() + STALL;
    loop {
        let state = fleet.entity(role).query(|entity| entity.state().cloned()).await;
        if let Ok(state) = state {
            return Ok(state.unwrap_or_else(|| State::new(role)));
        }
        fleet.revive(role).await.map_err(RunError::Entities)?;
        if system.time().now() > deadline {
            let waiting_for = "an entity to tell its state";
            return Err(RunError::Stalled { waiting_for, after: STALL });
        }
        system.time().sleep(Duration::from_millis(1)).await;
    }
}

/// How large a segment of the log is: a part of what will be written, within what is usual.
fn segment(events: &[Event]) -> u64 {
    let whole = events.len() as u64 * EVENT_BYTES;
    (whole / SEGMENTS).next_multiple_of(4_096).clamp(SEGMENT_BYTES_SMALL, SEGMENT_BYTES)
}

/// Outages come with the faults, whatever their rate.
fn outages(events: &[Event], flight: &Flight) -> OutagePlan {
    match (events.first(), events.last()) {
        (Some(first), Some(last)) if flight.plan.is_on() => {
            OutagePlan::new(flight.seed, first.at, last.at)
        }
        _ => OutagePlan::none(),
    }
}

/// A directory below the system's temporary one, removed when this is dropped.
#[derive(Debug)]
pub struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// Chooses one that no other process has, for this purpose; it is made when something is put there.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        let name = format!("steadfast-flights-{}-{purpose}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // It may never have been made; what cannot be removed is left to the system.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
