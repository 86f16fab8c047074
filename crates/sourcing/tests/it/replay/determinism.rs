//! The runtime check, and traces that are the same again.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use serde::{Deserialize, Serialize};

use steadfast_actor_core::{Actor, ActorRef, Cx, Flow, testkit::TestSystem};
use steadfast_eventlog::{Event, EventStore, MemoryStore, Query, block_on};
use steadfast_sourcing::{
    determinism::{Check, replays_alike},
    record::{Recorder, Shape},
    replay::{Difference, ReplayController, Stage},
};

use super::{
    actors::replay_of,
    bank::{AccountMsg, Bank, account_on, account_shape, every_turn},
};

/// An actor that leaks what it must not, when it is told to.
#[derive(Serialize)]
struct Leaky {
    #[serde(skip)]
    out: ActorRef<u128>,
    #[serde(skip)]
    names: HashMap<u64, u64>,
    sum: u64,
    stamp: u128,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Leak {
    Nothing(u64),
    /// A walk over a hash map, whose order shows in what is sent.
    Walk,
    /// A walk over a hash map, whose order does not show.
    Sum,
    /// The machine's clock, in the state.
    Machine,
    /// The clock of the system, behind the back of the context.
    BehindTheBack,
    /// The clock as it ought to be read.
    Clock,
    /// The randomness as it ought to be drawn.
    Chance,
}

impl Leaky {
    fn on(stage: &Stage) -> Self {
        Self::new(stage.actor_ref("/test/out"))
    }

    fn new(out: ActorRef<u128>) -> Self {
        Self { out, names: HashMap::new(), sum: 0, stamp: 0 }
    }
}

fn shape() -> Shape<Leaky> {
    Shape::new().hashed()
}

/// The leak that is to be found.
fn machine_clock() -> u128 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |span| span.as_nanos())
}

impl Actor for Leaky {
    type Msg = Leak;
    type Error = Infallible;

    async fn handle(&mut self, leak: Leak, cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match leak {
            Leak::Nothing(number) => {
                self.names.insert(number, number);
                self.sum += number;
            }
            Leak::Walk => {
                for name in self.names.keys() {
                    self.out.tell(u128::from(*name)).await.ok();
                }
            }
            Leak::Sum => self.sum += self.names.values().sum::<u64>(),
            Leak::Machine => self.stamp = machine_clock(),
            Leak::BehindTheBack => self.stamp = cx.system().time().now().as_nanos().into(),
            Leak::Clock => self.stamp = cx.now().as_nanos().into(),
            Leak::Chance => self.stamp = cx.rng().next_u64().into(),
        }
        Ok(Flow::Continue)
    }
}

fn inputs(leak: Leak) -> Vec<Leak> {
    let mut inputs: Vec<Leak> = (0..12).map(Leak::Nothing).collect();
    inputs.push(leak);
    inputs.extend((20..25).map(Leak::Nothing));
    inputs
}

#[test]
fn s58_planted_leaks_are_caught_at_their_turn() {
    let check = Check::new(shape(), Leaky::on);
    for leak in [Leak::Walk, Leak::Machine, Leak::BehindTheBack] {
        let error = check.run(inputs(leak)).expect_err("a leak");
        let found = error.non_determinism().expect("a divergence");
        assert_eq!(found.turn, 14, "{leak:?}: {found}");
        if !matches!(leak, Leak::Walk) {
            assert!(matches!(found.difference, Difference::State { .. }), "{found}");
            let places: Vec<&str> = found.state.iter().map(|place| place.path.as_str()).collect();
            assert_eq!(places, ["$.stamp"]);
        }
    }
    for clean in [Leak::Sum, Leak::Clock, Leak::Chance] {
        assert_eq!(check.run(inputs(clean)).expect("no leak"), 19);
    }
}

/// A recording of a leaky actor.
fn recorded(leak: Leak) -> Arc<dyn EventStore> {
    let test = TestSystem::seeded(3);
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let recorder = Recorder::new(&test, Arc::clone(&store), every_turn());
    test.run(async {
        let out = test.probe::<u128>("out").actor().clone();
        let build = move || Leaky::new(out.clone());
        let leaky = recorder.spawn(&test, "leaky", shape(), build).await.expect("a free name");
        for leak in inputs(leak) {
            leaky.tell(leak).await.expect("room");
        }
        test.settle().await;
        recorder.flush().await;
    });
    store
}

#[test]
fn s58_planted_leaks_are_caught_at_their_turn_of_a_recording() {
    let replay = |log| ReplayController::builder(log).actor("/test/leaky", shape(), Leaky::on);
    for leak in [Leak::Walk, Leak::Machine] {
        let mut replay = block_on(replay(recorded(leak)).build()).expect("readable");
        let error = block_on(replay.run()).expect_err("a leak");
        assert_eq!(error.non_determinism().map(|found| found.turn), Some(14), "{leak:?}");
        assert_eq!(replay.step(), 13);
    }
    let log = recorded(Leak::Chance);
    let alike = block_on(replays_alike(|| replay(Arc::clone(&log)), 3));
    assert!(alike.expect("the same again"));
}

#[test]
fn s58_the_same_seed_twice_gives_the_same_recording() {
    let life = || -> Vec<Event> {
        let bank = Bank::open(every_turn());
        bank.live();
        block_on(bank.log().read(Query::all()).all()).expect("readable")
    };
    let (one, two) = (life(), life());
    // The store's own clock stamps only what has no time of its own.
    let bare = |events: Vec<Event>| -> Vec<_> {
        events.into_iter().map(|event| (event.id, event.kind, event.turn, event.payload)).collect()
    };
    assert_eq!(bare(one), bare(two));
}

#[test]
fn an_account_with_its_clock_and_chance_from_the_context_passes() {
    let check = Check::new(account_shape(), account_on).worlds(3);
    let inputs = (1..9).map(AccountMsg::Deposit).chain([AccountMsg::ChargeLater, AccountMsg::Hold]);
    assert_eq!(check.run(inputs).expect("no leak"), 11);
    let log = Bank::open(every_turn());
    log.live();
    assert!(block_on(replays_alike(|| replay_of(&log), 2)).expect("the same again"));
}
