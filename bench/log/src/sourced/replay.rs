//! Recorded turns of an actor that are taken again.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use steadfast_actor_core::{Actor, Cx, Flow, Reply, System};
use steadfast_base::Time;
use steadfast_eventlog::{
    EventStore, MemoryStore, block_on,
    segment_store::{Config, SegmentStore},
};
use steadfast_sourcing::{
    record::{Recorder, RecorderConfig, Shape, WhenFull},
    replay::{Halt, ReplayController, Stage},
};

use crate::{
    journal::Peer,
    sample::{Numbers, Setting, progress},
    workload::Workload,
};

/// Turns that are not messages of ours: the start and the question for the end.
const TURNS_BESIDE: u64 = 2;

/// Each replay is done so often; the best counts.
const PASSES: usize = 3;
/// How long the answer to the last message may take, behind all others.
const PATIENCE: Duration = Duration::from_secs(60);

/// An actor whose handler does nothing.
struct Idle;

#[derive(Serialize, Deserialize)]
enum Msg {
    Nothing(u64),
    Done(Reply<()>),
}

impl Actor for Idle {
    type Msg = Msg;
    type Error = Infallible;

    async fn handle(&mut self, msg: Msg, _cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
        if let Msg::Done(reply) = msg {
            reply.send(());
        }
        Ok(Flow::Continue)
    }
}

/// Turns a second: recorded onto the disk, and taken again on one thread, from there and from memory.
pub fn sample(peer: &Peer, setting: &Setting) -> Result<Numbers> {
    let mut numbers = Numbers::new();
    let turns = setting.count(20_000, 1_000_000) as u64;
    if setting.wants(Workload::InputReplay) {
        progress(peer.name, &format!("recording {turns} turns and taking them again"));
        let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
        record(&log, turns)?;
        numbers.push(("input-replay", take_again(log, turns)?));
    }
    if setting.wants(Workload::Recording) {
        progress(peer.name, &format!("recording {turns} turns onto the disk"));
        let store = SegmentStore::open(Config::new(setting.path("recording")), Time::system())?;
        let log: Arc<dyn EventStore> = Arc::new(store);
        let took = record(&log, turns)?;
        numbers.push(("recording", turns as f64 / took.as_secs_f64()));
        numbers.push(("input-replay-segments", take_again(Arc::clone(&log), turns)?));
        block_on(log.close())?;
    }
    Ok(numbers)
}

/// Takes all turns again; the best of three passes.
fn take_again(log: Arc<dyn EventStore>, turns: u64) -> Result<f64> {
    let mut best = 0.0_f64;
    for _ in 0..PASSES {
        best = best.max(pass(Arc::clone(&log), turns)?);
    }
    Ok(best)
}

fn pass(log: Arc<dyn EventStore>, turns: u64) -> Result<f64> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let replay = ReplayController::builder(log).actor("/bench/idle", shape(), |_: &Stage| Idle);
        let mut replay = replay.build().await?;
        let start = Instant::now();
        let halt = replay.run().await?;
        let took = start.elapsed();
        ensure!(halt == Halt::End, "the replay halted before its end: {halt:?}");
        ensure!(replay.gaps().is_empty(), "the recording has gaps");
        let taken = replay.step();
        ensure!(taken >= turns && taken <= turns + TURNS_BESIDE, "{taken} turns of {turns}");
        Ok(taken as f64 / took.as_secs_f64())
    })
}

fn shape() -> Shape<Idle> {
    Shape::new()
}

/// Records so many turns on two threads, and waits until the log has acknowledged the last.
fn record(log: &Arc<dyn EventStore>, turns: u64) -> Result<Duration> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let system = System::builder("bench").build()?;
        let mut config = RecorderConfig::default();
        config.when_full = WhenFull::Wait;
        let recorder = Recorder::new(&system, Arc::clone(log), config);
        let idle = recorder.spawn(&system, "idle", shape(), || Idle).await?;
        let start = Instant::now();
        for turn in 0..turns {
            idle.tell(Msg::Nothing(turn)).await?;
        }
        idle.ask(Msg::Done).within(PATIENCE).await?;
        recorder.flush().await;
        let took = start.elapsed();
        ensure!(recorder.missed() == 0, "{} events were not recorded", recorder.missed());
        system.shutdown().await;
        Ok(took)
    })
}
