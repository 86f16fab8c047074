//! Recordings that begin late, end early, or miss turns.

use std::sync::Arc;

use steadfast_eventlog::{EventStore, MemoryStore, Query, block_on};
use steadfast_sourcing::{
    record::{GapReason, Recorder, RecorderConfig},
    replay::{Halt, ReplayController},
};

use super::bank::{Bank, Ledger, LedgerMsg, every_turn, ledger_shape};

fn ledger_replay(log: Arc<dyn EventStore>) -> ReplayController {
    let replay =
        ReplayController::builder(log).actor("/test/ledger", ledger_shape(), |_| Ledger::default());
    block_on(replay.build()).expect("readable")
}

#[test]
fn a_recording_is_switched_on_and_off_amid_a_life_and_replayed_from_there() {
    let bank = Bank::open(RecorderConfig::default());
    let store = Arc::new(MemoryStore::default());
    let log: Arc<dyn EventStore> = Arc::<MemoryStore>::clone(&store);
    let late = Recorder::new(&bank.test, Arc::clone(&log), every_turn());
    bank.test.run(async {
        let note = async |line: &str| {
            bank.ledger.tell(LedgerMsg::Note(line.to_owned())).await.expect("it lives");
        };
        note("before").await;
        bank.test.settle().await;
        late.start::<Ledger>(&bank.ledger.handle(), ledger_shape()).expect("it lives");
        bank.test.settle().await;
        note("during").await;
        bank.test.settle().await;
        late.stop::<Ledger>(&bank.ledger.handle()).expect("it lives");
        bank.test.settle().await;
        note("after").await;
        bank.test.settle().await;
        late.flush().await;
    });
    assert_eq!(late.recorded(), 1);
    let mut replay = ledger_replay(log);
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    assert!(replay.is_complete());
    let ledger = replay.actor::<Ledger>("/test/ledger").expect("played");
    assert_eq!(ledger.lines, ["before", "during"]);
}

#[test]
fn a_turn_too_large_is_a_gap_that_the_replay_tells_of_and_goes_on_behind() {
    let bank = Bank::open(every_turn());
    bank.test.run(async {
        for line in ["small".to_owned(), "x".repeat(2 << 20), "next".to_owned()] {
            bank.ledger.tell(LedgerMsg::Note(line)).await.expect("it lives");
            bank.test.settle().await;
        }
        bank.recorder.flush().await;
    });
    assert_eq!(bank.recorder.missed(), 1);
    let mut replay = ledger_replay(bank.log());
    assert_eq!(block_on(replay.run()).expect("no divergence"), Halt::End);
    assert!(!replay.is_complete());
    let (actor, gap) = &replay.gaps()[0];
    assert_eq!(actor.as_str(), "tape:/test/ledger");
    assert_eq!((gap.turn, gap.turns, gap.reason), (3, 1, GapReason::TooLarge));
    // The state behind the gap is too large to be kept: what follows cannot be run.
    assert_eq!(replay.turns_skipped(), 1);
}

#[test]
fn a_visit_that_changes_the_state_is_a_gap_and_the_changed_state_is_gone_on_from() {
    let bank = Bank::open(every_turn());
    bank.test.run(async {
        bank.ledger.tell(LedgerMsg::Note("one".to_owned())).await.expect("it lives");
        bank.test.settle().await;
        let look = |ledger: &mut Ledger, _: &mut _| assert_eq!(ledger.lines.len(), 1);
        bank.ledger.handle().visit::<Ledger>(look).expect("it lives");
        bank.test.settle().await;
        let change = |ledger: &mut Ledger, _: &mut _| ledger.lines.push("two".to_owned());
        bank.ledger.handle().visit::<Ledger>(change).expect("it lives");
        bank.test.settle().await;
        bank.ledger.tell(LedgerMsg::Note("three".to_owned())).await.expect("it lives");
        bank.test.settle().await;
        bank.recorder.flush().await;
    });
    let mut replay = ledger_replay(bank.log());
    assert_eq!(block_on(replay.run()).expect("no divergence"), Halt::End);
    assert_eq!(replay.gaps_total(), 1, "a visit that only looks is none");
    assert_eq!(replay.gaps()[0].1.reason, GapReason::Visited);
    let ledger = replay.actor::<Ledger>("/test/ledger").expect("played");
    assert_eq!(ledger.lines, ["one", "two", "three"]);
}

#[test]
fn a_gap_that_is_met_again_after_a_way_back_counts_once() {
    let bank = Bank::open(every_turn());
    bank.test.run(async {
        for line in 0..3 {
            bank.ledger.tell(LedgerMsg::Note(line.to_string())).await.expect("it lives");
            bank.test.settle().await;
            let change = |ledger: &mut Ledger, _: &mut _| ledger.lines.push("more".to_owned());
            bank.ledger.handle().visit::<Ledger>(change).expect("it lives");
            bank.test.settle().await;
        }
        bank.ledger.tell(LedgerMsg::Note("last".to_owned())).await.expect("it lives");
        bank.test.settle().await;
        bank.recorder.flush().await;
    });
    let replay = ReplayController::builder(bank.log())
        .actor("/test/ledger", ledger_shape(), |_| Ledger::default())
        .checkpoint_every(1);
    let mut replay = block_on(replay.build()).expect("readable");
    assert_eq!(block_on(replay.run()).expect("no divergence"), Halt::End);
    let (gaps, found) = (replay.gaps_total(), replay.gaps().to_vec());
    assert_eq!((gaps, found.len()), (3, 3));
    for back in [1, 2, 3, 100] {
        block_on(replay.back(back)).expect("no divergence");
        assert!(replay.gaps_total() <= 3 && replay.gaps().len() as u64 == replay.gaps_total());
        assert_eq!(block_on(replay.run()).expect("no divergence"), Halt::End);
        assert_eq!((replay.gaps_total(), replay.gaps()), (gaps, &*found), "{back} back");
    }
}

#[test]
fn a_log_that_refuses_never_fails_the_actor() {
    let bank = Bank::open(every_turn());
    block_on(bank.store.close()).expect("closed");
    bank.live();
    assert!(bank.recorder.last_error().is_some());
    assert_eq!(bank.recorder.in_line(), 0);
    let events = block_on(bank.store.read(Query::all()).all());
    assert!(events.is_err() || events.is_ok_and(|events| events.len() < 10));
}
