//! Recovery: snapshots, the events behind them, and what stands against it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use steadfast_actor_core::testkit::TestSystem;
use steadfast_actor_core::{Reply, System};
use steadfast_base::storage::SimulatedStorage;
use steadfast_base::{EventId, MemorySink, OwnedValue, Time};
use steadfast_eventlog::{
    Append, CodecId, EventKind, EventStore, MemoryStore, NewEvent, Payload, Seq, Upcasters,
};
use steadfast_snapshot::{FileSnapshots, FileSnapshotsConfig, MemorySnapshots, SnapshotStore};
use steadfast_sourcing::{
    CommandFault, Decide, Effect, Entities, EntitiesBuilder, EntitiesConfig, EventSourced, Moment,
    RecoveryCause, names,
};

use crate::account::{Account, Command, Event};
use crate::faulty::Faulty;

fn add(cents: i64) -> impl FnOnce(Reply<i64>) -> Command + Send {
    move |reply| Command::Add { cents, reply }
}

fn builder<L: EventStore + 'static>(log: &Arc<L>) -> EntitiesBuilder<Account> {
    Entities::<Account>::builder("account").store(Arc::<L>::clone(log))
}

async fn append(log: &dyn EventStore, actor: &str, number: u128, payload: Payload) {
    let event = NewEvent::new(EventId::from_u128(number), actor, EventKind::StateChanged, payload);
    log.append(Append::one(event)).await.expect("stored");
}

