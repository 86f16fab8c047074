//! Looking back: what the log takes, a day played again, and the state of an airport on a past day.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast::base::Time;
use steadfast_eventlog::segment_store::SegmentStore;
use steadfast_eventlog::{ActorName, EventKind, EventStore, Position, Query};
use steadfast_sourcing::record::ValueHash;
use steadfast_sourcing::replay::{Breakpoint, Halt, ReplayController, ReplayError, state_hash};

use crate::calendar::{Day, Minute};
use crate::event::Event;
use crate::fleet::Fleet;
use crate::participant::Participant;
use crate::reference::straight_pass;
use crate::roster::{AirportId, Role};
use crate::route::recipients;
use crate::run::RunError;
use crate::state::State;

/// The airport whose past is asked for.
const AIRPORT: &str = "JFK";

/// Noon in New York in winter, in minutes of a UTC day.
const NOON: i32 = 17 * 60;

/// What an event takes beside its names and its payload: four ids, four numbers, time, kind, version, codec.
const RAW_EVENT_BYTES: u64 = 84;

/// What the log says once the run is over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LookBack {
    /// Events in the log, positions of the feeder included.
    pub log_events: u64,
    /// Bytes that the log takes on the disk.
    pub bytes_on_disk: u64,
    /// Bytes of the same events with ids, numbers, names and payloads, uncompressed.
    pub bytes_raw: u64,
    /// Segments of the log, and how many of them are not compressed yet.
    pub segments: (u64, u64),
    /// Appends of the last life, and syncs that they took.
    pub appends_and_syncs: (u64, u64),
    /// Snapshots that the last life saved.
    pub snapshots_saved: u64,
    /// Entities that the last life brought back from the log.
    pub recoveries: u64,
    /// A day played again.
    pub replay: DayReplay,
    /// The past of an airport.
    pub travel: Travel,
}

/// A day played again from the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DayReplay {
    /// Which; in UTC.
    pub day: Day,
    /// Events played.
    pub events: u64,
    /// Entities that they concern.
    pub entities: u64,
    /// How long it took to play everything up to the first event of the day, in milliseconds.
    pub found_ms: f64,
    /// How long it took to play on to the evening, in milliseconds.
    pub played_ms: f64,
    /// Whether all states have the hash that a plain pass over the file gives them on that evening.
    pub hashes_equal: bool,
}

/// An airport as it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Travel {
    /// Which.
    pub airport: String,
    /// When; in UTC.
    pub at: Minute,
    /// Its number of events then.
    pub seq: u64,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// Its figures.
    pub figures: BTreeMap<String, i64>,
    /// Whether they are those of a plain pass over the file up to that minute.
    pub equal: bool,
}

/// Asks the log.
pub(crate) async fn look_back(
    fleet: &Fleet,
    log: &SegmentStore,
    events: &[Event],
    time: &Time,
) -> Result<LookBack, RunError> {
    let figures = log.statistics().await;
    let figures = figures.map_err(|error| RunError::store("asking the log", error))?;
    let mut look_back = LookBack {
        log_events: figures.events,
        bytes_on_disk: figures.bytes,
        bytes_raw: bytes_raw(log)?,
        segments: (figures.segments, figures.segments_unsealed),
        appends_and_syncs: (figures.appends_total, figures.syncs_total),
        ..LookBack::default()
    };
    for group in fleet.statistics() {
        look_back.snapshots_saved += group.snapshots_saved_total;
        look_back.recoveries += group.recoveries_total;
    }
    let (day, noon) = moments(events);
    look_back.replay = replay(fleet, log, events, day, time).await?;
    look_back.travel = travel(fleet, log, events, noon, time).await?;
    Ok(look_back)
}

/// What the events of the log take one after another, as they are.
fn bytes_raw(log: &SegmentStore) -> Result<u64, RunError> {
    let mut bytes = 0;
    let scanned = log.scan(&Query::all(), |event| {
        let names = event.actor.len() + event.type_name.len();
        bytes += RAW_EVENT_BYTES + (names + event.payload.len()) as u64;
        ControlFlow::Continue(())
    });
    scanned.map_err(|error| RunError::store("scanning the log", error))?;
    Ok(bytes)
}

/// The blizzard of 8 February and the noon after it; of a run that does not reach them, its middle.
fn moments(events: &[Event]) -> (Day, Minute) {
    let last = events.last().map_or(Minute::default(), |event| event.at);
    let blizzard = Day::from_civil(2013, 2, 8).unwrap_or_default();
    let noon = blizzard.next().start().plus(NOON);
    if last >= noon {
        return (blizzard, noon);
    }
    let middle = events.get(events.len() / 2).map_or(last, |event| event.at);
    (middle.day(), middle)
}

fn before(events: &[Event], end: Minute) -> &[Event] {
    events.get(..events.partition_point(|event| event.at < end)).unwrap_or_default()
}

