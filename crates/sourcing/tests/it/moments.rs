//! Snapshots by time, and snapshots that are asked for while another one is being saved.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use steadfast_actor_core::Reply;
use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::{EventId, Timestamp};
use steadfast_eventlog::{
    ActorName, Append, CodecId, EventKind, EventStore, MemoryStore, NewEvent, Payload, Retention,
    Seq,
};
use steadfast_snapshot::{
    Criteria, Loaded, MemorySnapshots, Snapshot, SnapshotError, SnapshotInfo, SnapshotRetention,
    SnapshotStatistics, SnapshotStore,
};
use steadfast_sourcing::{Entities, EventSourced, Moment, SNAPSHOT_WAITS_MAX, SnapshotFault};

use crate::account::{Account, Command, Event};

fn add(cents: i64) -> impl FnOnce(Reply<i64>) -> Command + Send {
    move |reply| Command::Add { cents, reply }
}

/// Events that happened while the clock stood an hour ahead, before it was set back.
async fn ahead(log: &MemoryStore, actor: &str, now: Timestamp) {
    for number in 1..=3_u32 {
        let event = Event::Added { cents: i64::from(number) };
        let payload = Payload::encode(CodecId::NAMED, Account::EVENT_TYPE, 1, &event);
        let id = EventId::from_u128(u128::from(number) + (actor.len() as u128) * 100);
        let event = NewEvent::new(id, actor, EventKind::StateChanged, payload.expect("encodes"));
        let at = now + Duration::from_hours(1) * number;
        log.append(Append::one(event.with_at(at))).await.expect("stored");
    }
}

#[test]
fn s49_a_snapshot_is_never_older_than_what_it_contains_though_the_clock_was_set_back() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let now = test.time().timestamp();
        for actor in ["account/a", "account/forced"] {
            ahead(&log, actor, now).await;
        }
        let snapshots = Arc::new(MemorySnapshots::new(test.time().clone()));
        let accounts =
            Entities::<Account>::builder("account").store(Arc::<MemoryStore>::clone(&log));
        let accounts = accounts.snapshots(Arc::<MemorySnapshots>::clone(&snapshots));
        let accounts = accounts.start(&test).await.expect("starts");
        let at = |hours: u32| Moment::At(now + Duration::from_hours(1) * hours);
        let account = accounts.get("a");
        account.ask(add(4)).await.expect("stored");
        account.snapshot_now().await.expect("saved");
        test.time().sleep(Duration::from_mins(1)).await;
        // The first event is later than this, so nothing counts, whatever a snapshot says.
        let minute = Moment::At(test.time().timestamp());
        assert_eq!(account.state_at(minute).await.expect("there").state.events, 0);
        assert_eq!(account.state_at(at(2)).await.expect("there").state.events, 2);
        let all = account.state_at(at(3)).await.expect("there");
        assert_eq!((all.state.events, all.snapshot), (4, Some(Seq::new(4))));
        // The same goes for one that retention forces; its events are needed for the answer and gone.
        let policy = Retention::default().with_events_max(0);
        let retained = accounts.retain(&policy).await.expect("retained");
        assert!(retained.forced >= 1, "{retained:?}");
        let forced = accounts.get("forced");
        let known = forced.state_at(minute).await.map(|past| past.state.events);
        assert_ne!(known.ok(), Some(3), "a state of an hour later");
        assert_eq!(forced.state_at(at(3)).await.expect("there").state.events, 3);
    });
}

/// Snapshots in memory, whose saving waits for permits.
#[derive(Debug)]
struct Slow(Arc<MemorySnapshots>, Semaphore);

#[async_trait]
impl SnapshotStore for Slow {
    async fn save(&self, snapshot: Snapshot) -> Result<SnapshotInfo, SnapshotError> {
        self.1.acquire().await.expect("nobody closes it").forget();
        self.0.save(snapshot).await
    }

    async fn load(&self, actor: &ActorName, criteria: &Criteria) -> Result<Loaded, SnapshotError> {
        self.0.load(actor, criteria).await
    }

    async fn verify(&self, actor: &ActorName, seq: Seq) -> Result<SnapshotInfo, SnapshotError> {
        self.0.verify(actor, seq).await
    }

    async fn list(&self, actor: &ActorName) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        self.0.list(actor).await
    }

    async fn delete(&self, actor: &ActorName, criteria: &Criteria) -> Result<u64, SnapshotError> {
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
fn a_snapshot_that_is_asked_for_while_one_is_saved_is_the_next_one() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    test.run(async {
        let memory = Arc::new(MemorySnapshots::new(test.time().clone()));
        let slow = Arc::new(Slow(Arc::clone(&memory), Semaphore::new(0)));
        let accounts = Entities::<Account>::builder("account").store(log).snapshot_every(2);
        let accounts = accounts.snapshots(Arc::<Slow>::clone(&slow)).start(&test).await;
        let accounts = accounts.expect("starts");
        let account = accounts.get("a");
        for cents in [1, 2] {
            account.ask(add(cents)).await.expect("stored");
        }
        let mut asked: Vec<_> =
            (0..SNAPSHOT_WAITS_MAX).map(|_| Box::pin(account.snapshot_now())).collect();
        for ask in &mut asked {
            let waited = test.time().timeout(Duration::from_millis(1), ask).await;
            assert!(waited.is_err(), "one is being saved");
        }
        let one_more = account.snapshot_now().await;
        assert!(matches!(one_more, Err(SnapshotFault::Busy)), "{one_more:?}");
        account.ask(add(3)).await.expect("the entity does not wait");
        slow.1.add_permits(2);
        for ask in asked {
            assert_eq!(ask.await.expect("saved").seq, Seq::new(3));
        }
        let seqs: Vec<u64> = memory
            .list(&"account/a".into())
            .await
            .expect("listed")
            .iter()
            .map(|i| i.seq.get())
            .collect();
        assert_eq!(seqs, [2, 3]);
        assert_eq!(accounts.statistics().snapshots_saved_total, 2);
    });
}
