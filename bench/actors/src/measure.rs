//! Takes one sample of a workload, checked for lost or repeated work.

mod cost;

use std::time::{Duration, Instant};

use bench_common::allocations;
use tokio::{sync::mpsc, task::yield_now};

use crate::{
    peer::{POISONED, Peer, Rally, Span, Tally},
    workload::Workload,
};

/// Senders yield after this many tells. Tokio's cooperative budget makes a
/// bounded send do so anyway; without it a sender to an unbounded mailbox would
/// keep its worker, and the receiver woken on it, to itself until it is done.
const BURST: u64 = 128;

/// Messages not handled by then are taken for lost.
const LOST: Duration = Duration::from_secs(60);

/// A warm-up that takes longer than this is the sample.
const SLOW: Duration = Duration::from_secs(3);

/// Requests on the control lane, for each of the two percentiles.
const CONTROL_ROUNDS: u64 = 20_000;

/// How an actor comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Birth {
    Plain,
    Supervised,
}

impl Birth {
    async fn spawn<P: Peer>(self, peer: &P, tally: Tally) -> P::Counter {
        match self {
            Birth::Plain => peer.spawn(tally).await,
            Birth::Supervised => peer.spawn_supervised(tally).await,
        }
    }

    async fn stop<P: Peer>(self, peer: &P, counter: P::Counter) {
        match self {
            Birth::Plain => P::stop(counter).await,
            Birth::Supervised => peer.stop_supervised(counter).await,
        }
    }
}

/// One number for each figure of the workload, timings after a warm-up of a
/// tenth of the operations.
pub fn sample<P: Peer>(start: fn() -> P, workload: Workload, ops: u64) -> Vec<f64> {
    P::block_on(workload.flavor(), async move {
        let peer = start();
        match workload {
            Workload::IdleMemory => vec![cost::idle_memory(&peer, Birth::Plain, ops).await],
            Workload::IdleMemorySupervised => {
                vec![cost::idle_memory(&peer, Birth::Supervised, ops).await]
            }
            Workload::ControlLatency => control_latency(&peer, ops).await.into(),
            Workload::StartMillion => cost::start_many(&peer, ops).await.into(),
            Workload::CostPerActor => cost::cost_per_actor(&peer, ops).await.into(),
            Workload::Allocations => count_allocations(&peer, ops).await.into(),
            _ => vec![time_per_op(&peer, workload, ops).await],
        }
    })
}

async fn time_per_op<P: Peer>(peer: &P, workload: Workload, ops: u64) -> f64 {
    let warm_up = timed(peer, workload, ops / 10).await;
    if warm_up > SLOW {
        return nanos_per(warm_up, ops / 10);
    }
    nanos_per(timed(peer, workload, ops).await, ops)
}

async fn timed<P: Peer>(peer: &P, workload: Workload, ops: u64) -> Duration {
    match workload {
        Workload::Tell | Workload::TellCurrentThread | Workload::Tell64b => {
            tell(peer, ops, 1).await
        }
        Workload::FanIn => tell(peer, ops, 8).await,
        Workload::Ask | Workload::AskCurrentThread => ask(peer, ops).await,
        Workload::AskConcurrent => ask_concurrent(peer, ops, 64).await,
        Workload::PingPong => ping_pong(peer, ops).await,
        Workload::SpawnStop => spawn_stop(peer, Birth::Plain, ops).await,
        Workload::SpawnStopSupervised => spawn_stop(peer, Birth::Supervised, ops).await,
        Workload::Skynet => skynet(peer, ops).await,
        Workload::Restart => restart(peer, ops).await,
        other => unreachable!("{other:?} is no timing per operation"),
    }
}

async fn counter<P: Peer>(peer: &P) -> P::Counter {
    let (guard, _) = mpsc::channel(1);
    peer.spawn(Tally::new(guard)).await
}

async fn tell_in_bursts<P: Peer>(counter: &P::Counter, count: u64) {
    for n in 1..=count {
        P::tell(counter, n).await;
        if n % BURST == 0 {
            yield_now().await;
        }
    }
}

fn sum_to(n: u64) -> u64 {
    n * (n + 1) / 2
}

