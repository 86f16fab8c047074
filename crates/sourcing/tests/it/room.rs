//! Room in memory and in mailboxes: who gives it back, who waits for it, and for how long.

use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_actor_core::{Overflow, Reply};
use steadfast_base::{CallContext, EventId, context};
use steadfast_eventlog::{Append, CodecId, EventKind, EventStore, MemoryStore, NewEvent, Payload};
use steadfast_sourcing::{CommandFault, Entities, EntitiesBuilder, EntitiesConfig, EventSourced};

use crate::account::{Account, Command, Event};
use crate::faulty::Faulty;

fn add(cents: i64) -> impl FnOnce(Reply<i64>) -> Command + Send {
    move |reply| Command::Add { cents, reply }
}

fn builder<L: EventStore + 'static>(log: &Arc<L>) -> EntitiesBuilder<Account> {
    Entities::<Account>::builder("account").store(Arc::<L>::clone(log))
}

/// Gives an entity an event on which it can never be recovered.
async fn curse(log: &dyn EventStore, actor: &str, number: u128) {
    let payload = Payload::encode(CodecId::NAMED, Account::EVENT_TYPE, 1, &Event::Cursed);
    let id = EventId::from_u128(number);
    let event = NewEvent::new(id, actor, EventKind::StateChanged, payload.expect("encodes"));
    log.append(Append::one(event)).await.expect("stored");
}

async fn expect_cursed(accounts: &Entities<Account>, id: &str) {
    let error = accounts.get(id).ask(add(1)).await.expect_err("cannot be recovered");
    assert!(matches!(error.fault(), CommandFault::Recovery(_)), "{error:?}");
}

#[test]
fn an_entity_that_failed_for_good_gives_its_room_back_and_still_rests() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        curse(&*log, "account/bad", 1).await;
        let accounts = builder(&log).resident_max(1).start(&test).await.expect("starts");
        expect_cursed(&accounts, "bad").await;
        let before = test.elapsed();
        assert_eq!(accounts.get("good").ask(add(5)).await.expect("there is room"), 5);
        assert_eq!(test.elapsed(), before, "nobody waits for the dead");
        let activations = accounts.statistics().activations_total;
        expect_cursed(&accounts, "bad").await;
        assert_eq!(accounts.statistics().activations_total, activations, "it rests");
    });
}

#[test]
fn a_look_around_does_not_end_the_rest_of_an_entity_that_failed_for_good() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        curse(&*log, "account/bad", 1).await;
        let idle = Duration::from_millis(400);
        let accounts = builder(&log).passivate_after(idle).start(&test).await.expect("starts");
        expect_cursed(&accounts, "bad").await;
        // The keeper has looked at it by then.
        test.time().sleep(idle / 2).await;
        assert_eq!(accounts.statistics().resident, 0, "it gave its room back");
        expect_cursed(&accounts, "bad").await;
        assert_eq!(accounts.statistics().activations_total, 1, "it rests");
        test.time().sleep(steadfast_sourcing::RETRY_AFTER).await;
        expect_cursed(&accounts, "bad").await;
        assert_eq!(accounts.statistics().activations_total, 2, "tried again");
    });
}

#[test]
fn entities_that_rest_are_few() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = builder(&log).resident_max(1).start(&test).await.expect("starts");
        let fail = async |id: u128| {
            curse(&*log, &format!("account/{id}"), id).await;
            expect_cursed(&accounts, &id.to_string()).await;
            expect_cursed(&accounts, &id.to_string()).await;
        };
        for id in 1..=1_000 {
            fail(id).await;
        }
        let known = accounts.statistics().activations_total;
        assert_eq!(known, 1_000, "each rests");
        expect_cursed(&accounts, "1").await;
        assert_eq!(accounts.statistics().activations_total, known, "also the first one");
        for id in 1_001..=1_040 {
            fail(id).await;
        }
        assert!(test.elapsed() < steadfast_sourcing::RETRY_AFTER, "nobody has rested enough");
        let known = accounts.statistics().activations_total;
        expect_cursed(&accounts, "1").await;
        assert_eq!(accounts.statistics().activations_total, known + 1, "forgotten for the others");
    });
}

