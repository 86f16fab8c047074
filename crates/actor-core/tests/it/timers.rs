//! Timers of actors.

use std::time::Duration;

use steadfast_actor_core::{ActorRef, Cx, TIMERS_MAX, TooManyTimers, testkit::TestSystem};

use crate::common::*;

async fn with(
    test: &TestSystem,
    log: &Log,
    set: impl FnOnce(&mut Cx<Worker>) + Send + 'static,
) -> ActorRef<Msg> {
    let actor = test.spawn("a", Worker::maker("a", log)).await.unwrap();
    actor.tell(act(move |_, cx| set(cx))).await.unwrap();
    test.settle().await;
    actor
}

#[test]
fn a_timer_fires_once_at_its_time() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let _actor = with(&test, &log, |cx| {
            cx.once("late", 2 * SECOND, Msg::Note(2)).unwrap();
            cx.once(1, SECOND, Msg::Note(1)).unwrap();
            cx.once(3, Duration::ZERO, Msg::Note(0)).unwrap();
        })
        .await;
        test.advance(SECOND.saturating_sub(ms(1))).await;
        assert_eq!(log.lines(), ["a started 1", "a 0"]);
        test.advance(ms(1)).await;
        assert_eq!(log.take(), ["a started 1", "a 0", "a 1"]);
        test.advance(60 * SECOND).await;
        assert_eq!(log.lines(), ["a 2"]);
    });
}

#[test]
fn timers_of_one_moment_fire_in_the_order_of_their_start_and_before_the_mailbox() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = with(&test, &log, |cx| {
            cx.once("b", SECOND, Msg::Note(1)).unwrap();
            cx.once("a", SECOND, Msg::Note(2)).unwrap();
        })
        .await;
        log.take();
        actor.suspend();
        actor.tell(Msg::Note(3)).await.unwrap();
        test.advance(2 * SECOND).await;
        actor.resume();
        test.settle().await;
        assert_eq!(log.lines(), ["a 1", "a 2", "a 3"]);
    });
}

#[test]
fn a_timer_under_the_same_key_replaces_the_other() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = with(&test, &log, |cx| {
            cx.once("key", SECOND, Msg::Note(1)).unwrap();
            cx.once("key", 3 * SECOND, Msg::Note(2)).unwrap();
            cx.every("tick", SECOND, || Msg::Note(3)).unwrap();
            cx.once("tick", 2 * SECOND, Msg::Note(4)).unwrap();
            assert!(cx.has_timer("key") && !cx.has_timer("other"));
        })
        .await;
        log.take();
        test.advance(10 * SECOND).await;
        assert_eq!(log.lines(), ["a 4", "a 2"]);
        let gone = act(|_, cx| {
            assert!(!cx.has_timer("key"));
            assert!(!cx.cancel("key"));
        });
        actor.tell(gone).await.unwrap();
        test.settle().await;
        assert!(actor.exit_reason().is_none());
    });
}

#[test]
fn a_cancelled_timer_does_not_fire_even_if_its_time_had_passed() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let time = test.time().clone();
        let actor = with(&test, &log, |cx| {
            cx.once("key", SECOND, Msg::Note(1)).unwrap();
        })
        .await;
        log.take();
        actor.suspend();
        let cancel = |_: &mut Worker, cx: &mut Cx<Worker>| assert!(cx.cancel("key"));
        time.sleep(2 * SECOND).await;
        actor.handle().visit(cancel).unwrap();
        actor.resume();
        test.advance(10 * SECOND).await;
        assert_eq!(log.lines(), [""; 0]);
    });
}

#[test]
fn a_periodic_timer_fires_every_period() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let mut next = 0;
        let _actor = with(&test, &log, move |cx| {
            cx.every("tick", SECOND, move || {
                next += 1;
                Msg::Note(next)
            })
            .unwrap();
        })
        .await;
        log.take();
        test.advance(3 * SECOND + ms(999)).await;
        assert_eq!(log.lines(), ["a 1", "a 2", "a 3"]);
    });
}

#[test]
fn a_late_handler_gets_one_tick_for_all_that_it_missed() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = with(&test, &log, |cx| {
            cx.every("tick", SECOND, || Msg::Note(1)).unwrap();
        })
        .await;
        log.take();
        let time = test.time().clone();
        actor.tell(awaiting(async move { time.sleep(10 * SECOND + ms(500)).await })).await.unwrap();
        test.advance(10 * SECOND + ms(600)).await;
        assert_eq!(log.take(), ["a 1"], "one for ten");
        test.advance(SECOND).await;
        assert_eq!(log.take().len(), 1, "and then at its pace");
    });
}

#[test]
fn one_timer_too_many_is_refused() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = with(&test, &log, |cx| {
            for key in 0..TIMERS_MAX as u64 {
                cx.once(key, SECOND, Msg::Note(1)).unwrap();
            }
            let refused = cx.once("more", SECOND, Msg::Note(2)).unwrap_err();
            assert!(matches!(refused, Msg::Note(2)));
            assert_eq!(cx.every("more", SECOND, || Msg::Note(2)), Err(TooManyTimers));
            cx.once(0, SECOND, Msg::Note(1)).expect("replacing is no more");
        })
        .await;
        test.advance(2 * SECOND).await;
        assert_eq!(log.count("a 1"), TIMERS_MAX);
        assert!(actor.exit_reason().is_none());
    });
}

#[test]
fn a_fast_timer_does_not_keep_the_mailbox_from_its_turn() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let time = test.time().clone();
        let actor = with(&test, &log, move |cx| {
            let make = move || {
                let time = time.clone();
                // Each tick takes longer than the period.
                awaiting(async move { time.sleep(ms(20)).await })
            };
            cx.every("tick", ms(10), make).unwrap();
        })
        .await;
        test.advance(ms(15)).await;
        let answer = actor.ask(|reply| Msg::Ask(1, reply)).await;
        assert_eq!(answer.ok(), Some(1), "after {:?}", test.elapsed());
    });
}
