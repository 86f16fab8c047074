//! Commands and their outcomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::{CallContext, CorrelationId, EventId, context};
use steadfast_eventlog::{
    Append, EventKind, EventStore, MemoryStore, NewEvent, Payload, Query, Seq,
};
use steadfast_snapshot::MemorySnapshots;
use steadfast_sourcing::{CommandFault, Entities};

use crate::account::{Account, Command, Event};
use crate::faulty::{Fault, Faulty};

fn add(cents: i64) -> impl FnOnce(steadfast_actor_core::Reply<i64>) -> Command + Send {
    move |reply| Command::Add { cents, reply }
}

async fn accounts<L: EventStore + 'static>(test: &TestSystem, log: &Arc<L>) -> Entities<Account> {
    let accounts = Entities::<Account>::builder("account").store(Arc::<L>::clone(log));
    accounts.start(test).await.expect("the settings are sound")
}

#[test]
fn an_entity_is_brought_up_on_demand_and_remembers() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let first = accounts(&test, &log).await;
        assert_eq!(first.get("a").ask(add(500)).await.expect("stored"), 500);
        assert_eq!(first.get("a").ask(add(-200)).await.expect("stored"), 300);
        assert_eq!(first.get("b").ask(add(7)).await.expect("stored"), 7);
        assert_eq!(first.get("b").query(|account| account.events).await.expect("there"), 1);
        first.shutdown().await;
        let fault = first.get("a").ask(Command::Get).await.expect_err("closed");
        assert!(matches!(fault.fault(), CommandFault::Closed));

        let second = accounts(&test, &log).await;
        assert_eq!(second.get("a").ask(Command::Get).await.expect("recovered"), 300);
        assert_eq!(second.statistics().recovered_events_total, 2);
        assert_eq!(log.read(Query::actor("account/a")).all().await.expect("readable").len(), 2);
    });
}

#[test]
fn nothing_is_answered_or_done_before_the_events_are_stored() {
    let test = TestSystem::new();
    let log = Faulty::new(test.time().clone());
    test.run(async {
        let gate = log.hold();
        let accounts = accounts(&test, &log).await;
        let account = accounts.get("a");
        let ran = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&ran);
        let mut ask = account
            .ask(|reply| Command::AddThen { cents: 5, ran: seen, reply })
            .within(Duration::from_mins(1))
            .into_future();
        let waited = test.time().timeout(Duration::from_secs(10), &mut ask).await;
        assert!(waited.is_err(), "the append is held back");
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        gate.add_permits(1);
        assert_eq!(ask.await.expect("stored"), 5);
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_command_sees_all_events_of_those_before_it() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = accounts(&test, &log).await;
        let account = accounts.get("a");
        for _ in 0..10 {
            account.tell(Command::Fetch(1)).await.expect("sent");
        }
        for cents in 0..100 {
            let reply = steadfast_actor_core::Reply::detached();
            account.tell(Command::Add { cents, reply }).await.expect("sent");
        }
        // The futures run beside the entity.
        test.time().sleep(Duration::from_millis(1)).await;
        let added = account.query(|account| account.added.clone()).await.expect("there");
        let told: Vec<i64> = added.iter().copied().filter(|cents| *cents != 1).collect();
        assert_eq!(told, (0..100).filter(|cents| *cents != 1).collect::<Vec<_>>());
        let ones = added.iter().filter(|cents| **cents == 1).count();
        assert_eq!(ones, 11, "the results of futures came back as commands");
    });
}

#[test]
fn s50_a_rejected_event_leaves_the_state_and_the_entity_goes_on() {
    let test = TestSystem::new();
    let log = Faulty::new(test.time().clone());
    test.run(async {
        let accounts = accounts(&test, &log).await;
        let account = accounts.get("a");
        account.ask(add(5)).await.expect("stored");
        let error = account.ask(Command::Huge).await.expect_err("too large");
        assert!(matches!(error.fault(), CommandFault::Rejected(_)), "{error:?}");
        log.fail_next(Fault::Unavailable);
        let error = account.ask(add(1)).await.expect_err("not stored");
        assert!(matches!(error.fault(), CommandFault::Rejected(_)), "{error:?}");
        assert_eq!(account.ask(Command::Get).await.expect("goes on"), 5);
        assert_eq!(account.ask(add(1)).await.expect("goes on"), 6);
        let figures = accounts.statistics();
        assert_eq!((figures.activations_total, figures.rejected_total), (1, 2));
        assert_eq!(figures.recoveries_total, 1, "nobody restarted");
    });
}

#[test]
fn s50_after_a_failed_persist_nothing_is_answered_or_done_and_the_log_decides() {
    for (fault, stored) in [(Fault::UnknownLost, 5), (Fault::UnknownStored, 6)] {
        let test = TestSystem::new();
        let log = Faulty::new(test.time().clone());
        test.run(async {
            let accounts = accounts(&test, &log).await;
            let account = accounts.get("a");
            account.ask(add(5)).await.expect("stored");
            accounts.get("b").ask(add(9)).await.expect("stored");
            log.fail_next(fault);
            let ran = Arc::new(AtomicU64::new(0));
            let seen = Arc::clone(&ran);
            let ask = account.ask(|reply| Command::AddThen { cents: 1, ran: seen, reply });
            let error = ask.await.expect_err("unknown");
            let CommandFault::Unknown { event, .. } = *error.fault() else {
                panic!("{error:?}");
            };
            assert_eq!(ran.load(Ordering::Relaxed), 0);
            let before = log.appends.load(Ordering::Relaxed);
            for id in ["a", "b", "c"] {
                let error = accounts.get(id).ask(add(1)).await.expect_err("poisoned");
                assert!(matches!(error.fault(), CommandFault::Poisoned), "{error:?}");
            }
            assert_eq!(log.appends.load(Ordering::Relaxed), before, "nothing was tried");
            accounts.reopened(Faulty::over(log.inner.clone()));
            let found = log.inner.read(Query::event(event)).all().await.expect("readable").len();
            assert_eq!(found, usize::from(stored == 6), "the fault names the event");
            assert_eq!(account.ask(Command::Get).await.expect("recovered"), stored);
            assert_eq!(account.ask(add(1)).await.expect("stored"), stored + 1);
            assert_eq!(accounts.get("b").ask(Command::Get).await.expect("still there"), 9);
        });
    }
}

