//! Recorded turns of an actor that are taken again.

use std::{convert::Infallible, sync::Arc, time::Instant};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use steadfast_actor_core::{Actor, Cx, Flow, Reply, System};
use steadfast_eventlog::{EventStore, MemoryStore};
use steadfast_sourcing::{
    record::{Recorder, RecorderConfig, Shape},
    replay::{Halt, ReplayController, Stage},
};

use crate::{
    journal::Peer,
    sample::{Numbers, Setting, progress},
    workload::Workload,
};

/// Turns that are not messages of ours: the start and the question for the end.
const TURNS_BESIDE: u64 = 2;

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

/// Turns a second, on one thread; recorded before, in memory.
pub fn sample(peer: &Peer, setting: &Setting) -> Result<Numbers> {
    if !setting.wants(Workload::InputReplay) {
        return Ok(Numbers::new());
    }
    let turns = setting.count(20_000, 1_000_000) as u64;
    progress(peer.name, &format!("recording {turns} turns and taking them again"));
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(record(&log, turns))?;
    drop(runtime);

    let runtime = Builder::new_current_thread().enable_all().build()?;
    let rate = runtime.block_on(async {
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
    })?;
    Ok(vec![("input-replay", rate)])
}

fn shape() -> Shape<Idle> {
    Shape::new()
}

async fn record(log: &Arc<dyn EventStore>, turns: u64) -> Result<()> {
    let system = System::builder("bench").build()?;
    let recorder = Recorder::new(&system, Arc::clone(log), RecorderConfig::default());
    let idle = recorder.spawn(&system, "idle", shape(), || Idle).await?;
    for turn in 0..turns {
        idle.tell(Msg::Nothing(turn)).await?;
    }
    idle.ask(Msg::Done).await?;
    recorder.flush().await;
    ensure!(recorder.missed() == 0, "{} events were not recorded", recorder.missed());
    system.shutdown().await;
    Ok(())
}