/// Plays the log up to the evening of a day, with a controller of its own that can only read.
///
/// Steps come in the order of the log, and that is the order in time for each entity, but not over all: several
/// windows of events are under way at once. So the hash of an entity is taken before the first step that is of
/// the next day, and of those that have none at the end.
async fn replay(
    fleet: &Fleet,
    log: &SegmentStore,
    events: &[Event],
    day: Day,
    time: &Time,
) -> Result<DayReplay, RunError> {
    let (start, end) = (day.start().timestamp(), day.next().start().timestamp());
    let reading = |error| RunError::store("reading the past", error);
    let began = time.now();
    let last = Query::between(start, end).kinds([EventKind::StateChanged]).backward().limit(1);
    let last = log.read(last).all().await.map_err(reading)?;
    let last = last.first().map_or(Position::ZERO, |event| event.position);
    let upcoming: Arc<Mutex<Seen>> = Arc::default();
    let seen = Arc::clone(&upcoming);
    let watch = Breakpoint::when("the day begins, or is over for an entity", move |next| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, is_first) = (next.event.at, seen.events == 0);
        if (start..end).contains(&at) {
            seen.events += 1;
            seen.entities.insert(next.event.actor.clone());
            return is_first;
        }
        let is_over = at >= end && seen.over.insert(next.event.actor.clone());
        seen.next = is_over.then(|| next.event.actor.clone());
        is_over
    });
    let query = Query::all().kinds([EventKind::StateChanged]).positions(..=last);
    let mut replay = ReplayController::builder(Arc::new(log.clone()));
    for kind in fleet.kinds() {
        replay = replay.entities::<Participant>(kind);
    }
    let replay = replay.select(query).checkpoint_every(0).breakpoint(watch).build().await;
    let mut replay = replay.map_err(playing)?;
    let (mut found, mut hashes) = (None, BTreeMap::new());
    // Each halt but the first is of another entity.
    while let Halt::Breakpoint(_) = replay.run().await.map_err(playing)? {
        found.get_or_insert_with(|| time.now());
        let next = upcoming.lock().unwrap_or_else(PoisonError::into_inner).next.take();
        if let Some(entity) = next {
            let hash = replay.entity_hash(entity.as_str());
            hashes.insert(entity, hash);
        }
    }
    let found = found.unwrap_or(began);
    let played_ms = millis(time.now() - found);
    for (entity, hash) in replay.hashes() {
        hashes.entry(entity.clone()).or_insert(hash);
    }
    let hashes_equal = are_equal(fleet, before(events, day.next().start()), &hashes);
    let seen = upcoming.lock().unwrap_or_else(PoisonError::into_inner);
    let entities = seen.entities.len() as u64;
    let found_ms = millis(found - began);
    Ok(DayReplay { day, events: seen.events, entities, found_ms, played_ms, hashes_equal })
}

/// What a replay has come by.
#[derive(Debug, Default)]
struct Seen {
    /// Events of the day, and whose they are.
    events: u64,
    entities: BTreeSet<ActorName>,
    /// Entities that are past the day.
    over: BTreeSet<ActorName>,
    /// The one that is past it with the next step.
    next: Option<ActorName>,
}

/// Whether these are the hashes of all entities after a plain pass over the events.
fn are_equal(
    fleet: &Fleet,
    events: &[Event],
    hashes: &BTreeMap<ActorName, Option<ValueHash>>,
) -> bool {
    let roster = fleet.roster();
    let touched: BTreeSet<Role> = events.iter().flat_map(recipients).collect();
    let states = straight_pass(roster, events);
    let of = |role: &Role| {
        let state = states.get(roster.index(*role).get())?;
        let hash = state_hash(&Participant::of(state.clone()));
        Some((fleet.entity(*role).actor(), hash))
    };
    let expected: Option<BTreeMap<_, _>> = touched.iter().map(of).collect();
    // An entity whose first event is of the next day has a hash too: that of nothing.
    let nothing = state_hash(&Participant::default());
    expected.is_some_and(|expected| {
        expected.iter().all(|(entity, hash)| hash.is_some() && hashes.get(entity) == Some(hash))
            && hashes.iter().all(|(entity, hash)| expected.contains_key(entity) || *hash == nothing)
    })
}

fn playing(error: ReplayError) -> RunError {
    RunError::store("playing the past", error)
}

async fn travel(
    fleet: &Fleet,
    log: &SegmentStore,
    events: &[Event],
    at: Minute,
    time: &Time,
) -> Result<Travel, RunError> {
    let airports = (0..).zip(&fleet.roster().airports);
    let jfk = airports.filter(|(_, entry)| entry.code == AIRPORT).map(|(id, _)| id).next();
    let role = Role::Airport(AirportId(jfk.unwrap_or(0)));
    let began = time.now();
    let name = fleet.entity(role).actor();
    let kind = name.as_str().split('/').next().unwrap_or_default();
    let replay = ReplayController::builder(Arc::new(log.clone())).entities::<Participant>(kind);
    let replay = replay.only_entities([name.as_str()]).checkpoint_every(0).build().await;
    let mut replay = replay.map_err(playing)?;
    replay.travel_to(at.timestamp()).await.map_err(playing)?;
    let state = replay.entity::<Participant>(name.as_str()).and_then(Participant::state).cloned();
    let (state, seq) = (state.unwrap_or_else(|| State::new(role)), replay.step());
    let took_ms = millis(time.now() - began);
    let expected = straight_pass(fleet.roster(), before(events, at.plus(1)));
    let equal = expected.get(fleet.roster().index(role).get()) == Some(&state);
    let figures = state.figures();
    let figures = figures.into_iter().map(|figure| (figure.name.to_owned(), figure.value));
    let airport = fleet.roster().name(role);
    Ok(Travel { airport, at, seq, took_ms, figures: figures.collect(), equal })
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}
