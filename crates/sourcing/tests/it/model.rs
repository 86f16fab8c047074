//! Entities under faults of all sorts against the fold of the log.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::EventId;
use steadfast_eventlog::{
    Append, CodecId, EventKind, EventStore, NewEvent, Payload, Query, block_on,
};
use steadfast_snapshot::MemorySnapshots;
use steadfast_sourcing::{CommandFault, Entities, EntitiesConfig, EventSourced};

use crate::account::{Account, Command, Event};
use crate::faulty::{Fault, Faulty};

#[derive(Clone, Debug)]
enum Step {
    Add(u8, i64),
    AddAll(u8, Vec<i64>),
    Panic(u8),
    Fail(u8),
    Huge(u8),
    Snapshot(u8),
    Leave(u8),
    /// Somebody else appends.
    Foreign(u8, i64),
    /// The next append of anybody fails in this way.
    Fault(Fault),
    Reopen,
    Restart,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0_u8..3;
    let fault =
        prop_oneof![Just(Fault::Unavailable), Just(Fault::UnknownLost), Just(Fault::UnknownStored)];
    prop_oneof![
        8 => (id.clone(), 1_i64..100).prop_map(|(id, cents)| Step::Add(id, cents)),
        2 => (id.clone(), prop::collection::vec(1_i64..100, 0..5))
            .prop_map(|(id, cents)| Step::AddAll(id, cents)),
        1 => id.clone().prop_map(Step::Panic),
        1 => id.clone().prop_map(Step::Fail),
        1 => id.clone().prop_map(Step::Huge),
        1 => id.clone().prop_map(Step::Snapshot),
        1 => id.clone().prop_map(Step::Leave),
        1 => (id, 1_i64..100).prop_map(|(id, cents)| Step::Foreign(id, cents)),
        2 => fault.prop_map(Step::Fault),
        2 => Just(Step::Reopen),
        1 => Just(Step::Restart),
        1 => (1_u64..120_000).prop_map(Step::Wait),
    ]
}

/// What the log says an account is. Nothing is deleted, so that all of it is there.
fn fold(log: &Faulty, id: u8) -> Account {
    let events = block_on(log.inner.read(Query::actor(format!("account/{id}"))).all());
    let mut account = Account::initial("");
    for event in events.expect("readable") {
        account.apply(&event.payload.decode().expect("an event of an account"));
    }
    account
}

struct World {
    log: Arc<Faulty>,
    snapshots: Arc<MemorySnapshots>,
    accounts: Entities<Account>,
    foreign: u128,
}

impl World {
    async fn start(
        test: &TestSystem,
        log: &Arc<Faulty>,
        snapshots: &Arc<MemorySnapshots>,
    ) -> Entities<Account> {
        let mut config = EntitiesConfig::default();
        config.snapshot_every = Some(4);
        config.resident_max = 2;
        config.passivate_after = Some(Duration::from_mins(1));
        config.budget = steadfast_supervision::Budget::unlimited();
        let accounts = Entities::<Account>::builder("account").config(config);
        let accounts = accounts.store(Arc::<Faulty>::clone(log));
        let accounts = accounts.snapshots(Arc::<MemorySnapshots>::clone(snapshots));
        accounts.start(test).await.expect("starts")
    }

    fn reopen(&mut self) {
        let log = Faulty::over(self.log.inner.clone());
        self.accounts.reopened(Arc::<Faulty>::clone(&log));
        self.log = log;
    }

    async fn take(&mut self, test: &TestSystem, step: Step) {
        let get = |id: u8| self.accounts.get(id.to_string());
        match step {
            Step::Add(id, cents) => {
                let before = fold(&self.log, id).cents;
                let asked = get(id).ask(move |reply| Command::Add { cents, reply }).await;
                self.judge(id, before, before + cents, asked);
            }
            // Without events nothing is compared with the log: it may answer from before a foreign event.
            Step::AddAll(id, cents) if cents.is_empty() => {
                drop(get(id).ask(move |reply| Command::AddAll { cents, reply }).await);
            }
            Step::AddAll(id, cents) => {
                let before = fold(&self.log, id).cents;
                let after = before + cents.iter().sum::<i64>();
                let asked = get(id).ask(move |reply| Command::AddAll { cents, reply }).await;
                self.judge(id, before, after, asked);
            }
            Step::Panic(id) => drop(get(id).ask(Command::Panic).await.expect_err("no answer")),
            Step::Fail(id) => drop(get(id).ask(Command::Fail).await.expect_err("no answer")),
            Step::Huge(id) => drop(get(id).ask(Command::Huge).await.expect_err("too large")),
            Step::Snapshot(id) => drop(get(id).snapshot_now().await),
            Step::Leave(id) => drop(get(id).ask(Command::Leave).await),
            Step::Foreign(id, cents) => {
                let event = Event::Added { cents };
                let payload = Payload::encode(CodecId::NAMED, Account::EVENT_TYPE, 1, &event);
                self.foreign += 1;
                let new = NewEvent::new(
                    EventId::from_u128(self.foreign),
                    format!("account/{id}"),
                    EventKind::StateChanged,
                    payload.expect("encodes"),
                );
                self.log.inner.append(Append::one(new)).await.expect("stored");
            }
            Step::Fault(fault) => self.log.fail_next(fault),
            Step::Reopen => self.reopen(),
            Step::Restart => {
                self.accounts.shutdown().await;
                let log = Faulty::over(self.log.inner.clone());
                self.accounts = Self::start(test, &log, &self.snapshots).await;
                self.log = log;
            }
            Step::Wait(millis) => test.time().sleep(Duration::from_millis(millis)).await,
        }
    }

    /// An answer means that the events are stored, on the state that was there; a fault that nothing is, or
    /// that nobody knows.
    fn judge(
        &self,
        id: u8,
        before: i64,
        after: i64,
        asked: Result<i64, steadfast_sourcing::CommandError<Command>>,
    ) {
        let now = fold(&self.log, id).cents;
        match asked {
            Ok(answer) => assert_eq!((answer, now), (after, after)),
            Err(error) => match error.fault() {
                CommandFault::Unknown { .. } => assert!(now == before || now == after),
                _ => assert_eq!(now, before, "{error:?}"),
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_entity_is_the_fold_of_the_log_whatever_fails(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let test = TestSystem::new();
        let log = Faulty::new(test.time().clone());
        let snapshots = Arc::new(MemorySnapshots::new(test.time().clone()));
        test.run(async {
            let accounts = World::start(&test, &log, &snapshots).await;
            let foreign = 1 << 64;
            let mut world = World { log: Arc::clone(&log), snapshots, accounts, foreign };
            for step in steps {
                world.take(&test, step).await;
            }
            world.reopen();
            for id in 0..3 {
                let account = world.accounts.get(id.to_string());
                // An entity that met foreign events only learns of them when it writes.
                let asked = account.ask(|reply| Command::Add { cents: 1, reply }).await;
                if let Err(error) = asked {
                    assert!(matches!(error.fault(), CommandFault::Conflict { .. }), "{error:?}");
                }
                let state = account.query(Account::clone).await.expect("there");
                assert_eq!(state, fold(&world.log, id));
            }
        });
    }
}
