//! Looking back: what the log takes, a day played again, and the state of an airport on a past day.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast::base::Time;
use steadfast_eventlog::segment_store::SegmentStore;
use steadfast_eventlog::{EventKind, EventStore, Query};
use steadfast_sourcing::Moment;

use crate::calendar::{Day, Minute};
use crate::event::Event;
use crate::fleet::Fleet;
use crate::participant::Happened;
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
    /// How long it took to find the states of the evening before, in milliseconds.
    pub found_ms: f64,
    /// How long it took to play the day, in milliseconds.
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
    look_back.travel = travel(fleet, events, noon, time).await?;
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

async fn state_at(fleet: &Fleet, role: Role, at: Minute) -> Result<(State, u64), RunError> {
    let past = fleet.entity(role).state_at(Moment::At(at.timestamp())).await;
    let past = past.map_err(|error| RunError::store("looking into the past", error))?;
    let state = past.state.state().cloned().unwrap_or_else(|| State::new(role));
    Ok((state, past.seq.get()))
}

fn before(events: &[Event], end: Minute) -> &[Event] {
    events.get(..events.partition_point(|event| event.at < end)).unwrap_or_default()
}

async fn replay(
    fleet: &Fleet,
    log: &SegmentStore,
    events: &[Event],
    day: Day,
    time: &Time,
) -> Result<DayReplay, RunError> {
    let (start, end) = (day.start(), day.next().start());
    let of_day = before(events, end).get(before(events, start).len()..).unwrap_or_default();
    let roles: BTreeSet<Role> = of_day.iter().flat_map(recipients).collect();
    let began = time.now();
    let mut states: BTreeMap<Role, State> =
        roles.into_iter().map(|role| (role, State::new(role))).collect();
    fold(log, Minute::default(), start, &mut states).await?;
    let found_ms = millis(time.now() - began);
    let began = time.now();
    let played = fold(log, start, end, &mut states).await?;
    let played_ms = millis(time.now() - began);
    let expected = straight_pass(fleet.roster(), before(events, end));
    let hashes_equal = states.iter().all(|(role, state)| {
        let expected = expected.get(fleet.roster().index(*role).get());
        expected.map(State::digest) == Some(state.digest())
    });
    let entities = states.len() as u64;
    Ok(DayReplay { day, events: played, entities, found_ms, played_ms, hashes_equal })
}

/// Folds the stored events of a span of time into the states they concern; says how many.
async fn fold(
    log: &SegmentStore,
    from: Minute,
    before: Minute,
    states: &mut BTreeMap<Role, State>,
) -> Result<u64, RunError> {
    let query =
        Query::between(from.timestamp(), before.timestamp()).kinds([EventKind::StateChanged]);
    let (mut stored, mut folded) = (log.read(query), 0);
    loop {
        let batch = stored.next().await;
        let batch = batch.map_err(|error| RunError::store("reading the past", error))?;
        if batch.is_empty() {
            return Ok(folded);
        }
        for event in batch {
            let happened = event.payload.decode::<Happened>();
            let Happened { role, event } =
                happened.map_err(|error| RunError::store("reading the past", error))?;
            if let Some(state) = states.get_mut(&role) {
                state.apply(&event);
                folded += 1;
            }
        }
    }
}

async fn travel(
    fleet: &Fleet,
    events: &[Event],
    at: Minute,
    time: &Time,
) -> Result<Travel, RunError> {
    let airports = (0..).zip(&fleet.roster().airports);
    let jfk = airports.filter(|(_, entry)| entry.code == AIRPORT).map(|(id, _)| id).next();
    let role = Role::Airport(AirportId(jfk.unwrap_or(0)));
    let began = time.now();
    let (state, seq) = state_at(fleet, role, at).await?;
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
