//! Stopping, stepping, going back and forward in a replay.

use std::time::Duration;

use steadfast_base::{Clock, VirtualClock};
use steadfast_eventlog::{Event, EventKind, Query, Speed, block_on};
use steadfast_sourcing::{
    record::ValueHash,
    replay::{Breakpoint, Halt, ReplayController, ReplayError},
};

use super::{
    actors::replay_of,
    bank::{Account, AccountMsg, Bank, LedgerMsg, account_shape, every_turn},
};

/// A bank with many deposits, a second apart.
fn many(deposits: u64) -> Bank {
    let bank = Bank::open(every_turn());
    bank.test.run(async {
        for cents in 0..deposits {
            bank.tell(AccountMsg::Deposit(cents)).await;
            bank.test.advance(Duration::from_secs(1)).await;
        }
        bank.recorder.flush().await;
    });
    bank
}

fn turns(bank: &Bank) -> Vec<Event> {
    block_on(bank.log().read(Query::kind(EventKind::MessageProcessed)).all()).expect("readable")
}

/// The state hash after each step.
fn all_hashes(bank: &Bank) -> Vec<ValueHash> {
    let mut replay = block_on(replay_of(bank).build()).expect("readable");
    let mut hashes = vec![replay.state_hash()];
    while block_on(replay.forward(1)).expect("the same again") == Halt::Arrived {
        hashes.push(replay.state_hash());
    }
    hashes
}

#[test]
fn s57_back_and_forward_give_the_hashes_of_the_way_there() {
    let bank = many(150);
    let hashes = all_hashes(&bank);
    let mut replay = block_on(replay_of(&bank).build()).expect("readable");
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    let last = replay.step();
    assert_eq!(hashes.len() as u64, last + 1);
    for (back, forward) in [(1, 1), (64, 3), (65, 0), (200, 100), (7, 60), (10_000, 130)] {
        block_on(replay.back(back)).expect("the same again");
        block_on(replay.forward(forward)).expect("the same again");
        let at = usize::try_from(replay.step()).expect("small");
        assert_eq!(replay.state_hash(), hashes[at], "{back} back, {forward} forward, at {at}");
    }
    assert!(replay.moments_kept() >= 2);
}

#[test]
fn s57_travel_to_a_time_plays_the_last_turn_before_it_and_none_behind() {
    let bank = many(100);
    let (hashes, turns) = (all_hashes(&bank), turns(&bank));
    let mut replay = block_on(replay_of(&bank).build()).expect("readable");
    for place in [150, 20, 199, 0, 77] {
        let at = turns[place].at;
        block_on(replay.travel_to(at)).expect("the same again");
        let played = turns.iter().take_while(|turn| turn.at <= at).count();
        assert_eq!(replay.step(), played as u64);
        assert_eq!(replay.state_hash(), hashes[played]);
        assert!(replay.last().is_some_and(|last| last.at <= at));
    }
    for place in [180, 3] {
        block_on(replay.travel_to_position(turns[place].position)).expect("the same again");
        assert_eq!(replay.state_hash(), hashes[place + 1]);
    }
}

#[test]
fn s57_a_breakpoint_stops_before_the_turn_that_matches() {
    let bank = many(10);
    let replay = replay_of(&bank).breakpoint(Breakpoint::turn("/test/account", 6));
    let mut replay = block_on(replay.build()).expect("readable");
    let halt = block_on(replay.run()).expect("the same again");
    assert_eq!(halt, Halt::Breakpoint("turn 6 of /test/account".to_owned()));
    let account = replay.actor::<Account>("/test/account").expect("played");
    assert_eq!(account.deposits, 4, "the fifth deposit is turn 6 and has not been played");
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    let account = replay.actor::<Account>("/test/account").expect("played");
    assert_eq!(account.deposits, 10);
}