/// Damages the newest `count` snapshots, of those that lie in files.
fn damage(storage: &SimulatedStorage, count: usize) {
    let files: BTreeMap<_, _> = storage.files();
    let snapshots = files.keys().filter(|path| path.starts_with("snapshots"));
    let mut snapshots: Vec<&Path> = snapshots.map(AsRef::as_ref).collect();
    snapshots.retain(|path| path.to_string_lossy().contains("-00"));
    snapshots.sort_unstable();
    for path in snapshots.iter().rev().take(count) {
        storage.flip_bit(path, 8 * files[*path].len() as u64 - 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s43_damaged_snapshots_are_passed_over_while_the_events_are_there() {
    for (damaged, deleted, sound) in
        [(0, false, true), (1, false, true), (3, false, true), (3, true, false), (1, true, true)]
    {
        let system = System::builder("test").build().expect("a system");
        let (log, storage) = (Arc::new(MemoryStore::default()), SimulatedStorage::new());
        let config = FileSnapshotsConfig::default();
        let (disk, time) = (Arc::new(storage.clone()), Time::system());
        let open = || {
            FileSnapshots::open(
                Arc::<SimulatedStorage>::clone(&disk),
                "snapshots",
                time.clone(),
                config,
            )
        };
        let snapshots: Arc<dyn SnapshotStore> = Arc::new(open().expect("opens"));
        let accounts = builder(&log).snapshots(snapshots).start(&system).await.expect("starts");
        let account = accounts.get("a");
        for number in 1..=4 {
            let cents = vec![number; 50];
            account.ask(|reply| Command::AddAll { cents, reply }).await.expect("stored");
            account.snapshot_now().await.expect("saved");
        }
        accounts.shutdown().await;
        if deleted {
            // Behind the second newest: the newest two can be recovered from.
            log.delete_to(&"account/a".into(), Seq::new(150)).await.expect("deleted");
        }
        damage(&storage, damaged);
        let snapshots: Arc<dyn SnapshotStore> = Arc::new(open().expect("opens"));
        let sink = Arc::new(MemorySink::new(16));
        let accounts = Entities::<Account>::builder("account")
            .store(Arc::<MemoryStore>::clone(&log))
            .snapshots(snapshots)
            .sink(Arc::<MemorySink>::clone(&sink))
            .start(&System::builder("again").build().expect("a system"))
            .await
            .expect("starts");
        let cents = accounts.get("a").ask(Command::Get).await;
        if sound {
            assert_eq!(cents.expect("recovered"), 500, "{damaged} damaged");
            let events = sink.events();
            let recovered = events.iter().find(|event| event.name == names::RECOVERED);
            let used = recovered.and_then(|event| event.field("snapshot")).cloned();
            let expected = [200, 150, 100, 0][damaged];
            assert_eq!(used, Some(OwnedValue::U64(expected)), "it is told which snapshot was used");
            assert_eq!(accounts.statistics().snapshots_passed_over_total, damaged as u64);
        } else {
            let error = cents.expect_err("events are missing");
            let CommandFault::Recovery(failed) = error.fault() else { panic!("{error:?}") };
            assert!(matches!(failed.cause, RecoveryCause::Missing { .. }), "{failed}");
            assert_eq!(accounts.statistics().commands_total, 0, "no command was handled");
        }
    }
}

#[test]
fn s49_a_snapshot_and_the_tail_is_the_same_as_all_events() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    let all = test.run(async {
        let all = Arc::new(MemorySnapshots::new(test.time().clone()));
        let mut config = EntitiesConfig::default();
        config.snapshots_kept = 100;
        let accounts = builder(&log).snapshots(Arc::<MemorySnapshots>::clone(&all)).config(config);
        let accounts = accounts.start(&test).await.expect("starts");
        let account = accounts.get("a");
        for cents in 1..=40 {
            account.ask(add(cents)).await.expect("stored");
            let before = account.snapshot_now().await.expect("saved").seq;
            assert_eq!(before, Seq::new(cents.unsigned_abs()));
            // Bring it back from this snapshot alone, from a moment in the middle, and from none.
            let with = account.state_at(Moment::Now).await.expect("recovered");
            assert_eq!(with.snapshot, Some(before));
            for until in 0..=before.get() {
                let part = account.state_at(Moment::Seq(Seq::new(until))).await;
                assert_eq!(part.expect("recovered").state.events, until);
            }
        }
        all
    });
    let fold = state_from(&log, None);
    assert_eq!((fold.snapshot, fold.events), (None, 40));
    let actor = "account/a".into();
    let listed = steadfast_eventlog::block_on(all.list(&actor)).expect("listed");
    assert_eq!(listed.len(), 40);
    for snapshot in listed {
        let only = Arc::new(MemorySnapshots::new(Time::system()));
        let exactly = steadfast_snapshot::Criteria::exactly(snapshot.seq);
        let loaded = steadfast_eventlog::block_on(all.load(&actor, &exactly)).expect("loaded");
        let saved = only.save(loaded.snapshot.expect("listed"));
        steadfast_eventlog::block_on(saved).expect("saved");
        let twin = state_from(&log, Some(only));
        assert_eq!((twin.snapshot, &twin.state), (Some(snapshot.seq), &fold.state));
    }
}

/// The state of the account `a`, as another process would find it.
fn state_from(
    log: &Arc<MemoryStore>,
    snapshots: Option<Arc<MemorySnapshots>>,
) -> steadfast_sourcing::Recovered<Account> {
    let test = TestSystem::new();
    test.run(async {
        let accounts = match snapshots {
            Some(snapshots) => builder(log).snapshots(snapshots),
            None => builder(log),
        };
        let accounts = accounts.start(&test).await.expect("starts");
        accounts.get("a").state_at(Moment::Now).await.expect("recovered")
    })
}

#[test]
fn s51_commands_wait_for_recovery_in_order_and_few_recover_at_once() {
    let test = TestSystem::new();
    let log = Faulty::new(test.time().clone());
    test.run(async {
        let gate = log.hold_reads();
        let accounts = builder(&log).recoveries_max(3).capacity(64).start(&test).await;
        let accounts = accounts.expect("starts");
        for cents in 0..20 {
            for id in 0..10 {
                let reply = Reply::detached();
                let account = accounts.get(id.to_string());
                account.tell(Command::Add { cents, reply }).await.expect("room");
            }
        }
        let first = accounts.get("0");
        let events = first.query(|account| account.events);
        let waited = test.time().timeout(std::time::Duration::from_secs(1), events);
        assert!(waited.await.is_err(), "it recovers");
        let figures = accounts.statistics();
        assert_eq!((figures.commands_total, figures.recovering), (0, 3));
        gate.add_permits(10);
        for id in 0..10 {
            let added = accounts.get(id.to_string()).query(|account| account.added.clone()).await;
            assert_eq!(added.expect("there"), (0..20).collect::<Vec<_>>());
        }
        assert_eq!(accounts.statistics().recovering_max, 3);
    });
}

#[test]
fn s51_commands_that_find_no_room_during_recovery_come_back() {
    let test = TestSystem::new();
    let log = Faulty::new(test.time().clone());
    test.run(async {
        let gate = log.hold_reads();
        let accounts = builder(&log).capacity(2).start(&test).await.expect("starts");
        let account = accounts.get("a");
        let mut came_back = 0;
        for cents in 0..5 {
            let told = account.tell(Command::Add { cents, reply: Reply::detached() }).await;
            if let Err(error) = told {
                assert!(matches!(error.fault(), CommandFault::Timeout), "{error:?}");
                assert!(error.into_command().is_some());
                came_back += 1;
            }
        }
        assert_eq!(came_back, 3);
        gate.add_permits(1);
        let added = account.query(|account| account.added.clone()).await.expect("there");
        assert_eq!(added, [0, 1]);
    });
}

#[test]
fn s52_a_panic_on_a_replayed_event_is_a_failed_recovery_on_the_path_of_supervision() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let added = || {
            let event = Event::Added { cents: 1 };
            Payload::encode(CodecId::NAMED, Account::EVENT_TYPE, 1, &event).expect("encodes")
        };
        for number in 1..=3 {
            append(&*log, "account/a", number, added()).await;
        }
        let cursed = Payload::encode(CodecId::NAMED, Account::EVENT_TYPE, 1, &Event::Cursed);
        append(&*log, "account/a", 4, cursed.expect("encodes")).await;
        append(&*log, "account/a", 5, added()).await;
        let sink = Arc::new(MemorySink::new(64));
        let accounts = builder(&log).sink(Arc::<MemorySink>::clone(&sink)).start(&test).await;
        let accounts = accounts.expect("starts");
        let error = accounts.get("a").ask(add(1)).await.expect_err("cannot be recovered");
        let CommandFault::Recovery(failed) = error.fault() else { panic!("{error:?}") };
        assert_eq!(failed.seq, Seq::new(4));
        assert!(matches!(&failed.cause, RecoveryCause::Panicked(text) if &**text == "cursed"));
        assert!(error.into_command().is_some(), "nobody consumed it");
        assert_eq!(accounts.statistics().commands_total, 0, "no command was handled");
        let events = sink.events();
        let names: Vec<&str> = events.iter().map(|event| event.name).collect();
        assert!(names.contains(&names::RECOVERY_FAILED), "{names:?}");
        assert!(names.contains(&steadfast_supervision::names::CHILD_FAILED), "{names:?}");
        // It answers with the failure for a while, without reading the log again.
        accounts.get("a").ask(add(1)).await.expect_err("rests");
        accounts.get("a").ask(add(1)).await.expect_err("rests");
        assert_eq!(accounts.statistics().activations_total, 1);
        test.time().sleep(steadfast_sourcing::RETRY_AFTER * 2).await;
        accounts.get("a").ask(add(1)).await.expect_err("tried again");
        assert_eq!(accounts.statistics().activations_total, 2);
    });
}

