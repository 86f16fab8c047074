//! Commands with an id: stored once, however often they are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_actor_core::{Reply, System};
use steadfast_eventlog::{EventStore, MemoryStore, Query, Seq};
use steadfast_sourcing::{CommandFault, CommandId, Entities};

use crate::account::{Account, Command};
use crate::faulty::{Fault, Faulty};

const KEY: CommandId = CommandId::new(42);

async fn accounts<L: EventStore + 'static>(system: &System, log: &Arc<L>) -> Entities<Account> {
    let accounts = Entities::<Account>::builder("account").store(Arc::<L>::clone(log));
    accounts.start(system).await.expect("the settings are sound")
}

/// Adds under an id; the sum, or the number of the first event of an earlier try.
async fn add(
    accounts: &Entities<Account>,
    account: &str,
    id: CommandId,
    cents: Vec<i64>,
) -> Result<i64, Seq> {
    let account = accounts.get(account);
    let ask = account.ask(|reply| Command::AddAll { cents, reply }).keyed(id);
    ask.await.map_err(|error| match error.fault() {
        CommandFault::Stored { seq } => *seq,
        fault => panic!("{fault:?}"),
    })
}

#[test]
fn s10_a_command_that_is_sent_again_is_stored_once_also_in_another_life() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let first = accounts(&test, &log).await;
        first
            .get("a")
            .tell(Command::Add { cents: 1, reply: Reply::detached() })
            .await
            .expect("sent");
        assert_eq!(add(&first, "a", KEY, vec![2, 3]).await, Ok(6));
        assert_eq!(add(&first, "a", KEY, vec![2, 3]).await, Err(Seq::new(2)));
        assert_eq!(add(&first, "a", KEY, vec![9]).await, Err(Seq::new(2)), "the id decides");
        assert_eq!(add(&first, "b", KEY, vec![5]).await, Ok(5), "another entity, another command");
        assert_eq!(add(&first, "a", CommandId::new(43), vec![4]).await, Ok(10));
        first.shutdown().await;
        let second = accounts(&test, &log).await;
        assert_eq!(add(&second, "a", KEY, vec![2, 3]).await, Err(Seq::new(2)));
        let account = second.get("a").query(Account::clone).await.expect("there");
        assert_eq!(account.added, [1, 2, 3, 4]);
        let stored = log.read(Query::actor("account/a")).all().await.expect("readable");
        assert_eq!(stored[1].id, KEY.event(&second.get("a").actor(), 0));
    });
}

#[test]
fn a_command_of_unknown_outcome_is_sent_again_and_the_log_decides() {
    for (fault, again) in [(Fault::UnknownLost, Ok(7)), (Fault::UnknownStored, Err(Seq::new(2)))] {
        let test = TestSystem::new();
        let log = Faulty::new(test.time().clone());
        test.run(async {
            let accounts = accounts(&test, &log).await;
            accounts.get("a").ask(|reply| Command::Add { cents: 5, reply }).await.expect("stored");
            log.fail_next(fault);
            let ran = Arc::new(AtomicU64::new(0));
            let seen = Arc::clone(&ran);
            let account = accounts.get("a");
            let ask = account.ask(|reply| Command::AddThen { cents: 2, ran: seen, reply });
            let error = ask.keyed(KEY).await.expect_err("unknown");
            assert!(matches!(error.fault(), CommandFault::Unknown { .. }), "{error:?}");
            accounts.reopened(Faulty::over(log.inner.clone()));
            assert_eq!(add(&accounts, "a", KEY, vec![2]).await, again);
            assert_eq!(ran.load(Ordering::Relaxed), 0, "what was not acknowledged is not done");
            let account = accounts.get("a").query(Account::clone).await.expect("there");
            assert_eq!(account.added, [5, 2]);
        });
    }
}

#[test]
fn what_a_future_of_a_command_comes_to_is_stored_once_too() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let accounts = accounts(&test, &log).await;
        for _ in 0..3 {
            let account = accounts.get("a");
            account.tell_keyed(KEY, Command::Fetch(8)).await.expect("sent");
            test.settle().await;
        }
        let account = accounts.get("a").query(Account::clone).await.expect("there");
        assert_eq!(account.added, [8]);
    });
}

/// Many senders, each of which sends the same commands, some of them after a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_commands_by_many_at_once_are_stored_once() {
    const COMMANDS: i64 = 50;
    let system = System::builder("test").build().expect("a system");
    let log = Arc::new(MemoryStore::default());
    let accounts = accounts(&system, &log).await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let accounts = accounts.clone();
        senders.spawn(async move {
            let mut stored = 0;
            for cents in 0..COMMANDS {
                let key = CommandId::new(u128::from(cents.unsigned_abs()));
                stored += u64::from(add(&accounts, "a", key, vec![cents]).await.is_ok());
            }
            stored
        });
    }
    let stored: u64 = senders.join_all().await.into_iter().sum();
    assert_eq!(stored, COMMANDS.unsigned_abs());
    let account = accounts.get("a").query(Account::clone).await.expect("there");
    let mut added = account.added;
    added.sort_unstable();
    assert_eq!(added, (0..COMMANDS).collect::<Vec<_>>());
    system.shutdown().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever fails, and however often each is sent again: the state is that of each command once.
    #[test]
    fn each_command_is_stored_at_most_once_and_at_least_if_it_was_acknowledged(
        faults in prop::collection::vec(
            prop_oneof![
                4 => Just(Fault::None),
                1 => Just(Fault::Unavailable),
                2 => Just(Fault::UnknownLost),
                2 => Just(Fault::UnknownStored),
            ],
            1..24,
        ),
    ) {
        let test = TestSystem::new();
        let mut log = Faulty::new(test.time().clone());
        test.run(async {
            let accounts = accounts(&test, &log).await;
            let account = accounts.get("a");
            let mut expected = Vec::new();
            let mut faults = faults.into_iter();
            let mut number = 0_i64;
            while let Some(fault) = faults.next() {
                number += 1;
                let key = CommandId::new(u128::from(number.unsigned_abs()));
                let mut fault = Some(fault);
                // Sent until it is known to be stored.
                loop {
                    log.fail_next(fault.take().or_else(|| faults.next()).unwrap_or(Fault::None));
                    let asked = account.ask(|reply| Command::Add { cents: number, reply });
                    match asked.keyed(key).await {
                        Ok(_) => break,
                        Err(error) if matches!(error.fault(), CommandFault::Stored { .. }) => {
                            // It asked for nothing of the log: the fault is for the next one.
                            log.faults.lock().expect("no test panics with it").clear();
                            break;
                        }
                        Err(error) => {
                            let known = matches!(
                                error.fault(),
                                CommandFault::Unknown { .. } | CommandFault::Rejected(_)
                            );
                            assert!(known, "{error:?}");
                        }
                    }
                    if accounts.fault().is_some() {
                        log = Faulty::over(log.inner.clone());
                        accounts.reopened(Arc::<Faulty>::clone(&log) as Arc<dyn EventStore>);
                    }
                }
                expected.push(number);
            }
            let account = account.query(Account::clone).await.expect("there");
            assert_eq!(account.added, expected);
        });
    }
}
