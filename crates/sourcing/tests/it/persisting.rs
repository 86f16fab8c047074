//! Plain actors that are restarted from their last snapshot, and record what changes; in virtual time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_actor_core::testkit::TestSystem;
use steadfast_actor_core::{Actor, ActorRef, BoxError, Cx, Flow, Reply};
use steadfast_base::storage::SimulatedStorage;
use steadfast_base::{CallContext, CorrelationId, EventId, Time};
use steadfast_eventlog::{EventKind, EventStore, MemoryStore, Query, Seq, block_on};
use steadfast_snapshot::{FileSnapshots, FileSnapshotsConfig, MemorySnapshots, SnapshotStore};
use steadfast_sourcing::persist::{
    CHANGE_TYPE, PersistCx, PersistError, Persistence, Persistent, RestartFromSnapshot,
    StateChange, restored, restored_by, snapshot_now,
};
use steadfast_sourcing::record::{Recorder, RecorderConfig, Shape};
use steadfast_sourcing::replay::{Halt, ReplayController};
use steadfast_supervision::{ChildSpec, Supervisor};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Total {
    cents: u64,
}

struct Till {
    total: Total,
}

enum Msg {
    Take(u64),
    Keep(Reply<Result<Seq, PersistError>>),
    Kept(Reply<Option<u64>>),
    Total(Reply<u64>),
    Panic,
}

impl Actor for Till {
    type Msg = Msg;
    type Error = BoxError;

    #[expect(clippy::panic, reason = "a panic is what the test is about")]
    async fn handle(&mut self, msg: Msg, cx: &mut Cx<Self>) -> Result<Flow, BoxError> {
        match msg {
            Msg::Take(cents) => {
                let new = Total { cents: self.total.cents + cents };
                let metadata = BTreeMap::from([("till".to_owned(), "left".to_owned())]);
                let old = std::mem::replace(&mut self.total, new.clone());
                cx.record_change("total", &old, &new, metadata).await?;
            }
            Msg::Keep(reply) => {
                reply.send(cx.persist(&self.total).await.map(|info| info.seq));
            }
            Msg::Kept(reply) => {
                reply.send(cx.persisted_snapshot().await?.map(|found| found.state.cents));
            }
            Msg::Total(reply) => reply.send(self.total.cents),
            Msg::Panic => panic!("the till is stuck"),
        }
        Ok(Flow::Continue)
    }
}

impl Persistent for Till {
    type State = Total;
    const STATE_TYPE: &'static str = "test.Total";

    fn state(&self) -> &Total {
        &self.total
    }
}

fn till(total: Option<Total>) -> Till {
    Till { total: total.unwrap_or_default() }
}

/// Where the supervised till lives.
const PATH: &str = "/test/top/till";

/// A system with one supervised till in it, kept in memory.
struct Shop {
    test: TestSystem,
    log: MemoryStore,
    snapshots: Arc<MemorySnapshots>,
}

impl Shop {
    fn open() -> Self {
        let test = TestSystem::new();
        let log = MemoryStore::new(test.time().clone());
        let snapshots = Arc::new(MemorySnapshots::new(test.time().clone()));
        let kept: Arc<dyn SnapshotStore> = Arc::<MemorySnapshots>::clone(&snapshots);
        let persistence = Persistence::new(kept).with_log(Arc::new(log.clone()));
        persistence.install(&test).expect("the first one");
        Self { test, log, snapshots }
    }

    async fn till(&self) -> ActorRef<Msg> {
        let spec = ChildSpec::new("till", || till(None));
        let spec = spec.restart_from_snapshot(&self.test, PATH, till);
        Supervisor::one_for_one().child(spec).start(&self.test, "top").await.expect("it starts");
        self.test.lookup(PATH).expect("it lives there")
    }
}