#[test]
fn a_panic_on_an_event_that_was_just_stored_shows_again_at_recovery() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = builder(&log).start(&test).await.expect("starts");
        let error = accounts.get("a").ask(Command::Cursed).await.expect_err("panics");
        assert!(matches!(error.fault(), CommandFault::Panicked), "{error:?}");
        let error = accounts.get("a").ask(add(1)).await.expect_err("cannot be recovered");
        let CommandFault::Recovery(failed) = error.fault() else { panic!("{error:?}") };
        assert_eq!(failed.seq, Seq::FIRST);
    });
}

#[derive(Serialize, Deserialize)]
struct AddedV1 {
    euros: i64,
}

#[derive(Serialize, Deserialize)]
struct AddedV2 {
    cents: i64,
    double: bool,
}

/// The third shape: one event for each single amount.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct AddedV3 {
    cents: i64,
}

#[derive(Debug, PartialEq, Eq)]
struct Modern(Vec<i64>);

impl EventSourced for Modern {
    type Command = Reply<()>;
    type Event = AddedV3;
    type Error = std::convert::Infallible;
    const EVENT_TYPE: &'static str = "bank.Added";
    const EVENT_VERSION: u16 = 3;

    fn initial(_id: &str) -> Self {
        Self(Vec::new())
    }

    fn decide(
        &self,
        reply: Reply<()>,
        _cx: &mut Decide<Self>,
    ) -> Result<Effect<AddedV3>, Self::Error> {
        Ok(Effect::persist(AddedV3 { cents: 1 }).reply(reply, ()))
    }

    fn apply(&mut self, event: &AddedV3) {
        self.0.push(event.cents);
    }
}

fn upcasters() -> Upcasters {
    Upcasters::new()
        .step("bank.Added", 1, |old: AddedV1| {
            vec![AddedV2 { cents: old.euros * 100, double: old.euros == 2 }]
        })
        .step("bank.Added", 2, |old: AddedV2| {
            vec![AddedV3 { cents: old.cents }; if old.double { 2 } else { 1 }]
        })
}

