//! Commands of event-sourced entities, each answered once its event is on the disk.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{runtime::Builder, task::JoinSet};

use steadfast_actor_core::System;
use steadfast_base::Time;
use steadfast_eventlog::{
    EventStore, block_on,
    segment_store::{Config, SegmentStore},
};
use steadfast_sourcing::{Entities, EntityRef};

use super::{Add, Counted, KIND};
use crate::{
    durable::quantile,
    event::Event,
    generator::Generator,
    race::Race,
    sample::{Numbers, Setting},
    workload::Workload,
};

/// Entities, each with one who asks: the next command once the last one is answered.
const ENTITIES: usize = 64;
/// More than are asked in one turn.
const COMMANDS: usize = 100_000;
const WORKERS: usize = 2;

pub fn sample(setting: &Setting) -> Result<Numbers> {
    if !setting.wants(Workload::Command64) {
        return Ok(Numbers::new());
    }
    let store = SegmentStore::open(Config::new(setting.path("commands")), Time::system())?;
    let count = setting.count(COMMANDS / 10, COMMANDS);
    let events: Arc<[Event]> = Generator::new(setting.seed).take(count).collect();
    let race = Race::new(events, setting.millis(100, 1_000));
    let before = syncs(&store)?;
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let (wall, mut each) = runtime.block_on(run(&store, &race))?;
    let syncs = (syncs(&store)? - before) as f64;
    let events = block_on(store.extent())?.last.get();
    // Every entity is asked once before the time counts.
    ensure!(events == (each.len() + ENTITIES) as u64, "{} answers, {events} events", each.len());
    block_on(store.close())?;
    each.sort_unstable();
    let count = each.len() as f64;
    Ok(vec![
        ("command-64", count / wall.as_secs_f64()),
        ("command-64-p50", quantile(&each, 0.5)),
        ("command-64-p99", quantile(&each, 0.99)),
        ("command-64-syncs", syncs / count),
        ("command-64-group", count / syncs.max(1.0)),
    ])
}

fn syncs(store: &SegmentStore) -> Result<u64> {
    Ok(block_on(store.statistics())?.syncs_total)
}

async fn run(store: &SegmentStore, race: &Arc<Race>) -> Result<(Duration, Vec<Duration>)> {
    let system = System::builder("bench").build()?;
    let entities = Entities::<Counted>::builder(KIND).store(Arc::new(store.clone()));
    let entities = entities.start(&system).await?;
    let refs: Vec<EntityRef<Counted>> =
        (0..ENTITIES).map(|number| entities.get(number.to_string())).collect();
    for entity in &refs {
        ask(entity, String::new()).await?;
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for entity in refs {
        let race = Arc::clone(race);
        tasks.spawn(async move {
            let mut each = Vec::new();
            while let Some(event) = race.next(start) {
                let begin = Instant::now();
                let events = ask(&entity, event.payload.clone()).await?;
                each.push(begin.elapsed());
                ensure!(events == each.len() as u64 + 1, "a command was lost");
            }
            Ok(each)
        });
    }
    let mut each = Vec::new();
    while let Some(done) = tasks.join_next().await {
        each.extend(done??);
    }
    let wall = start.elapsed();
    entities.shutdown().await;
    system.shutdown().await;
    Ok((wall, each))
}

async fn ask(entity: &EntityRef<Counted>, text: String) -> Result<u64> {
    let answer = entity.ask(|reply| Add { text, reply }).await;
    answer.ok().context("a command was refused")
}
