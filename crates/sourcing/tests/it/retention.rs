//! What snapshots make superfluous, and in which order it goes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;

use steadfast_actor_core::Reply;
use steadfast_actor_core::testkit::TestSystem;
use steadfast_eventlog::{ActorName, EventStore, MemoryStore, Query, Retention, Seq};
use steadfast_snapshot::{
    Criteria, Loaded, MemorySnapshots, Snapshot, SnapshotError, SnapshotInfo, SnapshotRetention,
    SnapshotStatistics, SnapshotStore,
};
use steadfast_sourcing::{Entities, EntitiesConfig, Moment};

use crate::account::{Account, Command};
use crate::faulty::{Faulty, Steps};

/// Snapshots in memory, each step of which may fail.
#[derive(Debug)]
struct Stepped(Arc<MemorySnapshots>, Arc<Steps>);

impl Stepped {
    fn take(&self, step: String) -> Result<(), SnapshotError> {
        self.1.take(step).map_err(|cause| SnapshotError::Unavailable(io::Error::other(cause)))
    }
}

#[async_trait]
impl SnapshotStore for Stepped {
    async fn save(&self, snapshot: Snapshot) -> Result<SnapshotInfo, SnapshotError> {
        self.take(format!("save {}", snapshot.seq))?;
        self.0.save(snapshot).await
    }

    async fn load(&self, actor: &ActorName, criteria: &Criteria) -> Result<Loaded, SnapshotError> {
        self.0.load(actor, criteria).await
    }

    async fn verify(&self, actor: &ActorName, seq: Seq) -> Result<SnapshotInfo, SnapshotError> {
        self.take(format!("verify {seq}"))?;
        self.0.verify(actor, seq).await
    }

    async fn list(&self, actor: &ActorName) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        self.0.list(actor).await
    }

    async fn delete(&self, actor: &ActorName, criteria: &Criteria) -> Result<u64, SnapshotError> {
        self.take(format!("delete snapshots to {}", criteria.seq_to))?;
        self.0.delete(actor, criteria).await
    }

    async fn retain(
        &self,
        actor: &ActorName,
        policy: &SnapshotRetention,
    ) -> Result<u64, SnapshotError> {
        self.0.retain(actor, policy).await
    }

    fn statistics(&self) -> SnapshotStatistics {
        self.0.statistics()
    }
}

#[test]
fn s47_snapshots_events_and_old_snapshots_go_in_an_order_that_survives_any_failure() {
    let mut orders = Vec::new();
    for failing in 0..=12 {
        let test = TestSystem::new();
        let log = Faulty::new(test.time().clone());
        let memory = Arc::new(MemorySnapshots::new(test.time().clone()));
        let snapshots = Arc::new(Stepped(Arc::clone(&memory), Arc::clone(&log.steps)));
        log.steps.failing.store(failing, Ordering::Relaxed);
        test.run(async {
            let mut config = EntitiesConfig::default();
            config.snapshot_every = Some(3);
            config.delete_events = true;
            let builder = || {
                let builder = Entities::<Account>::builder("account").config(config.clone());
                builder
                    .store(Arc::<Faulty>::clone(&log))
                    .snapshots(Arc::<Stepped>::clone(&snapshots))
            };
            let accounts = builder().start(&test).await.expect("starts");
            let account = accounts.get("a");
            let mut twin = Account::default();
            for cents in 1..=13 {
                account.ask(move |reply| Command::Add { cents, reply }).await.expect("stored");
                // Lets the snapshot be saved, so that each has its turn.
                test.time().sleep(std::time::Duration::from_millis(1)).await;
                twin.cents += cents;
                twin.events += 1;
                twin.added.push(cents);
                let past = account.state_at(Moment::Now).await.expect("recovered");
                assert_eq!(past.state, twin, "step {failing} failed");
            }
            if failing == 0 {
                orders = log.steps.taken();
            }
        });
    }
    assert_eq!(
        orders,
        [
            "save 3",
            "save 6",
            "save 9",
            "verify 9",
            "release events to 3",
            "delete events to 3",
            "delete snapshots to 2",
            "save 12",
            "verify 12",
            "release events to 6",
            "delete events to 6",
            "delete snapshots to 5",
        ]
    );
}

#[test]
fn a_cold_entity_that_holds_the_log_gets_a_snapshot_so_that_it_can_go() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let snapshots = Arc::new(MemorySnapshots::new(test.time().clone()));
        let builder = || {
            let builder = Entities::<Account>::builder("account");
            let builder = builder.store(Arc::<MemoryStore>::clone(&log)).snapshot_every(10);
            builder.snapshots(Arc::<MemorySnapshots>::clone(&snapshots))
        };
        let accounts = builder().start(&test).await.expect("starts");
        for id in ["cold", "warm"] {
            for cents in 1..=25 {
                let reply = Reply::detached();
                accounts.get(id).tell(Command::Add { cents, reply }).await.expect("sent");
            }
            accounts.get(id).query(|account| account.events).await.expect("there");
        }
        let foreign = Entities::<Account>::builder("other").store(Arc::<MemoryStore>::clone(&log));
        let foreign = foreign.start(&test).await.expect("starts");
        let other = foreign.get("x");
        other.ask(|reply| Command::Add { cents: 1, reply }).await.expect("stored");
        accounts.shutdown().await;

        let accounts = builder().start(&test).await.expect("starts");
        let policy = Retention::default().with_events_max(0);
        let retained = accounts.retain(&policy).await.expect("retained");
        assert_eq!((retained.events, retained.forced), (50, 2), "{retained:?}");
        assert_eq!(accounts.statistics().activations_total, 0, "nobody came into memory for it");
        assert_eq!(log.read(Query::all()).all().await.expect("readable").len(), 1);
        for id in ["cold", "warm"] {
            let cents = accounts.get(id).ask(Command::Get).await.expect("recovered");
            assert_eq!(cents, 25 * 26 / 2);
        }
        // The account of another kind is none of its business.
        accounts.get("new").ask(|reply| Command::Add { cents: 1, reply }).await.expect("stored");
        let retained = accounts.retain(&policy).await.expect("retained");
        assert_eq!((retained.events, retained.held.len()), (0, 1), "{retained:?}");
        assert_eq!(retained.held[0].actor, "other/x");
    });
}