#[test]
fn a_restart_after_a_panic_begins_with_the_last_persisted_state() {
    let shop = Shop::open();
    shop.test.run(async {
        let till = shop.till().await;
        till.tell(Msg::Take(5)).await.ok();
        assert_eq!(till.ask(Msg::Kept).await.unwrap(), None);
        assert_eq!(till.ask(Msg::Keep).await.unwrap().unwrap(), Seq::new(1));
        till.tell(Msg::Take(7)).await.ok();
        assert_eq!(till.ask(Msg::Total).await.unwrap(), 12);
        till.tell(Msg::Panic).await.ok();
        assert_eq!(till.ask(Msg::Total).await.unwrap(), 5, "the 7 were never persisted");
        assert_eq!(till.ask(Msg::Kept).await.unwrap(), Some(5));
        till.tell(Msg::Take(1)).await.ok();
        assert_eq!(till.ask(Msg::Keep).await.unwrap().unwrap(), Seq::new(2));
        till.tell(Msg::Panic).await.ok();
        assert_eq!(till.ask(Msg::Total).await.unwrap(), 6);
        assert!(
            shop.test.elapsed() >= Duration::from_millis(200),
            "two restarts with their delays"
        );
    });
}

#[test]
fn a_snapshot_can_be_taken_from_outside_between_two_messages() {
    let shop = Shop::open();
    shop.test.run(async {
        let till = shop.till().await;
        till.tell(Msg::Take(5)).await.ok();
        assert_eq!(till.ask(Msg::Total).await.unwrap(), 5);
        let info = snapshot_now::<Till>(&shop.test, &till.handle()).await.unwrap();
        assert_eq!((info.seq, info.version), (Seq::new(1), 1));
        till.tell(Msg::Panic).await.ok();
        assert_eq!(till.ask(Msg::Total).await.unwrap(), 5);
        till.stop();
        till.stopped().await;
        let gone = snapshot_now::<Till>(&shop.test, &till.handle()).await;
        assert!(matches!(gone, Err(PersistError::ActorGone)), "{gone:?}");
    });
}

#[test]
fn a_change_is_an_event_of_the_actor_in_the_correlation_of_its_message() {
    let shop = Shop::open();
    let (correlation, cause) = (CorrelationId::from_u128(7), EventId::from_u128(8));
    shop.test.run(async {
        let till = shop.till().await;
        let context = CallContext::default().with_correlation(correlation).with_causation(cause);
        steadfast_base::context::scope(context, async {
            till.tell(Msg::Take(5)).await.ok();
        })
        .await;
        till.tell(Msg::Take(2)).await.ok();
        assert_eq!(till.ask(Msg::Total).await.unwrap(), 7);
    });
    let events = block_on(shop.log.read(Query::actor(PATH)).all()).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].kind, EventKind::StateChanged);
    assert_eq!((events[0].correlation, events[1].correlation), (Some(correlation), None));
    assert_eq!((events[0].causation, events[1].causation), (Some(cause), None));
    assert_eq!(events[0].payload.type_name().as_str(), CHANGE_TYPE);
    let change: StateChange<Total> = events[1].payload.decode().unwrap();
    assert_eq!((change.kind.as_str(), change.old.cents, change.new.cents), ("total", 5, 7));
    assert_eq!(change.metadata["till"], "left");
}

#[test]
fn states_are_numbered_in_the_order_in_which_they_were_taken_over_all_lives() {
    for life in 0..2 {
        let shop = Shop::open();
        let numbers = shop.test.run(async {
            let till = shop.till().await;
            let mut numbers = Vec::new();
            for _ in 0..5 {
                numbers.push(till.ask(Msg::Keep).await.unwrap().unwrap().get());
            }
            numbers
        });
        assert_eq!(numbers, [1, 2, 3, 4, 5], "life {life}");
        let kept = block_on(shop.snapshots.list(&PATH.into())).unwrap();
        assert_eq!(kept.iter().map(|info| info.seq.get()).collect::<Vec<_>>(), [3, 4, 5]);
        // Another life over the same snapshots goes on behind them.
        let test = TestSystem::new();
        let kept: Arc<dyn SnapshotStore> = Arc::<MemorySnapshots>::clone(&shop.snapshots);
        Persistence::new(kept).install(&test).unwrap();
        let next = test.run(async {
            let spec = ChildSpec::new("till", || till(None));
            Supervisor::one_for_one().child(spec).start(&test, "top").await.unwrap();
            let till = test.lookup::<Msg>(PATH).unwrap();
            till.ask(Msg::Keep).await.unwrap().unwrap()
        });
        assert_eq!(next, Seq::new(6));
    }
}