async fn tell<P: Peer>(peer: &P, ops: u64, senders: u64) -> Duration {
    let counter = counter(peer).await;
    let each = ops / senders;
    let started = Instant::now();
    let tasks: Vec<_> = (0..senders)
        .map(|_| {
            let counter = counter.clone();
            P::spawn_task(async move { tell_in_bursts::<P>(&counter, each).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a sender does not panic");
    }
    // One answer tells that the mailbox is drained, except from xtra, which does
    // not keep the order of messages: it is asked again.
    while P::ask(&counter, 0).await != senders * sum_to(each) {
        assert!(started.elapsed() < LOST, "messages were lost");
    }
    started.elapsed()
}

async fn ask<P: Peer>(peer: &P, ops: u64) -> Duration {
    let counter = counter(peer).await;
    let started = Instant::now();
    for n in 1..=ops {
        assert_eq!(P::ask(&counter, 1).await, n);
    }
    started.elapsed()
}

async fn ask_concurrent<P: Peer>(peer: &P, ops: u64, askers: u64) -> Duration {
    let counter = counter(peer).await;
    let each = ops / askers;
    let started = Instant::now();
    let tasks: Vec<_> = (0..askers)
        .map(|_| {
            let counter = counter.clone();
            P::spawn_task(async move {
                let mut last = 0;
                for _ in 0..each {
                    let sum = P::ask(&counter, 1).await;
                    assert!(sum > last);
                    last = sum;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("an asker does not panic");
    }
    let took = started.elapsed();
    assert_eq!(P::ask(&counter, 0).await, askers * each);
    took
}

async fn ping_pong<P: Peer>(peer: &P, ops: u64) -> Duration {
    let (done, mut finished) = mpsc::unbounded_channel();
    let started = Instant::now();
    peer.ping_pong(Rally::new(ops, done)).await;
    let hops = finished.recv().await;
    let took = started.elapsed();
    assert_eq!(hops, Some(ops));
    took
}

async fn spawn_stop<P: Peer>(peer: &P, birth: Birth, ops: u64) -> Duration {
    let (guard, mut gone) = mpsc::channel(1);
    let mut counters = Vec::with_capacity(ops as usize);
    let started = Instant::now();
    for _ in 0..ops {
        counters.push(birth.spawn(peer, Tally::new(guard.clone())).await);
    }
    for counter in counters {
        birth.stop(peer, counter).await;
    }
    drop(guard);
    assert!(gone.recv().await.is_none());
    started.elapsed()
}

async fn skynet<P: Peer>(peer: &P, leaves: u64) -> Duration {
    let (root, mut sum) = mpsc::unbounded_channel();
    let started = Instant::now();
    peer.skynet(root, Span { first: 0, leaves }).await;
    let sum = sum.recv().await;
    let took = started.elapsed();
    assert_eq!(sum, Some(leaves * (leaves - 1) / 2));
    took
}

async fn restart<P: Peer>(peer: &P, times: u64) -> Duration {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(POISONED) {
            report(info);
        }
    }));
    let (guard, _) = mpsc::channel(1);
    let started = Instant::now();
    let restarted = peer.restarts(Tally::new(guard), times).await;
    let took = started.elapsed();
    assert_eq!(restarted, times);
    took
}

/// The 99th percentile with `waiting` user messages in the mailbox, and with none.
async fn control_latency<P: Peer>(peer: &P, waiting: u64) -> [f64; 2] {
    peer.control_delays(0, CONTROL_ROUNDS / 10).await;
    let idle = peer.control_delays(0, CONTROL_ROUNDS).await;
    let loaded = peer.control_delays(waiting, CONTROL_ROUNDS).await;
    [percentile_99(loaded), percentile_99(idle)]
}

fn percentile_99(mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    let rank = took.len() * 99 / 100;
    took[rank].as_nanos() as f64
}

/// Heap allocations per tell, told in bursts as in `tell`, and per ask.
async fn count_allocations<P: Peer>(peer: &P, ops: u64) -> [f64; 2] {
    let counter = counter(peer).await;
    tell_in_bursts::<P>(&counter, ops / 10).await;
    for _ in 0..ops / 10 {
        P::ask(&counter, 0).await;
    }
    let tells = allocations::count(tell_in_bursts::<P>(&counter, ops)).await;
    while P::ask(&counter, 0).await != sum_to(ops / 10) + sum_to(ops) {}
    let asks = allocations::count(async {
        for _ in 0..ops {
            P::ask(&counter, 0).await;
        }
    })
    .await;
    [tells, asks].map(|count| count as f64 / ops as f64)
}

fn nanos_per(took: Duration, ops: u64) -> f64 {
    took.as_nanos() as f64 / ops as f64
}