#[test]
fn s53_old_events_are_brought_up_step_by_step_in_order_and_unknown_ones_are_named() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let named = |version, payload: &AddedV1| {
            Payload::encode(CodecId::NAMED, "bank.Added", version, payload).expect("encodes")
        };
        for (number, euros) in [(1, 1), (2, 2), (3, 3)] {
            append(&*log, "m/a", number, named(1, &AddedV1 { euros })).await;
        }
        let native = Payload::encode(CodecId::BINCODE, "bank.Added", 3, &AddedV3 { cents: 7 });
        append(&*log, "m/a", 4, native.expect("encodes")).await;
        append(&*log, "m/b", 5, named(9, &AddedV1 { euros: 1 })).await;
        append(&*log, "m/c", 6, Payload::raw("bank.Removed", "?")).await;
        let modern = Entities::<Modern>::builder("m").store(Arc::<MemoryStore>::clone(&log));
        let modern = modern.upcasters(upcasters()).start(&test).await.expect("starts");
        modern.get("a").ask(|reply| reply).await.expect("stored");
        let amounts = modern.get("a").query(|state| state.0.clone()).await.expect("there");
        assert_eq!(amounts, [100, 200, 200, 300, 7, 1]);
        for (id, name, version) in [("b", "bank.Added", "9"), ("c", "bank.Removed", "1")] {
            let error = modern.get(id).ask(|reply| reply).await.expect_err("unknown");
            let text = error.to_string();
            assert!(text.contains(name) && text.contains(version), "{text}");
        }
    });
}

#[test]
fn a_snapshot_that_no_longer_fits_the_code_falls_back_to_events() {
    #[derive(Serialize, Deserialize)]
    struct Other {
        nothing: String,
    }
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let snapshots = Arc::new(MemorySnapshots::new(test.time().clone()));
        let started =
            || builder(&log).snapshots(Arc::<MemorySnapshots>::clone(&snapshots)).snapshot_every(2);
        let accounts = started().start(&test).await.expect("starts");
        for cents in 1..=3 {
            accounts.get("a").ask(add(cents)).await.expect("stored");
        }
        accounts.shutdown().await;
        let other = Other { nothing: String::new() };
        let position = steadfast_eventlog::Position::new(3);
        for (seq, version) in [(3, 1), (4, 2)] {
            let state = Payload::encode(CodecId::NAMED, "state", version, &other).expect("encodes");
            let snapshot =
                steadfast_snapshot::Snapshot::new("account/a", Seq::new(seq), position, state);
            snapshots.save(snapshot).await.expect("saved");
        }
        let accounts = started().start(&test).await.expect("starts");
        assert_eq!(accounts.get("a").ask(Command::Get).await.expect("recovered"), 6);
        let figures = accounts.statistics();
        assert_eq!((figures.snapshots_passed_over_total, figures.recovered_events_total), (2, 1));
    });
}

#[test]
fn a_log_that_has_lost_events_behind_a_snapshot_is_an_error() {
    let test = TestSystem::new();
    test.run(async {
        let snapshots = Arc::new(MemorySnapshots::new(test.time().clone()));
        let log = Arc::new(MemoryStore::new(test.time().clone()));
        let started = |log| {
            builder(log).snapshots(Arc::<MemorySnapshots>::clone(&snapshots)).snapshot_every(1)
        };
        let accounts = started(&log).start(&test).await.expect("starts");
        accounts.get("a").ask(add(1)).await.expect("stored");
        accounts.get("a").snapshot_now().await.ok();
        accounts.shutdown().await;
        let empty = Arc::new(MemoryStore::new(test.time().clone()));
        let accounts = started(&empty).start(&test).await.expect("starts");
        let error = accounts.get("a").ask(add(1)).await.expect_err("the log is behind");
        let CommandFault::Recovery(failed) = error.fault() else { panic!("{error:?}") };
        assert!(matches!(failed.cause, RecoveryCause::LogBehind { .. }), "{failed}");
    });
}

#[test]
fn a_state_is_seen_as_it_was_and_a_range_is_played_again() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = builder(&log).start(&test).await.expect("starts");
        let account = accounts.get("a");
        let mut times = Vec::new();
        for cents in 1..=5 {
            account.ask(add(cents)).await.expect("stored");
            times.push(test.time().timestamp());
            test.time().sleep(std::time::Duration::from_secs(10)).await;
        }
        for (number, at) in (1..).zip(&times) {
            let past = account.state_at(Moment::At(*at)).await.expect("there");
            assert_eq!(past.state.added, (1..=number).collect::<Vec<i64>>());
        }
        let mut seen = Vec::new();
        let began = test.elapsed();
        let speed = steadfast_eventlog::Speed::times(10.0).expect("a speed");
        let shown = account.replay(Seq::new(2)..=Seq::new(4), speed, |event, state| {
            seen.push((event.seq.get(), state.cents));
            std::ops::ControlFlow::Continue(())
        });
        assert_eq!(shown.await.expect("played"), 3);
        assert_eq!(seen, [(2, 3), (3, 6), (4, 10)]);
        assert_eq!(test.elapsed(), began + std::time::Duration::from_secs(2));
        assert_eq!(account.ask(Command::Get).await.expect("untouched"), 15);
    });
}
