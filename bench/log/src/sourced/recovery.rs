//! Entities that are brought into memory from their events.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use tokio::{runtime::Builder, task::JoinSet};

use steadfast_actor_core::System;
use steadfast_base::{EventId, Time};
use steadfast_eventlog::{
    ActorName, Append, CodecId, EventKind, EventStore, NewEvent, Payload, block_on,
    segment_store::{Config, Durability, SegmentStore},
};
use steadfast_sourcing::{Entities, EventSourced as _};

use super::{Added, Counted, KIND};
use crate::{
    generator::Generator,
    journal::Peer,
    sample::{Numbers, Setting, progress},
    settle::settle,
    workload::Workload,
};

/// Events of each entity.
const EVENTS: usize = 100;
const WORKERS: usize = 2;

/// Milliseconds until all entities have answered; the log was opened again before.
pub fn sample(peer: &Peer, setting: &Setting) -> Result<Numbers> {
    if !setting.wants(Workload::Recovery10k) {
        return Ok(Numbers::new());
    }
    let dir = setting.path("entities");
    let count = setting.count(200, 10_000);
    progress(peer.name, &format!("storing {EVENTS} events of each of {count} entities"));
    let store =
        SegmentStore::open(Config::new(&dir).with_durability(Durability::Os), Time::system())?;
    let expected = fill(&store, setting.seed, count)?;
    settle(&store)?;
    block_on(store.close())?;

    let store = SegmentStore::open(Config::new(&dir), Time::system())?;
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let took = runtime.block_on(recover(&store, expected))?;
    block_on(store.close())?;
    Ok(vec![("recovery-10k", took.as_secs_f64() * 1e3)])
}

/// Stores one event of each entity in turn, as they would come; gives the states.
fn fill(store: &SegmentStore, seed: u64, count: usize) -> Result<Vec<Counted>> {
    let mut generator = Generator::new(seed);
    let mut states = vec![Counted::default(); count];
    let names: Vec<ActorName> =
        (0..count).map(|number| ActorName::from(format!("{KIND}/{number}"))).collect();
    for _ in 0..EVENTS {
        for (names, states) in names.chunks(1_000).zip(states.chunks_mut(1_000)) {
            let mut batch = Vec::with_capacity(names.len());
            for ((name, state), event) in names.iter().zip(states).zip(generator.by_ref()) {
                let id = EventId::from_u128(u128::from_be_bytes(event.id.0));
                let added = Added { text: event.payload };
                let payload = Payload::encode(
                    CodecId::NAMED,
                    Counted::EVENT_TYPE,
                    Counted::EVENT_VERSION,
                    &added,
                )?;
                batch.push(NewEvent::new(id, name, EventKind::StateChanged, payload));
                state.apply(&added);
            }
            store.append(Append::new(batch)).wait()?;
        }
    }
    Ok(states)
}

async fn recover(store: &SegmentStore, expected: Vec<Counted>) -> Result<Duration> {
    let system = System::builder("bench").build()?;
    let entities = Entities::<Counted>::builder(KIND)
        .store(Arc::new(store.clone()))
        .resident_max(expected.len())
        .start(&system)
        .await?;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, expected) in expected.into_iter().enumerate() {
        let entity = entities.get(number.to_string());
        tasks.spawn(async move {
            let found = entity.query(|state| *state).await.map_err(|fault| anyhow!("{fault}"))?;
            ensure!(found == expected, "entity {number} has {found:?} and not {expected:?}");
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let took = start.elapsed();
    entities.shutdown().await;
    system.shutdown().await;
    Ok(took)
}
