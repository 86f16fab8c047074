//! Recorded commands of entities, decided upon again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use steadfast_actor_core::{Reply, testkit::TestSystem};
use steadfast_eventlog::{EventStore, MemoryStore, block_on};
use steadfast_sourcing::{
    Decide, Effect, Entities, EventSourced,
    record::{Recorder, RecorderConfig, TurnEnding},
    replay::{Difference, Halt, ReplayController, ReplayError, state_hash},
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

/// A purse to which sums were put, and its log.
fn recorded(sums: &[u64]) -> Arc<dyn EventStore> {
    let test = TestSystem::seeded(5);
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::new(test.time().clone()));
    let recorder = Recorder::new(&test, Arc::clone(&log), RecorderConfig::default());
    test.run(async {
        let purses = Entities::<Purse<0>>::builder("purse").store(Arc::clone(&log));
        let purses = purses.recorder(recorder.entities::<Purse<0>>());
        let purses = purses.start(&test).await.expect("the settings are sound");
        for cents in sums {
            let put = |reply| Command::Put { cents: *cents, reply };
            purses.get("a").ask(put).await.expect("stored");
        }
        recorder.flush().await;
    });
    log
}

fn put(cents: u64) -> Command {
    Command::Put { cents, reply: Reply::detached() }
}

#[test]
fn what_if_a_command_had_been_another_one() {
    let log = recorded(&[60, 1, 7, 8]);
    let build = || ReplayController::builder(Arc::clone(&log)).commands::<Purse<0>>("purse");
    let mut replay = block_on(build().build()).expect("readable");
    replay.replace_message("purse/a", 2, put(100)).expect("it takes commands");
    let explored = block_on(replay.explore()).expect("readable");
    let turns: Vec<u64> = explored.differences.iter().map(|other| other.turn).collect();
    // The sum is another one from there on, though the later commands lead to the same events.
    assert_eq!(turns, [2, 3, 4]);
    let differences: Vec<_> = explored.differences.iter().map(|other| &other.difference).collect();
    assert!(matches!(differences[0], Difference::Output { number: 0, .. }), "{differences:?}");
    assert!(matches!(differences[1], Difference::State { .. }), "{differences:?}");
    assert_eq!((explored.differences[0].found.len(), explored.differences[1].found.len()), (1, 1));

    // Without exploring it is a divergence, at that command.
    let mut replay = block_on(build().build()).expect("readable");
    replay.replace_message("purse/a", 3, put(100)).expect("it takes commands");
    let error = block_on(replay.run()).expect_err("another command");
    assert_eq!(error.non_determinism().map(|found| found.turn), Some(3));
    // Back in the record.
    block_on(replay.back(1)).expect("the record");
    assert_eq!(block_on(replay.run()).expect("the record"), Halt::End);
}

#[test]
fn what_if_the_decisions_had_been_others_the_states_follow_them() {
    let log = recorded(&[60, 50, 1, 7]);
    let taxed = ReplayController::builder(log).commands::<Purse<2>>("purse");
    let taxed = block_on(taxed.build()).expect("readable");
    let explored = block_on(taxed.explore()).expect("readable");
    let turns: Vec<u64> = explored.differences.iter().map(|other| other.turn).collect();
    assert_eq!(turns, [3, 4]);
}

#[test]
fn a_message_that_an_actor_does_not_take_is_refused() {
    let log = recorded(&[1]);
    let commands = ReplayController::builder(Arc::clone(&log)).commands::<Purse<0>>("purse");
    let mut commands = block_on(commands.build()).expect("readable");
    let refused = commands.replace_message("purse/a", 1, "no command".to_owned());
    assert!(matches!(refused, Err(ReplayError::WrongMessage { .. })), "{refused:?}");
    let folded = ReplayController::builder(log).entities::<Purse<0>>("purse");
    let mut folded = block_on(folded.build()).expect("readable");
    let refused = folded.replace_message("purse/a", 1, put(1));
    assert!(refused.is_err(), "events are folded, no command is decided upon");
}

/// A purse whose code has come to panic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Torn {
    cents: u64,
}

impl EventSourced for Torn {
    type Command = Command;
    type Event = Got;
    type Error = std::convert::Infallible;
    const EVENT_TYPE: &'static str = "test.Got";

    fn initial(_: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: Command, _: &mut Decide<Self>) -> Result<Effect<Got>, Self::Error> {
        assert!(self.cents < 100, "torn");
        let cents = if let Command::Put { cents, .. } = command { cents } else { 0 };
        Ok(Effect::persist(Got { cents }))
    }

    fn apply(&mut self, got: &Got) {
        self.cents += got.cents;
    }
}

#[test]
fn a_decision_that_has_come_to_panic_is_a_divergence_at_its_turn() {
    let log = recorded(&[60, 50, 1]);
    let torn = ReplayController::builder(log).commands::<Torn>("purse");
    let mut torn = block_on(torn.build()).expect("readable");
    let error = block_on(torn.run()).expect_err("it panics now");
    let found = error.non_determinism().expect("a divergence");
    assert_eq!(found.turn, 3);
    let Difference::Ending { expected, found } = &found.difference else { panic!("{found}") };
    assert_eq!((expected, found), (&TurnEnding::Goes, &TurnEnding::Panicked("torn".to_owned())));
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
