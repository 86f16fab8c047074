//! steadfast's embedded event log, in its default configuration but for the durability.

use std::{
    fs,
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Error, Result};
use tokio::{runtime::Builder, task::JoinSet};

use steadfast_base::{CorrelationId, EventId, Time, Timestamp};
use steadfast_eventlog::{
    Append, CodecId, EventKind, EventStore, NewEvent, Payload, Query, TypeName, block_on,
    format::frame::EventRef as StoredRef,
    segment_store::{Config, Durability, SegmentStore},
};

use crate::{
    event::{Event, EventRef, Id, TAGS},
    figures::{STEADFAST, STEADFAST_MEMORY},
    journal::{Journal, Mode, Peer, Task, Visit},
    race::{Race, Raced},
    settle::settle,
    size,
};

pub const PEER: Peer = Peer {
    name: STEADFAST,
    package: Some("steadfast-eventlog"),
    open: |dir, mode| open(dir, mode, Durability::Os),
    tasks: &[
        Task::Durable,
        Task::Concurrent,
        Task::Relaxed,
        Task::Pipelined,
        Task::Bulk,
        Task::Seals,
        Task::Large,
        Task::Sourced,
    ],
    reserved: empty_segments,
    note: "defaults; Durability::Sync or ::Os; several writers are tasks on two threads of tokio",
    ..Peer::EMBEDDED
};

pub const MEMORY: Peer = Peer {
    name: STEADFAST_MEMORY,
    open: |dir, mode| open(dir, mode, Durability::Memory),
    tasks: &[Task::Relaxed, Task::Pipelined],
    note: "steadfast with Durability::Memory",
    ..PEER
};

/// Threads of the runtime that several writers run on.
const WORKERS: usize = 2;
/// Calls whose answers are still to come.
const IN_FLIGHT: usize = 1_000;

/// Types of payload end in the digit of their tag.
const TYPES: [&str; TAGS as usize] = [
    "shop.Event0",
    "shop.Event1",
    "shop.Event2",
    "shop.Event3",
    "shop.Event4",
    "shop.Event5",
    "shop.Event6",
    "shop.Event7",
    "shop.Event8",
    "shop.Event9",
];

#[derive(Clone)]
struct Steadfast {
    store: SegmentStore,
    types: Arc<[TypeName]>,
}

fn open(dir: &Path, mode: Mode, relaxed: Durability) -> Result<Box<dyn Journal>> {
    let config = Config::new(dir);
    let config = match mode {
        Mode::Durable => config,
        Mode::Relaxed => config.with_durability(relaxed),
        Mode::Unsealed => config.with_durability(relaxed).with_seal_level(None),
    };
    let store = SegmentStore::open(config, Time::system())?;
    Ok(Box::new(Steadfast {
        store,
        types: TYPES.iter().map(|name| TypeName::new(*name)).collect(),
    }))
}

/// What the open segment and the ones made ahead take; after `settle` the open one holds no event.
fn empty_segments(dir: &Path) -> Result<u64> {
    let mut newest = None;
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        match path.extension().and_then(|kind| kind.to_str()) {
            Some("seg") => newest = newest.max(Some(path)),
            Some("spare" | "tmp") => bytes += size::allocated(&path)?,
            _ => {}
        }
    }
    Ok(bytes + newest.map_or(Ok(0), |path| size::allocated(&path))?)
}

impl Steadfast {
    fn new_event(&self, event: &Event) -> NewEvent {
        let payload = event.payload.as_bytes().to_vec();
        let payload = Payload::new(CodecId::JSON, &self.types[usize::from(event.tag)], 1, payload);
        let id = EventId::from_u128(u128::from_be_bytes(event.id.0));
        NewEvent::new(id, Arc::clone(&event.actor), EventKind::StateChanged, payload)
            .with_at(Timestamp::from_unix_nanos(event.at * 1_000))
            .with_correlation(correlation(event.correlation))
            .with_causation(EventId::from_u128(u128::from_be_bytes(event.causation.0)))
    }

