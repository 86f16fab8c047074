//! Who is in memory: passivation, activation, and the bound on both.

use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_actor_core::{Reply, System};
use steadfast_eventlog::{EventStore, MemoryStore, Query};
use steadfast_snapshot::MemorySnapshots;
use steadfast_sourcing::{CommandFault, Entities, EntitiesBuilder, EntitiesConfig};

use crate::account::{Account, Command};
use crate::faulty::Faulty;

fn builder<L: EventStore + 'static>(log: &Arc<L>) -> EntitiesBuilder<Account> {
    Entities::<Account>::builder("account").store(Arc::<L>::clone(log))
}

async fn add(accounts: &Entities<Account>, id: &str, cents: i64) -> i64 {
    let ask = accounts.get(id).ask(move |reply| Command::Add { cents, reply }).await;
    ask.expect("stored")
}

#[test]
fn idle_entities_leave_memory_and_come_back_as_they_were() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = builder(&log).passivate_after(Duration::from_mins(1)).start(&test).await;
        let accounts = accounts.expect("starts");
        add(&accounts, "a", 1).await;
        for _ in 0..10 {
            test.time().sleep(Duration::from_secs(20)).await;
            add(&accounts, "b", 1).await;
        }
        let figures = accounts.statistics();
        assert_eq!((figures.resident, figures.passivations_total), (1, 1), "b was used");
        test.time().sleep(Duration::from_mins(2)).await;
        assert_eq!(accounts.statistics().resident, 0);
        assert_eq!(add(&accounts, "a", 1).await, 2);
        assert_eq!(add(&accounts, "b", 1).await, 11);
        assert_eq!(accounts.statistics().activations_total, 4);
    });
}

#[test]
fn the_least_recently_used_entity_makes_room() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = builder(&log).resident_max(3).start(&test).await.expect("starts");
        for id in ["a", "b", "c", "a"] {
            add(&accounts, id, 1).await;
        }
        add(&accounts, "d", 1).await;
        assert_eq!(accounts.statistics().activations_total, 4);
        for id in ["a", "c", "d"] {
            add(&accounts, id, 1).await;
        }
        assert_eq!(accounts.statistics().activations_total, 4, "b has left");
        add(&accounts, "b", 1).await;
        let figures = accounts.statistics();
        assert_eq!((figures.activations_total, figures.resident), (5, 3));
    });
}

#[test]
fn a_command_that_finds_no_room_in_memory_is_refused_in_the_end() {
    let test = TestSystem::new();
    let log = Faulty::new(test.time().clone());
    test.run(async {
        let gate = log.hold();
        let accounts = builder(&log).resident_max(1).start(&test).await.expect("starts");
        let (first, second) = (accounts.get("a"), accounts.get("b"));
        let mut busy = first
            .ask(|reply| Command::Add { cents: 1, reply })
            .within(Duration::from_mins(1))
            .into_future();
        assert!(test.time().timeout(Duration::from_secs(1), &mut busy).await.is_err());
        let told = second.tell(Command::Add { cents: 2, reply: Reply::detached() }).await;
        let error = told.expect_err("the other one is busy");
        assert!(matches!(error.fault(), CommandFault::Full), "{error:?}");
        let command = error.into_command().expect("it comes back");
        gate.add_permits(2);
        busy.await.expect("stored");
        second.tell(command).await.expect("there is room now");
        assert_eq!(second.query(|account| account.cents).await.expect("there"), 2);
    });
}

#[test]
fn an_entity_leaves_when_it_says_so() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = builder(&log).start(&test).await.expect("starts");
        add(&accounts, "a", 1).await;
        accounts.get("a").ask(Command::Leave).await.expect("answered");
        test.time().sleep(Duration::from_secs(1)).await;
        assert_eq!(accounts.statistics().resident, 0);
        assert_eq!(add(&accounts, "a", 1).await, 2);
    });
}

