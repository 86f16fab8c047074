//! Recorded with many threads, replayed with one.

use std::{convert::Infallible, sync::Arc};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use steadfast_actor_core::{Actor, ActorRef, Cx, Flow, Reply, System, testkit::TestSystem};
use steadfast_base::Seed;
use steadfast_eventlog::{EventStore, MemoryStore, block_on};
use steadfast_sourcing::{
    record::{Recorder, Shape, WhenFull},
    replay::{Halt, ReplayController, Stage, state_hash},
};

use super::bank::every_turn;

/// Passes a number on to its neighbors until it is 0, and keeps what it saw, in order.
#[derive(Clone, Serialize)]
struct Node {
    #[serde(skip)]
    neighbors: Vec<ActorRef<Pass>>,
    seen: Vec<(u64, u64)>,
    drawn: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Pass {
    Ball { from: u64, hops: u64 },
    Meet,
    State(Reply<Vec<u8>>),
}

impl Actor for Node {
    type Msg = Pass;
    type Error = Infallible;

    async fn handle(&mut self, pass: Pass, cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match pass {
            Pass::Ball { from, hops } => {
                self.seen.push((from, hops));
                let draw = cx.rng().next_u64();
                self.drawn ^= draw;
                let count = u64::try_from(self.neighbors.len()).unwrap_or(1).max(1);
                let next = usize::try_from(draw % count).unwrap_or(0);
                if let (Some(next), Some(hops)) = (self.neighbors.get(next), hops.checked_sub(1)) {
                    let from = u64::try_from(self.seen.len()).unwrap_or(0);
                    next.tell(Pass::Ball { from, hops }).await.ok();
                }
            }
            Pass::Meet => {
                for number in 0..4 {
                    let path = format!("/ring/node-{number}");
                    self.neighbors.extend(cx.system().lookup(&path));
                }
            }
            Pass::State(reply) => {
                let hash = state_hash(self).map_or_else(Vec::new, |hash| hash.0.to_vec());
                reply.send(hash);
            }
        }
        Ok(Flow::Continue)
    }
}

fn shape() -> Shape<Node> {
    Shape::new().knowing::<Vec<u8>>().hashed().cloned()
}

/// A lookup is not on the tape: in a replay the neighbors are there from the start.
fn on_stage(stage: &Stage) -> Node {
    let neighbors = (0..4).map(|number| stage.actor_ref(&format!("/ring/node-{number}")));
    Node { neighbors: neighbors.collect(), seen: Vec::new(), drawn: 0 }
}

#[test]
fn what_many_threads_did_is_replayed_by_one_with_equal_hashes() {
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime");
    let live: Vec<Vec<u8>> = runtime.block_on(async {
        let system = System::builder("ring").seed(Seed::new(11)).build().expect("sound");
        let mut config = every_turn();
        config.when_full = WhenFull::Wait;
        let recorder = Recorder::new(&system, Arc::clone(&store), config);
        let mut nodes = Vec::new();
        for number in 0..4 {
            let empty = || Node { neighbors: Vec::new(), seen: Vec::new(), drawn: 0 };
            let node = recorder.spawn(&system, &format!("node-{number}"), shape(), empty);
            nodes.push(node.await.expect("a free name"));
        }
        for node in &nodes {
            node.tell(Pass::Meet).await.expect("room");
        }
        for ball in 0..40 {
            let node = &nodes[ball % 4];
            node.tell(Pass::Ball { from: 0, hops: 50 }).await.expect("room");
        }
        // Every ball that still flies is seen by then: each node is asked until none has changed.
        let mut before = Vec::new();
        loop {
            let mut now = Vec::new();
            for node in &nodes {
                now.push(node.ask(Pass::State).await.expect("an answer"));
            }
            if now == before {
                break;
            }
            before = now;
        }
        system.shutdown().await;
        recorder.flush().await;
        assert_eq!(recorder.missed(), 0);
        before
    });
    let meet_again = |stage: &Stage| on_stage(stage);
    let replay = ReplayController::builder(store).actors("/ring/node-", shape(), meet_again);
    let mut replay = block_on(replay.build()).expect("readable");
    let halt = block_on(replay.run()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(halt, Halt::End);
    assert!(replay.is_complete());
    for (number, hash) in live.iter().enumerate() {
        let replayed = replay.actor_hash(&format!("/ring/node-{number}")).expect("played");
        assert_eq!(&replayed.0.to_vec(), hash, "node {number}");
    }
}

/// A small actor that does as it is told by a program of bytes.
#[derive(Clone, Serialize)]
struct Machine {
    #[serde(skip)]
    out: ActorRef<u64>,
    register: u64,
    stack: Vec<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Op {
    Push(u64),
    Pop,
    Add,
    Draw,
    Now,
    Send,
    Later(u8),
    Stash,
    Unstash,
    Fail,
}

impl Actor for Machine {
    type Msg = Op;
    type Error = String;

    async fn handle(&mut self, op: Op, cx: &mut Cx<Self>) -> Result<Flow, String> {
        match op {
            Op::Push(number) => self.stack.push(number),
            Op::Pop => self.register = self.stack.pop().unwrap_or(self.register),
            Op::Add => self.register = self.register.wrapping_add(self.stack.iter().sum()),
            Op::Draw => self.register ^= cx.rng().next_u64(),
            Op::Now => self.register ^= cx.now().as_nanos(),
            Op::Send => drop(self.out.tell(self.register).await),
            Op::Later(millis) => {
                let delay = std::time::Duration::from_millis(u64::from(millis) + 1);
                cx.once(u64::from(millis), delay, Op::Add).ok();
            }
            Op::Stash => drop(cx.stash(Op::Send)),
            Op::Unstash => cx.unstash(),
            Op::Fail => return Err(format!("told to at {}", self.register)),
        }
        Ok(Flow::Continue)
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0..1_000_u64).prop_map(Op::Push),
        2 => Just(Op::Pop),
        2 => Just(Op::Add),
        2 => Just(Op::Draw),
        2 => Just(Op::Now),
        4 => Just(Op::Send),
        2 => any::<u8>().prop_map(Op::Later),
        1 => Just(Op::Stash),
        1 => Just(Op::Unstash),
        1 => Just(Op::Fail),
    ];
    prop::collection::vec(op, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_recorded_is_replayed_to_the_same_state(ops in ops(), seed in any::<u64>()) {
        let test = TestSystem::seeded(seed);
        let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
        let recorder = Recorder::new(&test, Arc::clone(&store), every_turn());
        let machine = |out| Machine { out, register: 0, stack: Vec::new() };
        let shape = || Shape::<Machine>::new().knowing::<u64>().hashed().cloned();
        test.run(async {
            let out = test.probe::<u64>("out").actor().clone();
            let build = move || machine(out.clone());
            let actor = recorder.spawn(&test, "machine", shape(), build).await.expect("a free name");
            for op in ops {
                if actor.tell(op).await.is_err() {
                    break;
                }
                test.advance(std::time::Duration::from_millis(3)).await;
            }
            test.advance(std::time::Duration::from_millis(300)).await;
            recorder.flush().await;
        });
        let build = move |stage: &Stage| machine(stage.actor_ref("/test/out"));
        let replay = ReplayController::builder(store).actor("/test/machine", shape(), build);
        let mut replay = block_on(replay.build()).expect("readable");
        let halt = block_on(replay.run());
        prop_assert!(halt.is_ok(), "{}", halt.expect_err("it is one"));
        prop_assert_eq!(replay.step(), recorder.recorded());
        let hash = replay.state_hash();
        block_on(replay.back(7)).expect("the same again");
        block_on(replay.run()).expect("the same again");
        prop_assert_eq!(replay.state_hash(), hash);
    }
}