    fn scan(&self, query: &Query, visit: &mut Visit<'_>) -> Result<()> {
        let mut fault = None;
        self.store.scan(query, |event| match borrow(event) {
            Ok(event) => {
                visit(event);
                ControlFlow::Continue(())
            }
            Err(error) => {
                fault = Some(error);
                ControlFlow::Break(())
            }
        })?;
        fault.map_or(Ok(()), Err)
    }

    /// One writer among several: its next event once the last one is acknowledged.
    async fn write(self, race: Arc<Race>) -> Result<Vec<Duration>> {
        let start = Instant::now();
        let mut each = Vec::new();
        while let Some(event) = race.next(start) {
            let begin = Instant::now();
            self.store.append(Append::one(self.new_event(event))).await?;
            each.push(begin.elapsed());
        }
        Ok(each)
    }
}

fn correlation(id: Id) -> CorrelationId {
    CorrelationId::from_u128(u128::from_be_bytes(id.0))
}

fn id(bits: Option<u128>) -> Id {
    Id(bits.unwrap_or_default().to_be_bytes())
}

fn tag(type_name: &str) -> Result<u8> {
    let digit = type_name.as_bytes().last().context("a type without a name")?;
    Ok(digit.wrapping_sub(b'0'))
}

fn borrow<'a>(event: &StoredRef<'a>) -> Result<EventRef<'a>> {
    Ok(EventRef {
        id: id(Some(event.id.as_u128())),
        tag: tag(event.type_name)?,
        actor: event.actor,
        at: event.at.as_unix_nanos() / 1_000,
        correlation: id(event.correlation.map(CorrelationId::as_u128)),
        causation: id(event.causation.map(EventId::as_u128)),
        payload: str::from_utf8(event.payload)?,
    })
}

impl Journal for Steadfast {
    fn append(&self, events: &[Event]) -> Result<()> {
        let events: Vec<NewEvent> = events.iter().map(|event| self.new_event(event)).collect();
        self.store.append_blocking(Append::new(events))?;
        Ok(())
    }

    fn pipeline(&self, events: &[Event]) -> Result<()> {
        for events in events.chunks(IN_FLIGHT) {
            let calls = events.iter().map(|event| Append::one(self.new_event(event)));
            let answers: Vec<_> = calls.map(|call| self.store.append(call)).collect();
            answers.into_iter().try_for_each(|answer| answer.wait().map(drop))?;
        }
        Ok(())
    }

    fn race(&self, writers: usize, race: &Arc<Race>) -> Result<Raced> {
        if writers == 1 {
            return race.on_threads(1, &|event| self.append(std::slice::from_ref(event)));
        }
        let runtime = Builder::new_multi_thread().worker_threads(WORKERS).build()?;
        let start = Instant::now();
        let each = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..writers {
                tasks.spawn(self.clone().write(Arc::clone(race)));
            }
            let mut each = Vec::new();
            while let Some(done) = tasks.join_next().await {
                each.extend(done??);
            }
            Ok::<_, Error>(each)
        })?;
        Ok(Raced { wall: start.elapsed(), each })
    }

    fn sync(&self) -> Result<()> {
        Ok(block_on(self.store.sync())?)
    }

    fn syncs(&self) -> Option<u64> {
        block_on(self.store.statistics()).ok().map(|statistics| statistics.syncs_total)
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        self.scan(&Query::all(), visit)
    }

    fn by_actor(&self, actor: &str, visit: &mut Visit<'_>) -> Result<()> {
        self.scan(&Query::actor(actor), visit)
    }

    fn by_correlation(&self, id: Id, visit: &mut Visit<'_>) -> Result<()> {
        self.scan(&Query::correlation(correlation(id)), visit)
    }

    fn settle(&self) -> Result<()> {
        settle(&self.store)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(block_on(self.store.close())?)
    }
}
