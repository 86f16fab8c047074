//! Recorded commands of entities, decided upon again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use steadfast_actor_core::{Reply, testkit::TestSystem};
use steadfast_eventlog::{EventStore, MemoryStore, block_on};
use steadfast_sourcing::{
    Decide, Effect, Entities, EventSourced,
    record::{Recorder, RecorderConfig},
    replay::{Difference, Halt, ReplayController, state_hash},
};

/// A purse; `TAX` is what an edition of it keeps back of sums above a hundred.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Purse<const TAX: u64> {
    cents: u64,
}

#[derive(Serialize, Deserialize)]
enum Command {
    Put { cents: u64, reply: Reply<u64> },
    Gamble(Reply<u64>),
}

#[derive(Serialize, Deserialize)]
struct Got {
    cents: u64,
}

impl<const TAX: u64> EventSourced for Purse<TAX> {
    type Command = Command;
    type Event = Got;
    type Error = std::convert::Infallible;
    const EVENT_TYPE: &'static str = "test.Got";

    fn initial(_: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: Command, cx: &mut Decide<Self>) -> Result<Effect<Got>, Self::Error> {
        let (cents, reply) = match command {
            Command::Put { cents, reply } => (cents, reply),
            Command::Gamble(reply) => (cx.rng().below(50), reply),
        };
        let cents = if self.cents > 100 { cents.saturating_sub(TAX) } else { cents };
        Ok(Effect::persist(Got { cents }).reply(reply, self.cents + cents))
    }

    fn apply(&mut self, got: &Got) {
        self.cents += got.cents;
    }
}

#[test]
fn commands_are_decided_upon_again_and_a_changed_decision_is_found_at_its_turn() {
    let test = TestSystem::seeded(5);
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::new(test.time().clone()));
    let recorder = Recorder::new(&test, Arc::clone(&log), RecorderConfig::default());
    let live = test.run(async {
        let purses = Entities::<Purse<0>>::builder("purse").store(Arc::clone(&log));
        let purses = purses.recorder(recorder.entities::<Purse<0>>());
        let purses = purses.start(&test).await.expect("the settings are sound");
        for cents in [60, 50, 7, 8] {
            let put = |reply| Command::Put { cents, reply };
            purses.get("a").ask(put).await.expect("stored");
            purses.get("b").ask(Command::Gamble).await.expect("stored");
        }
        let live = purses.get("a").query(Clone::clone).await.expect("there");
        purses.shutdown().await;
        recorder.flush().await;
        live
    });
    assert_eq!((recorder.recorded(), recorder.missed()), (8, 0));
    let same = ReplayController::builder(Arc::clone(&log)).commands::<Purse<0>>("purse");
    let mut same = block_on(same.build()).expect("readable");
    let halt = block_on(same.run()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((halt, same.step()), (Halt::End, 16));
    assert_eq!(same.entity_hash("purse/a"), state_hash(&live));
    block_on(same.back(5)).expect("the same again");
    assert_eq!(block_on(same.run()).expect("the same again"), Halt::End);
    assert_eq!(same.entity_hash("purse/a"), state_hash(&live));

    let taxed = ReplayController::builder(log).commands::<Purse<2>>("purse");
    let mut taxed = block_on(taxed.build()).expect("readable");
    let error = block_on(taxed.run()).expect_err("another decision");
    let found = error.non_determinism().expect("a divergence");
    assert_eq!((found.actor.as_str(), found.turn), ("tape:purse/a", 3));
    assert!(matches!(found.difference, Difference::Output { number: 0, .. }), "{found}");
}
