//! Entities whose events know when they happened, and the actor behind an entity.

use std::convert::Infallible;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use steadfast_actor_core::Reply;
use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::Timestamp;
use steadfast_eventlog::{EventStore, MemoryStore, Query};
use steadfast_snapshot::MemorySnapshots;
use steadfast_sourcing::{Decide, Effect, Entities, EventSourced, Moment};

/// A diary of past seconds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Diary {
    seconds: Vec<u64>,
}

struct Write {
    second: u64,
    reply: Reply<()>,
}

impl EventSourced for Diary {
    type Command = Write;
    type Event = u64;
    type Error = Infallible;
    const EVENT_TYPE: &'static str = "test.Second";

    fn initial(_id: &str) -> Self {
        Self::default()
    }

    fn decide(&self, write: Write, _: &mut Decide<Self>) -> Result<Effect<u64>, Infallible> {
        Ok(Effect::persist(write.second).reply(write.reply, ()))
    }

    fn happened_at(second: &u64) -> Option<Timestamp> {
        Some(Timestamp::from_unix_nanos(second * 1_000_000_000))
    }

    fn apply(&mut self, second: &u64) {
        self.seconds.push(*second);
    }
}

#[test]
fn events_are_found_at_the_time_they_say_also_behind_a_snapshot() {
    let test = TestSystem::new();
    let log = Arc::new(MemoryStore::new(test.time().clone()));
    let snapshots = Arc::new(MemorySnapshots::new(test.time().clone()));
    test.run(async {
        let store: Arc<dyn EventStore> = Arc::<MemoryStore>::clone(&log);
        let diaries = Entities::<Diary>::builder("diary").store(store).snapshots(snapshots);
        let diaries = diaries.snapshot_every(2).start(&test).await.expect("sound settings");
        let diary = diaries.get("a");
        assert!(diary.handle().is_none(), "nobody has asked for it yet");
        for second in [10, 20, 30, 40, 50] {
            diary.ask(|reply| Write { second, reply }).await.expect("stored");
        }
        test.settle().await;
        let at = |second: u64| Moment::At(Timestamp::from_unix_nanos(second * 1_000_000_000));
        for (second, expected) in [(9, 0), (10, 1), (39, 3), (45, 4), (60, 5)] {
            let past = diary.state_at(at(second)).await.expect("it is all there");
            assert_eq!(past.state.seconds.len(), expected, "second {second}");
        }
        let later = diary.state_at(at(45)).await.expect("it is all there");
        assert_eq!(later.snapshot.map(steadfast_eventlog::Seq::get), Some(4));
        let of_span = Query::between(
            Timestamp::from_unix_nanos(20_000_000_000),
            Timestamp::from_unix_nanos(40_000_000_000),
        );
        assert_eq!(log.read(of_span).all().await.expect("readable").len(), 2);
        let actor = diary.handle().expect("it is in memory");
        actor.kill();
        assert_eq!(diary.query(|diary| diary.seconds.len()).await.expect("it is back"), 5);
    });
}