#[test]
fn s54_a_scenario_by_correlation_is_replayed_with_no_trace_in_its_source() {
    let bank = many(30);
    let turns = turns(&bank);
    let deposit = turns.iter().filter(|turn| turn.actor.as_str() == "tape:/test/account").nth(12);
    let correlation = deposit.and_then(|turn| turn.correlation).expect("each has one");
    let before = block_on(bank.log().read(Query::all()).all()).expect("readable");
    let (dead, actors) = (bank.test.dead_letter_count(), bank.test.actor_count());
    let queued = bank.ledger.queued();
    let replay = replay_of(&bank).correlation(correlation);
    let mut replay = block_on(replay.build()).expect("readable");
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    assert_eq!(replay.step(), 2, "the deposit and the note of it");
    let account = replay.actor::<Account>("/test/account").expect("played");
    assert!(account.deposits >= 12);
    let after = block_on(bank.log().read(Query::all()).all()).expect("readable");
    assert_eq!(before, after);
    assert_eq!((bank.test.dead_letter_count(), bank.test.actor_count()), (dead, actors));
    assert_eq!(bank.ledger.queued(), queued);
}

#[test]
fn s54_even_a_live_ref_in_the_state_gets_nothing_from_a_replay() {
    let bank = many(5);
    let lines = || bank.test.run(async { bank.ledger.ask(LedgerMsg::Count).await.expect("lives") });
    let before = lines();
    let live = bank.ledger.clone();
    let replay = ReplayController::builder(bank.log())
        .actor("/test/account", account_shape(), move |_| Account::new(live.clone()))
        .only(["/test/account"]);
    let mut replay = block_on(replay.build()).expect("readable");
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    assert_eq!(lines(), before);
}

#[test]
fn s56_at_ten_times_the_speed_each_gap_is_a_tenth() {
    let bank = many(5);
    let turns = turns(&bank);
    let span = turns[turns.len() - 1].at - turns[0].at;
    let clock = VirtualClock::new();
    let replay = replay_of(&bank).speed(Speed::times(10.0).expect("a pace")).time(clock.time());
    let mut replay = block_on(replay.build()).expect("readable");
    let mut run = Box::pin(replay.run());
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waits = Vec::new();
    let halt = loop {
        match run.as_mut().poll(&mut task) {
            std::task::Poll::Ready(halt) => break halt,
            std::task::Poll::Pending => {
                let before = clock.now();
                assert!(clock.advance_to_next(), "it waits for time only");
                waits.push(clock.now() - before);
            }
        }
    };
    assert_eq!(halt.expect("the same again"), Halt::End);
    assert_eq!(waits, vec![Duration::from_millis(100); 4]);
    assert_eq!(clock.now() - steadfast_base::Instant::ZERO, span / 10);
}

#[test]
fn s56_pause_step_and_resume_keep_the_order() {
    let bank = many(20);
    let hashes = all_hashes(&bank);
    let clock = VirtualClock::new();
    let replay = replay_of(&bank).speed(Speed::RECORDED).time(clock.time());
    let mut replay = block_on(replay.build()).expect("readable");
    let switch = replay.pause_switch();
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    {
        let mut run = Box::pin(replay.run());
        while clock.now() < steadfast_base::Instant::from_nanos(5_000_000_000) {
            assert!(run.as_mut().poll(&mut task).is_pending());
            assert!(clock.advance_to_next());
        }
        switch.pause();
        let std::task::Poll::Ready(halt) = run.as_mut().poll(&mut task) else { panic!("paused") };
        assert_eq!(halt.expect("the same again"), Halt::Paused);
    }
    let paused_at = replay.step();
    block_on(replay.forward(3)).expect("the same again");
    assert_eq!(replay.step(), paused_at + 3);
    replay.set_speed(Speed::FASTEST);
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    assert_eq!(Some(&replay.state_hash()), hashes.last());
}

/// A run at the recorded pace, by hand: polls it, and lets time pass while it waits.
struct ByHand<'a> {
    run: std::pin::Pin<Box<dyn Future<Output = Result<Halt, ReplayError>> + 'a>>,
    clock: &'a VirtualClock,
}

impl ByHand<'_> {
    /// Where it halts, after these waits.
    fn until_halt(mut self) -> (Halt, Vec<u64>) {
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        let mut waits = Vec::new();
        loop {
            if let std::task::Poll::Ready(halt) = self.run.as_mut().poll(&mut task) {
                return (halt.expect("the same again"), waits);
            }
            let before = self.clock.now();
            assert!(self.clock.advance_to_next(), "it waits for time only");
            let millis = (self.clock.now() - before).as_millis();
            waits.push(u64::try_from(millis).expect("short"));
        }
    }
}