#[test]
fn the_wait_for_room_keeps_the_deadline_of_the_caller() {
    let test = TestSystem::new();
    let log = Faulty::new(test.time().clone());
    test.run(async {
        let gate = log.hold();
        let accounts = builder(&log).resident_max(1).start(&test).await.expect("starts");
        let (a, b) = (accounts.get("a"), accounts.get("b"));
        let mut busy = a.ask(add(1)).within(Duration::from_mins(1)).into_future();
        assert!(test.time().timeout(Duration::from_millis(1), &mut busy).await.is_err());
        // An inherited deadline.
        let before = test.elapsed();
        let limit = Duration::from_millis(200);
        let call = CallContext::new().with_deadline(test.time().now() + limit);
        let error = context::scope(call, async { b.ask(add(1)).await }).await;
        let error = error.expect_err("there is no room");
        assert!(matches!(error.fault(), CommandFault::Timeout), "{error:?}");
        assert_eq!(test.elapsed().saturating_sub(before), limit);
        // The default one: five seconds for all of it, three of them in front of the door.
        let before = test.elapsed();
        let mut late = b.ask(add(1)).into_future();
        assert!(test.time().timeout(Duration::from_secs(3), &mut late).await.is_err());
        gate.add_permits(1);
        assert_eq!(busy.await.expect("stored"), 1);
        let error = late.await.expect_err("its append is held back");
        assert!(matches!(error.fault(), CommandFault::Timeout), "{error:?}");
        let waited = test.elapsed().saturating_sub(before);
        assert!(waited <= Duration::from_millis(5_100), "{waited:?}");
        gate.add_permits(2);
    });
}

#[test]
fn s51_a_full_mailbox_during_recovery_does_what_its_policy_says() {
    let cases: [(Overflow, usize, &[i64], u64); 4] = [
        (Overflow::Reject, 3, &[0, 1], 0),
        (Overflow::DropNewest, 0, &[0, 1], 3),
        (Overflow::DropOldest, 0, &[3, 4], 3),
        (Overflow::Wait(Duration::from_millis(10)), 3, &[0, 1], 0),
    ];
    for (overflow, expected, kept, dead) in cases {
        let test = TestSystem::new();
        let log = Faulty::new(test.time().clone());
        test.run(async {
            let gate = log.hold_reads();
            let accounts = builder(&log).capacity(2).overflow(overflow);
            let accounts = accounts.start(&test).await.expect("starts");
            let account = accounts.get("a");
            let mut came_back = 0;
            for cents in 0..5 {
                let told = account.tell(Command::Add { cents, reply: Reply::detached() }).await;
                if let Err(error) = told {
                    let full = matches!(error.fault(), CommandFault::Full | CommandFault::Timeout);
                    assert!(full, "{error:?}");
                    assert!(error.into_command().is_some());
                    came_back += 1;
                }
            }
            assert_eq!(came_back, expected, "{overflow:?}");
            assert_eq!(test.dead_letter_count(), dead, "{overflow:?}");
            gate.add_permits(1);
            // Let those in front leave the mailbox first.
            test.settle().await;
            let added = account.query(|account| account.added.clone()).await.expect("there");
            assert_eq!(added, kept, "{overflow:?}");
        });
    }
}

#[test]
fn a_command_waits_for_room_in_the_mailbox_as_long_as_is_set() {
    let test = TestSystem::new();
    let log = Faulty::new(test.time().clone());
    test.run(async {
        let gate = log.hold_reads();
        let mut config = EntitiesConfig::default();
        (config.capacity, config.room_wait) = (Some(1), Duration::from_millis(300));
        let accounts = builder(&log).config(config).start(&test).await.expect("starts");
        let account = accounts.get("a");
        let told = |cents| account.tell(Command::Add { cents, reply: Reply::detached() });
        told(1).await.expect("there is room");
        let before = test.elapsed();
        let error = told(2).await.expect_err("there is none");
        assert!(matches!(error.fault(), CommandFault::Timeout), "{error:?}");
        let waited = test.elapsed().saturating_sub(before);
        assert!((300..=400).contains(&waited.as_millis()), "{waited:?}");
        gate.add_permits(1);
    });
}