#[test]
fn a_conflict_makes_the_entity_recover_before_the_next_command() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = accounts(&test, &log).await;
        let account = accounts.get("a");
        account.ask(add(5)).await.expect("stored");
        let foreign = Event::Added { cents: 100 };
        let payload =
            Payload::encode(steadfast_eventlog::CodecId::NAMED, "bank.AccountEvent", 1, &foreign);
        let id = EventId::from_u128(77);
        let payload = payload.expect("encodes");
        let event = NewEvent::new(id, "account/a", EventKind::StateChanged, payload);
        log.append(Append::one(event)).await.expect("stored");
        let error = account.ask(add(1)).await.expect_err("another one wrote");
        let CommandFault::Conflict { seq, actual } = *error.fault() else { panic!("{error:?}") };
        assert_eq!((seq, actual), (Seq::new(1), Seq::new(2)));
        assert_eq!(account.ask(add(1)).await.expect("recovered"), 106);
        assert_eq!(accounts.statistics().conflicts_total, 1);
    });
}

#[test]
fn a_fenced_log_stops_the_entities_for_good() {
    let test = TestSystem::new();
    let log = Faulty::new(test.time().clone());
    test.run(async {
        let accounts = accounts(&test, &log).await;
        log.fail_next(Fault::Fenced);
        let error = accounts.get("a").ask(add(5)).await.expect_err("fenced");
        assert!(matches!(error.fault(), CommandFault::Fenced), "{error:?}");
        accounts.reopened(Arc::<Faulty>::clone(&log));
        let error = accounts.get("a").ask(add(5)).await.expect_err("for good");
        assert!(matches!(error.fault(), CommandFault::Fenced), "{error:?}");
        assert!(matches!(accounts.fault(), Some(CommandFault::Fenced)));
    });
}

#[test]
fn a_poison_command_is_consumed_and_the_entity_comes_back_from_the_log() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = accounts(&test, &log).await;
        let account = accounts.get("a");
        account.ask(add(5)).await.expect("stored");
        let error = account.ask(Command::Panic).await.expect_err("panics");
        assert!(matches!(error.fault(), CommandFault::Panicked), "{error:?}");
        let error = account.ask(Command::Fail).await.expect_err("fails");
        assert!(matches!(error.fault(), CommandFault::Failed(text) if &**text == "broke"));
        assert_eq!(account.ask(add(1)).await.expect("restarted"), 6);
        assert_eq!(log.read(Query::all()).all().await.expect("readable").len(), 2);
        let figures = accounts.statistics();
        assert_eq!((figures.activations_total, figures.recoveries_total), (1, 3));
    });
}

#[test]
fn events_carry_the_context_of_the_call_and_the_time_that_decide_was_given() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = accounts(&test, &log).await;
        let (correlation, causation) = (CorrelationId::from_u128(3), EventId::from_u128(4));
        let call = CallContext::new().with_correlation(correlation).with_causation(causation);
        let account = accounts.get("a");
        let given = context::scope(call, async { account.ask(Command::Given).await });
        let given = given.await.expect("stored");
        assert_eq!((given.id.as_str(), given.seq), ("a", 0));
        assert_eq!((given.correlation, given.causation), (Some(correlation), Some(causation)));
        let events = log.read(Query::all()).all().await.expect("readable");
        assert_eq!(events[0].at, steadfast_eventlog::to_micros(given.at));
        assert_eq!(events[0].correlation, Some(correlation));
        assert_eq!(events[0].causation, Some(causation));
    });
}

#[test]
fn the_same_seed_and_number_draw_the_same() {
    let draws = |seed: u64| {
        let test = TestSystem::seeded(seed);
        let log = Arc::new(MemoryStore::new(test.time().clone()));
        test.run(async {
            let accounts = accounts(&test, &log).await;
            let mut draws = Vec::new();
            for id in ["a", "a", "b"] {
                draws.push(accounts.get(id).ask(Command::Gamble).await.expect("stored"));
            }
            draws
        })
    };
    assert_eq!(draws(1), draws(1));
    assert_ne!(draws(1), draws(2));
    let drawn = draws(1);
    assert_ne!(drawn[0], drawn[1], "another number");
    assert_ne!(drawn[0], drawn[2], "another entity");
}

#[test]
fn a_batch_is_stored_and_applied_as_one() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = Entities::<Account>::builder("account")
            .store(Arc::<MemoryStore>::clone(&log))
            .snapshots(Arc::new(MemorySnapshots::new(test.time().clone())));
        let accounts = accounts.start(&test).await.expect("the settings are sound");
        let account = accounts.get("a");
        let all = account.ask(|reply| Command::AddAll { cents: vec![1, 2, 3], reply });
        assert_eq!(all.await.expect("stored"), 6);
        let none = account.ask(|reply| Command::AddAll { cents: Vec::new(), reply });
        assert_eq!(none.await.expect("nothing to store"), 6);
        assert_eq!(account.seq().await.expect("there"), Seq::new(3));
    });
}