#[test]
fn s56_a_pause_ends_the_wait_at_once_and_what_is_left_of_it_comes_after_the_pause() {
    let bank = many(5);
    let clock = VirtualClock::new();
    let replay = replay_of(&bank).speed(Speed::RECORDED).time(clock.time());
    let mut replay = block_on(replay.build()).expect("readable");
    let switch = replay.pause_switch();
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    {
        let mut run = Box::pin(replay.run());
        assert!(run.as_mut().poll(&mut task).is_pending());
        clock.advance(Duration::from_millis(400));
        assert!(run.as_mut().poll(&mut task).is_pending());
        switch.pause();
        let std::task::Poll::Ready(halt) = run.as_mut().poll(&mut task) else { panic!("paused") };
        assert_eq!(halt.expect("the same again"), Halt::Paused);
    }
    let paused_at = replay.step();
    // Somebody goes to lunch.
    clock.advance(Duration::from_hours(1));
    assert_eq!(replay.step(), paused_at);
    let run = ByHand { run: Box::pin(replay.run()), clock: &clock };
    assert_eq!(run.until_halt(), (Halt::End, vec![600, 1_000, 1_000, 1_000]));
}

#[test]
fn s56_the_time_at_a_breakpoint_is_not_caught_up_with() {
    let bank = many(5);
    let clock = VirtualClock::new();
    let replay = replay_of(&bank).breakpoint(Breakpoint::turn("/test/account", 5));
    let replay = replay.speed(Speed::times(10.0).expect("a pace")).time(clock.time());
    let mut replay = block_on(replay.build()).expect("readable");
    let run = ByHand { run: Box::pin(replay.run()), clock: &clock };
    let (halt, waits) = run.until_halt();
    assert!(matches!(halt, Halt::Breakpoint(_)), "{halt:?}");
    assert_eq!(waits, [100; 2], "the third wait is in front of the step");
    clock.advance(Duration::from_hours(1));
    let run = ByHand { run: Box::pin(replay.run()), clock: &clock };
    assert_eq!(run.until_halt(), (Halt::End, vec![100; 2]));
    // Nor is a journey.
    replay.clear_breakpoints();
    block_on(replay.back(6)).expect("the same again");
    clock.advance(Duration::from_hours(1));
    let run = ByHand { run: Box::pin(replay.run()), clock: &clock };
    let (halt, waits) = run.until_halt();
    assert_eq!(halt, Halt::End);
    assert!(!waits.is_empty() && waits.iter().all(|wait| *wait == 100), "{waits:?}");
}

#[test]
fn checkpoints_with_a_description_are_returned_to() {
    let bank = many(20);
    let hashes = all_hashes(&bank);
    let mut replay = block_on(replay_of(&bank).build()).expect("readable");
    block_on(replay.forward(15)).expect("the same again");
    replay.checkpoint("before the storm").expect("room");
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    block_on(replay.return_to("before the storm")).expect("kept");
    assert_eq!((replay.step(), replay.state_hash()), (15, hashes[15]));
    assert_eq!(replay.named_checkpoints()[0].description, "before the storm");
    let missing = block_on(replay.return_to("another")).expect_err("never set");
    assert!(matches!(missing, ReplayError::NoCheckpoint(_)));
}

#[test]
fn what_if_a_message_had_been_another_one() {
    let bank = many(10);
    let mut replay = block_on(replay_of(&bank).build()).expect("readable");
    replay.replace_message("/test/account", 4, AccountMsg::Deposit(1_000)).expect("a role");
    let explored = block_on(replay.explore()).expect("readable");
    let turns: Vec<u64> = explored.differences.iter().map(|other| other.turn).collect();
    // That turn notes another sum; the state is another one from there on.
    assert_eq!(turns, (4..=11).collect::<Vec<u64>>());
    let first = &explored.differences[0];
    assert_ne!(first.expected, first.found);
    assert_eq!(explored.differences[1].expected, explored.differences[1].found);
}

#[test]
fn what_if_the_handler_had_been_another_one_from_here_on() {
    let bank = many(10);
    let mut replay = block_on(replay_of(&bank).build()).expect("readable");
    block_on(replay.forward(9)).expect("the same again");
    let changed = |account: &Account| Account { changes_at: Some(7), ..account.clone() };
    replay
        .recast::<Account, Account>(
            "/test/account",
            account_shape(),
            super::bank::account_on,
            changed,
        )
        .expect("it has a state");
    let explored = block_on(replay.explore()).expect("readable");
    let turns: Vec<u64> = explored.differences.iter().map(|other| other.turn).collect();
    assert_eq!(turns, [8, 9, 10, 11]);
}