#[test]
fn a_child_that_does_not_live_where_its_state_is_looked_for_does_not_start_without_it() {
    let shop = Shop::open();
    shop.test.run(async {
        let spec = ChildSpec::new("till", || till(None)).budget(1, Duration::from_mins(1));
        let spec = spec.restart_from_snapshot(&shop.test, "/test/till", till);
        Supervisor::one_for_one().child(spec).start(&shop.test, "top").await.unwrap();
        let till = shop.test.lookup::<Msg>(PATH).unwrap();
        till.tell(Msg::Panic).await.ok();
        let reason = till.stopped().await;
        assert!(format!("{reason:?}").contains("does not live at /test/till"), "{reason:?}");
    });
}

#[test]
fn what_is_not_installed_or_has_no_name_is_an_error() {
    let test = TestSystem::new();
    test.run(async {
        let till = test.spawn("till", || till(None)).await.unwrap();
        let kept = till.ask(Msg::Keep).await.unwrap();
        assert!(matches!(kept, Err(PersistError::NotInstalled)), "{kept:?}");
    });
    let shop = Shop::open();
    shop.test.run(async {
        let till = shop.test.spawn_anonymous(|| till(None)).await.unwrap();
        let kept = till.ask(Msg::Keep).await.unwrap();
        assert!(matches!(kept, Err(PersistError::Anonymous)), "{kept:?}");
        let kept = snapshot_now::<Till>(&shop.test, &till.handle()).await;
        assert!(matches!(kept, Err(PersistError::Anonymous)), "{kept:?}");
    });
}

/// Snapshots in files on a simulated disk, three of them, of the totals 1, 2 and 3.
fn three_in_files(storage: &SimulatedStorage) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let test = TestSystem::builder().manual_time().build();
    Persistence::new(files(storage, test.time().clone()))
        .install(&test)
        .expect("nothing is wrong yet");
    test.run(async {
        let till = test.spawn("till", || till(None)).await.expect("nothing is wrong yet");
        for _ in 0..3 {
            let before: Vec<PathBuf> = storage.files().into_keys().collect();
            let system = test.system().clone();
            let take = |till: &mut Till, _: &mut Cx<Till>| till.total.cents += 1;
            till.handle().visit(take).expect("nothing is wrong yet");
            snapshot_now::<Till>(&system, &till.handle()).await.expect("nothing is wrong yet");
            let new = storage.files().into_keys().find(|path| !before.contains(path));
            paths.extend(new);
        }
    });
    paths
}

fn files(storage: &SimulatedStorage, time: Time) -> Arc<dyn SnapshotStore> {
    let config = FileSnapshotsConfig::default();
    let store = FileSnapshots::open(Arc::new(storage.clone()), "kept", time, config);
    Arc::new(store.expect("nothing is wrong yet"))
}

fn found_in(storage: &SimulatedStorage) -> Result<u64, PersistError> {
    let test = TestSystem::builder().manual_time().build();
    Persistence::new(files(storage, test.time().clone()))
        .install(&test)
        .expect("nothing is wrong yet");
    let restored = test.run(restored(&test, "/test/till", till));
    restored.map(|till| till.total.cents)
}

