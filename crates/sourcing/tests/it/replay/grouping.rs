//! Records on their way to the log: gathered into groups while an append is under way.

use std::{sync::Arc, task::Poll};

use tokio::sync::Semaphore;

use steadfast_actor_core::{ActorRef, testkit::TestSystem};
use steadfast_eventlog::{EventStore, Query, block_on};
use steadfast_sourcing::{
    record::{GapReason, Recorder, WhenFull},
    replay::{Halt, ReplayController},
};

use super::bank::{Ledger, LedgerMsg, every_turn, ledger_shape};
use crate::faulty::{Fault, Faulty};

struct Desk {
    test: TestSystem,
    log: Arc<Faulty>,
    /// Answers are held back until it has permits.
    gate: Arc<Semaphore>,
    recorder: Recorder,
}

impl Desk {
    fn open(when_full: WhenFull) -> Self {
        let test = TestSystem::seeded(3);
        let log = Faulty::new(test.time().clone());
        let gate = log.hold();
        let mut config = every_turn();
        config.when_full = when_full;
        let recorder = Recorder::new(&test, Arc::<Faulty>::clone(&log), config);
        Self { test, log, gate, recorder }
    }

    async fn ledger(&self, name: &str) -> ActorRef<LedgerMsg> {
        let ledger = self.recorder.spawn(&self.test, name, ledger_shape(), Ledger::default);
        ledger.await.expect("a free name")
    }

    fn appends(&self) -> u64 {
        self.log.appends.load(std::sync::atomic::Ordering::Relaxed)
    }

    async fn let_through(&self, answers: usize) {
        self.gate.add_permits(answers);
        self.test.settle().await;
    }

    fn replay(&self) -> ReplayController {
        let log: Arc<dyn EventStore> = Arc::<Faulty>::clone(&self.log);
        let replay =
            ReplayController::builder(log).actors("/test/", ledger_shape(), |_| Ledger::default());
        block_on(replay.build()).expect("readable")
    }
}

async fn note(ledger: &ActorRef<LedgerMsg>, line: impl Into<String>) {
    ledger.tell(LedgerMsg::Note(line.into())).await.expect("it lives");
}

#[test]
fn turns_that_come_while_an_append_is_under_way_go_to_the_log_together_and_in_order() {
    let desk = Desk::open(WhenFull::Gap);
    let lines = desk.test.run(async {
        let ledger = desk.ledger("ledger").await;
        let mut lines = Vec::new();
        for number in 0..100 {
            lines.push(format!("line {number}"));
            note(&ledger, format!("line {number}")).await;
            desk.test.settle().await;
        }
        assert_eq!(desk.appends(), 1, "only its opening is under way");
        assert_eq!(desk.recorder.in_line(), 102, "nothing is acknowledged: opening, start, turns");
        desk.let_through(1).await;
        assert_eq!((desk.appends(), desk.recorder.in_line()), (2, 101), "all of them at once");
        desk.let_through(1).await;
        assert_eq!((desk.appends(), desk.recorder.in_line()), (2, 0));
        lines
    });
    let mut replay = desk.replay();
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    assert!(replay.is_complete());
    assert_eq!(replay.actor::<Ledger>("/test/ledger").expect("played").lines, lines);
}

#[test]
fn a_group_that_is_full_does_not_wait_for_the_one_before() {
    let desk = Desk::open(WhenFull::Gap);
    desk.test.run(async {
        let ledger = desk.ledger("ledger").await;
        for _ in 0..12 {
            note(&ledger, "x".repeat(200 << 10)).await;
            desk.test.settle().await;
        }
        // The opening, and of each MiB five lines of 200 KiB.
        assert_eq!(desk.appends(), 3);
        desk.let_through(10).await;
        desk.recorder.flush().await;
        assert_eq!((desk.recorder.missed(), desk.recorder.in_line()), (0, 0));
    });
    let mut replay = desk.replay();
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    assert!(replay.is_complete());
}

#[test]
fn everybody_who_waits_for_one_line_is_woken() {
    let desk = Desk::open(WhenFull::Wait);
    desk.test.run(async {
        let (one, two) = (desk.ledger("one").await, desk.ledger("two").await);
        // The line is full of 8 MiB: each actor waits in its turn.
        for _ in 0..60 {
            note(&one, "x".repeat(200 << 10)).await;
            note(&two, "x".repeat(200 << 10)).await;
        }
        desk.test.settle().await;
        assert!(desk.recorder.recorded() < 60, "{} turns", desk.recorder.recorded());
        let flush = async {
            desk.recorder.flush().await;
        };
        let mut flush = std::pin::pin!(flush);
        let mut flushed = false;
        // Whoever looked last must not take the answer away from the others.
        for _ in 0..200 {
            flushed = flushed
                || std::future::poll_fn(|task| Poll::Ready(flush.as_mut().poll(task).is_ready()))
                    .await;
            desk.let_through(1).await;
        }
        assert!(flushed);
        assert_eq!((desk.recorder.recorded(), desk.recorder.missed()), (122, 0));
        assert_eq!(desk.recorder.in_line(), 0);
    });
    let mut replay = desk.replay();
    assert_eq!(block_on(replay.run()).expect("the same again"), Halt::End);
    assert!(replay.is_complete());
    assert_eq!(replay.step(), 122);
}

#[test]
fn a_group_that_the_log_refuses_is_a_gap_of_everybody_in_it() {
    let desk = Desk::open(WhenFull::Gap);
    desk.test.run(async {
        let (one, two) = (desk.ledger("one").await, desk.ledger("two").await);
        desk.let_through(10).await;
        desk.log.fail_next(Fault::Unavailable);
        desk.let_through(1).await;
        for line in ["lost", "a state to go on from", "kept"] {
            note(&one, line).await;
            note(&two, line).await;
            desk.test.settle().await;
            desk.let_through(10).await;
        }
        desk.recorder.flush().await;
        assert!(desk.recorder.last_error().is_some());
    });
    let mut replay = desk.replay();
    assert_eq!(block_on(replay.run()).expect("no divergence"), Halt::End);
    let refused = replay.gaps().iter().filter(|(_, gap)| gap.reason == GapReason::Refused);
    assert_eq!(refused.count(), 2, "{:?}", replay.gaps());
    for path in ["/test/one", "/test/two"] {
        let ledger = replay.actor::<Ledger>(path).expect("played");
        assert_eq!(ledger.lines, ["lost", "a state to go on from", "kept"]);
    }
}

#[test]
fn the_end_of_a_recording_and_of_the_recorder_leave_nothing_behind() {
    let Desk { test, log, gate: _gate, recorder } = Desk::open(WhenFull::Gap);
    test.run(async {
        let ledger = recorder.spawn(&test, "ledger", ledger_shape(), Ledger::default);
        let ledger = ledger.await.expect("a free name");
        note(&ledger, "one").await;
        test.settle().await;
        ledger.stop();
        ledger.stopped().await;
        test.settle().await;
        let there = log.inner.read(Query::actor("tape:/test/ledger")).all().await;
        assert_eq!(there.expect("readable").len(), 4, "opening, start, line and end, unanswered");
        let ledger = recorder.spawn(&test, "other", ledger_shape(), Ledger::default);
        note(&ledger.await.expect("a free name"), "two").await;
        test.settle().await;
        test.shutdown().await;
    });
    drop((test, recorder));
    let there = block_on(log.inner.read(Query::actor("tape:/test/other")).all());
    assert_eq!(there.expect("readable").len(), 4);
}
