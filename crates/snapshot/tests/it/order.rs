//! Retention beside a log: whatever step fails, recovery gives the state of a twin without retention.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use steadfast_base::{EventId, Time};
use steadfast_eventlog::{
    ActorName, Append, EventKind, EventStore, MemoryStore, NewEvent, Payload, Query, Seq, block_on,
};
use steadfast_snapshot::{
    Criteria, Loaded, MemorySnapshots, RetireError, Snapshot, SnapshotError, SnapshotInfo,
    SnapshotRetention, SnapshotStatistics, SnapshotStore, retire_behind,
};

const ACTOR: &str = "P";

/// A store whose calls fail once so many have been let through.
#[derive(Debug)]
struct Failing {
    inner: MemorySnapshots,
    left: AtomicU64,
}

impl Failing {
    fn pass(&self) -> Result<(), SnapshotError> {
        let left =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_none_left| SnapshotError::Closed)
    }
}

#[async_trait]
impl SnapshotStore for Failing {
    async fn save(&self, snapshot: Snapshot) -> Result<SnapshotInfo, SnapshotError> {
        self.pass()?;
        self.inner.save(snapshot).await
    }

    async fn load(&self, actor: &ActorName, criteria: &Criteria) -> Result<Loaded, SnapshotError> {
        self.inner.load(actor, criteria).await
    }

    async fn verify(&self, actor: &ActorName, seq: Seq) -> Result<SnapshotInfo, SnapshotError> {
        self.pass()?;
        self.inner.verify(actor, seq).await
    }

    async fn list(&self, actor: &ActorName) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        self.inner.list(actor).await
    }

    async fn delete(&self, actor: &ActorName, criteria: &Criteria) -> Result<u64, SnapshotError> {
        self.pass()?;
        self.inner.delete(actor, criteria).await
    }

    async fn retain(
        &self,
        actor: &ActorName,
        policy: &SnapshotRetention,
    ) -> Result<u64, SnapshotError> {
        self.inner.retain(actor, policy).await
    }

    fn statistics(&self) -> SnapshotStatistics {
        self.inner.statistics()
    }
}

/// The state: every number added so far, in order.
fn recover(log: &MemoryStore, snapshots: &dyn SnapshotStore) -> Vec<u8> {
    let loaded = block_on(snapshots.load(&ACTOR.into(), &Criteria::latest())).expect("readable");
    let (mut state, seq) = match loaded.snapshot {
        Some(found) => (found.state.bytes().to_vec(), found.seq),
        None => (Vec::new(), Seq::ZERO),
    };
    let tail = Query::actor(ACTOR).seqs(seq.next()..);
    let mut expected = seq.next();
    for event in block_on(log.read(tail).all()).expect("readable") {
        assert_eq!(event.seq, expected, "no event is missing");
        expected = expected.next();
        state.extend_from_slice(event.payload.bytes());
    }
    state
}

/// Nine events, a snapshot after each third; the calls to the snapshots fail once `passes` went through.
fn run(passes: u64) -> (MemoryStore, Failing, Result<(), RetireError>) {
    let log = MemoryStore::default();
    let snapshots = Failing { inner: MemorySnapshots::new(Time::system()), left: u64::MAX.into() };
    let mut state = Vec::new();
    for number in 1..=9_u8 {
        let id = EventId::from_u128(u128::from(number));
        let payload = Payload::raw("n", vec![number]);
        let event = NewEvent::new(id, ACTOR, EventKind::StateChanged, payload);
        let place = log.append(Append::one(event)).wait().expect("stored").first().expect("one");
        state.push(number);
        if number == 9 {
            snapshots.left.store(passes, Ordering::SeqCst);
        }
        if number % 3 == 0 {
            let state = Payload::raw("state", state.clone());
            let snapshot = Snapshot::new(ACTOR, place.seq, place.position, state);
            if block_on(snapshots.save(snapshot)).is_err() {
                return (log, snapshots, Ok(()));
            }
        }
    }
    let retired =
        block_on(retire_behind(&log, &snapshots, &ACTOR.into(), Seq::new(9), Seq::new(3)));
    (log, snapshots, retired)
}

#[test]
fn s47_whatever_step_of_retention_fails_recovery_is_that_of_the_twin_without_it() {
    let twin: Vec<u8> = (1..=9).collect();
    for passes in 0..4 {
        let (log, snapshots, _) = run(passes);
        assert_eq!(recover(&log, &snapshots), twin, "{passes} calls went through");
    }
}

#[test]
fn s47_events_go_only_behind_a_snapshot_that_was_read_back() {
    let (log, snapshots, retired) = run(1);
    assert!(matches!(retired, Err(RetireError::Verify(_))));
    let left =
        |log: &MemoryStore| block_on(log.read(Query::actor(ACTOR)).all()).expect("readable").len();
    let kept = |snapshots: &Failing| {
        let infos = block_on(snapshots.list(&ACTOR.into())).expect("readable");
        infos.iter().map(|info| info.seq.get()).collect::<Vec<_>>()
    };
    assert_eq!((left(&log), kept(&snapshots)), (9, vec![3, 6, 9]));
    let (log, snapshots, retired) = run(2);
    assert!(matches!(retired, Err(RetireError::Snapshots(_))));
    assert_eq!((left(&log), kept(&snapshots)), (6, vec![3, 6, 9]));
    let (log, snapshots, retired) = run(3);
    assert!(retired.is_ok());
    assert_eq!((left(&log), kept(&snapshots)), (6, vec![3, 6, 9]), "the base at 3 stays");
}