#[test]
fn a_state_is_restored_as_it_was_by_a_time() {
    let shop = Shop::open();
    shop.test.run(async {
        let till = shop.till().await;
        let mut times = vec![(shop.test.time().timestamp(), 0)];
        for cents in [1, 2, 4] {
            shop.test.time().sleep(Duration::from_secs(10)).await;
            till.tell(Msg::Take(cents)).await.ok();
            till.ask(Msg::Keep).await.unwrap().unwrap();
            let known = till.ask(Msg::Total).await.unwrap();
            times.push((shop.test.time().timestamp() + Duration::from_secs(1), known));
        }
        for (at, known) in times {
            let then = restored_by(&shop.test, PATH, at, crate::persisting::till).await.unwrap();
            assert_eq!(then.total.cents, known);
        }
    });
}

#[test]
fn a_damaged_snapshot_falls_back_to_an_older_one_and_never_to_nothing() {
    let storage = SimulatedStorage::new();
    let paths = three_in_files(&storage);
    assert_eq!(paths.len(), 3);
    assert_eq!(found_in(&storage).unwrap(), 3);
    storage.flip_bit(&paths[2], 8 * 100);
    assert_eq!(found_in(&storage).unwrap(), 2);
    storage.flip_bit(&paths[1], 8 * 100);
    assert_eq!(found_in(&storage).unwrap(), 1);
    storage.flip_bit(&paths[0], 8 * 100);
    let none = found_in(&storage);
    assert!(matches!(none, Err(PersistError::AllDamaged { tried: 3 })), "{none:?}");
    assert_eq!(found_in(&SimulatedStorage::new()).unwrap(), 0, "there never was one");
}

/// Adds what it is told, keeps each sum, and writes it down.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Saver {
    total: Total,
    kept: Vec<u64>,
    refused: u64,
}

impl Actor for Saver {
    type Msg = u64;
    type Error = BoxError;

    async fn handle(&mut self, cents: u64, cx: &mut Cx<Self>) -> Result<Flow, BoxError> {
        let old = self.total.cents;
        self.total.cents += cents;
        match cx.persist(&self.total).await {
            Ok(info) => self.kept.push(info.seq.get()),
            Err(_) => self.refused += 1,
        }
        let changed = cx.record_change("total", old, self.total.cents, BTreeMap::new()).await?;
        assert_eq!(changed.places.as_slice().len(), 1);
        let last = cx.persisted_snapshot().await?;
        assert_eq!(last.map(|last| last.state.cents), Some(self.total.cents));
        Ok(Flow::Continue)
    }
}

impl Persistent for Saver {
    type State = Total;
    const STATE_TYPE: &'static str = "test.Total";

    fn state(&self) -> &Total {
        &self.total
    }
}

#[test]
fn an_actor_that_persists_is_replayed_and_the_replay_saves_and_writes_nothing() {
    let shop = Shop::open();
    let log: Arc<dyn EventStore> = Arc::new(shop.log.clone());
    let mut config = RecorderConfig::default();
    config.state_hash_every = 1;
    let recorder = Recorder::new(&shop.test, Arc::clone(&log), config);
    let shape = || Shape::<Saver>::new().restored();
    let live = shop.test.run(async {
        let saver = recorder.spawn(&shop.test, "saver", shape(), Saver::default).await.unwrap();
        for cents in [5, 7, 9] {
            saver.tell(cents).await.ok();
        }
        shop.test.settle().await;
        recorder.flush().await;
        block_on(shop.snapshots.list(&"/test/saver".into())).unwrap()
    });
    assert_eq!((recorder.recorded(), recorder.missed(), live.len()), (4, 0, 3));
    let before = block_on(log.read(Query::all()).all()).unwrap();
    let replay = ReplayController::builder(Arc::clone(&log));
    let replay = replay.actor("/test/saver", shape(), |_| Saver::default());
    let mut replay = block_on(replay.build()).unwrap();
    let halt = block_on(replay.run()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(halt, Halt::End);
    let saver = replay.actor::<Saver>("/test/saver").unwrap();
    assert_eq!((saver.total.cents, &saver.kept[..], saver.refused), (21, &[1, 2, 3][..], 0));
    assert_eq!(block_on(log.read(Query::all()).all()).unwrap(), before);
    assert_eq!(block_on(shop.snapshots.list(&"/test/saver".into())).unwrap(), live);
}