#[test]
fn an_entity_that_leaves_takes_a_snapshot_if_it_is_told_to_and_comes_back_from_it() {
    for (least, snapshots, read) in [(None, 0, 7), (Some(8), 0, 7), (Some(7), 1, 0)] {
        let test = TestSystem::new();
        let log = Arc::new(MemoryStore::new(test.time().clone()));
        let store = Arc::new(MemorySnapshots::new(test.time().clone()));
        test.run(async {
            let mut config = EntitiesConfig::default();
            config.passivate_after = Some(Duration::from_mins(1));
            config.snapshot_to_leave = least;
            let accounts = builder(&log).config(config).snapshots(store).start(&test).await;
            let accounts = accounts.expect("starts");
            for _ in 0..7 {
                add(&accounts, "a", 1).await;
            }
            test.time().sleep(Duration::from_mins(3)).await;
            let figures = accounts.statistics();
            assert_eq!((figures.resident, figures.snapshots_saved_total), (0, snapshots));
            assert_eq!(add(&accounts, "a", 1).await, 8);
            assert_eq!(accounts.statistics().recovered_events_total, read, "{least:?}");
        });
    }
}

/// Entities come and go all the time while many threads tell them things.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_command_is_lost_and_no_two_incarnations_write() {
    const IDS: i64 = 24;
    const ROUNDS: i64 = 400;
    let system = System::builder("test").build().expect("a system");
    let log = Arc::new(MemoryStore::default());
    let mut config = EntitiesConfig::default();
    config.resident_max = 4;
    config.passivate_after = Some(Duration::from_millis(4));
    let accounts = builder(&log).config(config).start(&system).await.expect("starts");
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let accounts = accounts.clone();
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                let account = accounts.get(((round * 7 + task) % IDS).to_string());
                if round % 2 == 0 {
                    let told = Command::Add { cents: 1, reply: Reply::detached() };
                    account.tell(told).await.expect("accepted");
                } else {
                    let asked = account.ask(|reply| Command::Add { cents: 1, reply });
                    asked.await.expect("stored");
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
    let mut sum = 0;
    for id in 0..IDS {
        let state = accounts.get(id.to_string()).query(Account::clone).await.expect("there");
        let actor = format!("account/{id}");
        let events = log.read(Query::actor(actor)).all().await.expect("readable").len();
        assert_eq!(state.events, events as u64);
        sum += state.cents;
    }
    assert_eq!(sum, 4 * ROUNDS);
    let figures = accounts.statistics();
    assert_eq!(figures.conflicts_total, 0, "{figures:?}");
    assert!(figures.resident <= 4 && figures.activations_total > 24, "{figures:?}");
    assert_eq!(system.dead_letter_count(), 0);
    system.shutdown().await;
}

/// How many come by; the environment variable says otherwise, a million in an optimized build.
fn many() -> u64 {
    let named = std::env::var("STEADFAST_ENTITIES").ok().and_then(|number| number.parse().ok());
    named.unwrap_or(if cfg!(debug_assertions) { 20_000 } else { 60_000 })
}

/// Far more entities than fit: each comes, is told something, and leaves for another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_entities_pass_through_a_small_memory() {
    let entities = many();
    let system = System::builder("test").build().expect("a system");
    let log = Arc::new(MemoryStore::default());
    let accounts = builder(&log).resident_max(1_000).start(&system).await.expect("starts");
    for id in 0..entities {
        let told = Command::Add { cents: 1, reply: Reply::detached() };
        accounts.get(id.to_string()).tell(told).await.expect("accepted");
        if id % 1_000 == 0 {
            assert!(system.actor_count() < 2_500, "{} actors", system.actor_count());
        }
    }
    for id in (0..entities).step_by(977) {
        assert_eq!(add(&accounts, &id.to_string(), 1).await, 2);
    }
    let figures = accounts.statistics();
    assert!(figures.resident <= 1_000, "{figures:?}");
    assert!(figures.activations_total >= entities, "{figures:?}");
    system.shutdown().await;
}