#[test]
fn a_fork_tries_something_while_the_replay_stays_as_it_is() {
    let bank = many(100);
    let hashes = all_hashes(&bank);
    let mut replay = block_on(replay_of(&bank).build()).expect("readable");
    block_on(replay.forward(150)).expect("the same again");
    replay.checkpoint("here").expect("room");
    let mut fork = block_on(replay.fork()).expect("readable");
    assert_eq!((fork.step(), fork.state_hash()), (150, hashes[150]));
    assert_eq!(fork.last(), replay.last());
    fork.replace_message("/test/account", 80, AccountMsg::Deposit(7)).expect("a role");
    let refused = fork.replace_message("/test/account", 80, "no message");
    assert!(matches!(refused, Err(ReplayError::WrongMessage { .. })), "{refused:?}");
    let error = block_on(fork.run()).expect_err("another message");
    assert_eq!(error.non_determinism().map(|found| found.turn), Some(80));
    // A fork of a fork that went astray plays the record.
    let mut second = block_on(fork.fork()).expect("readable");
    assert_eq!(second.state_hash(), hashes[usize::try_from(second.step()).expect("small")]);
    assert_eq!(block_on(second.run()).expect("the record"), Halt::End);
    block_on(second.return_to("here")).expect("kept in the first one");
    assert_eq!(second.state_hash(), hashes[150]);
    assert_eq!((replay.step(), replay.state_hash()), (150, hashes[150]));
    assert_eq!(block_on(replay.run()).expect("the record"), Halt::End);
    assert_eq!(Some(&replay.state_hash()), hashes.last());
}

#[test]
fn a_way_back_from_another_story_leads_to_the_record() {
    let bank = many(100);
    let hashes = all_hashes(&bank);
    let mut replay = block_on(replay_of(&bank).checkpoint_every(8).build()).expect("readable");
    block_on(replay.forward(60)).expect("the same again");
    let same = |account: &Account| account.clone();
    let build = super::bank::account_on;
    replay
        .recast::<Account, Account>("/test/account", account_shape(), build, same)
        .expect("it has a state");
    block_on(replay.forward(60)).expect("it does as it did");
    replay.checkpoint("elsewhere").expect("room");
    block_on(replay.back(3)).expect("the record");
    assert_eq!((replay.step(), replay.state_hash()), (117, hashes[117]));
    assert_eq!(replay.turns_skipped(), 0);
    block_on(replay.return_to("elsewhere")).expect("a number of steps");
    assert_eq!((replay.step(), replay.state_hash()), (120, hashes[120]));
    assert_eq!(block_on(replay.run()).expect("the record"), Halt::End);
    assert_eq!((replay.turns_skipped(), replay.is_complete()), (0, true));
}

#[test]
fn s57_a_breakpoint_of_a_place_or_a_time_stops_once_on_the_way_there() {
    let bank = many(10);
    let turns = turns(&bank);
    let (place, at) = (turns[12].position, turns[12].at);
    for breakpoint in [Breakpoint::position(place), Breakpoint::time(at)] {
        let name = breakpoint.name().to_owned();
        let mut replay =
            block_on(replay_of(&bank).breakpoint(breakpoint).build()).expect("readable");
        for _ in 0..2 {
            let halt = block_on(replay.run()).expect("the same again");
            assert_eq!(halt, Halt::Breakpoint(name.clone()));
            assert!(replay.last().is_some_and(|last| last.at < at || last.position < place));
            assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End, "{name}");
            block_on(replay.back(15)).expect("the same again");
        }
    }
    // One of a kind of turn stops before each.
    let breakpoint = Breakpoint::actor("/test/ledger");
    let mut replay = block_on(replay_of(&bank).breakpoint(breakpoint).build()).expect("readable");
    let mut halts = 0;
    while block_on(replay.run()).expect("the same again") != Halt::End {
        halts += 1;
    }
    let of_ledger = turns.iter().filter(|turn| turn.actor.as_str() == "tape:/test/ledger");
    assert_eq!(halts, of_ledger.count());
}
