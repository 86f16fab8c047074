//! Input replay of ordinary actors.

use steadfast_eventlog::{EventKind, Query, block_on};
use steadfast_sourcing::replay::{Difference, Halt, ReplayBuilder, ReplayController};

use super::bank::{Account, AccountMsg, Bank, account_on, account_shape, every_turn, ledger_shape};

pub(crate) fn replay_of(bank: &Bank) -> ReplayBuilder {
    ReplayController::builder(bank.log()).actor("/test/account", account_shape(), account_on).actor(
        "/test/ledger",
        ledger_shape(),
        |_| super::bank::Ledger::default(),
    )
}

#[test]
fn a_life_with_a_bit_of_everything_is_replayed_with_equal_hashes() {
    let bank = Bank::open(every_turn());
    bank.live();
    let mut replay = block_on(replay_of(&bank).build()).expect("readable");
    let halt = block_on(replay.run()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(halt, Halt::End);
    assert!(replay.is_complete());
    assert_eq!(replay.step(), bank.recorder.recorded());
    let account = replay.actor::<Account>("/test/account").expect("played");
    assert_eq!((account.deposits, account.fees > 0, account.ended), (8, true, 2));
}

#[test]
fn s55_a_changed_handler_is_found_at_its_turn_and_nothing_behind_it_runs() {
    let bank = Bank::open(every_turn());
    bank.live();
    let changed = |stage: &_| Account { changes_at: Some(6), ..account_on(stage) };
    let replay = ReplayController::builder(bank.log())
        .actor("/test/account", account_shape(), changed)
        .only(["/test/account"]);
    let mut replay = block_on(replay.build()).expect("readable");
    let error = block_on(replay.run()).expect_err("the sixth deposit is another one");
    let found = error.non_determinism().expect("a divergence").clone();
    assert_eq!(found.actor.as_str(), "tape:/test/account");
    // The start, five deposits, two withdrawals, the timer and its firing, the reconciliation and its
    // result, the hold, two deposits held back, the release: the sixth deposit comes next.
    assert_eq!(found.turn, 17);
    let Difference::Output { number: 0, expected: Some(expected), found: Some(other) } =
        &found.difference
    else {
        panic!("{found}")
    };
    assert_eq!(expected.target, "/test/ledger");
    assert_eq!((expected.kind, &expected.target), (other.kind, &other.target));
    assert_ne!(expected.hash, other.hash);
    assert_eq!(replay.step(), 16);
    let again = block_on(replay.run()).expect_err("for ever");
    assert_eq!(again.non_determinism(), Some(&found));
    let account = replay.actor::<Account>("/test/account").expect("played");
    assert_eq!(account.deposits, 6);
}

#[test]
fn failures_and_panics_are_recorded_and_replayed_by_their_text() {
    for (msg, text) in [
        (AccountMsg::Fail("no funds".to_owned()), "no funds"),
        (AccountMsg::Panic, "a planted panic"),
    ] {
        let bank = Bank::open(every_turn());
        bank.test.run(async {
            bank.tell(AccountMsg::Deposit(1)).await;
            bank.tell(msg).await;
            bank.recorder.flush().await;
        });
        let failures = block_on(bank.log().read(Query::kind(EventKind::FailureOccurred)).all());
        let failures = failures.expect("readable");
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].payload.bytes(), text);
        let ends = block_on(bank.log().read(Query::kind(EventKind::ActorDestroyed)).all());
        assert_eq!(ends.expect("readable").len(), 1);
        let mut replay = block_on(replay_of(&bank).build()).expect("readable");
        assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    }
}

#[test]
fn a_scenario_over_actors_is_one_correlation() {
    let bank = Bank::open(every_turn());
    bank.live();
    let turns = block_on(bank.log().read(Query::kind(EventKind::MessageProcessed)).all());
    let turns = turns.expect("readable");
    let deposit = turns
        .iter()
        .find(|turn| turn.actor.as_str() == "tape:/test/account" && turn.turn == 2)
        .expect("the first deposit");
    let correlation = deposit.correlation.expect("each turn has one");
    let noted: Vec<_> = turns.iter().filter(|turn| turn.correlation == Some(correlation)).collect();
    assert_eq!(noted.len(), 2, "the deposit and the note of it");
    assert_eq!(noted[1].actor.as_str(), "tape:/test/ledger");
    assert_eq!(noted[1].causation, Some(deposit.id));
}
