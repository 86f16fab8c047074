//! Watching other actors.

use steadfast_actor_core::testkit::TestSystem;

use crate::common::*;

#[test]
fn s41_each_watcher_is_told_exactly_once_and_one_that_unwatched_never() {
    let (test, log) = (TestSystem::new(), Log::default());
    let (mut stays, mut leaves) = (test.probe::<u8>("stays"), test.probe::<u8>("leaves"));
    test.run(async {
        let target = test.spawn("target", Worker::maker("target", &log)).await.unwrap();
        stays.watch(&target);
        stays.watch(&target);
        leaves.watch(&target);
        test.settle().await;
        leaves.unwatch(&target);
        target.tell(Msg::Stop).await.unwrap();
        assert_eq!(stays.expect_terminated(&target).await.name(), "normal");
        stays.expect_no_end(SECOND).await;
        leaves.expect_no_end(SECOND).await;
    });
}

#[test]
fn s41_watching_a_dead_actor_tells_of_its_end_with_the_true_reason() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut watcher = test.probe::<u8>("watcher");
    test.run(async {
        let target = test.spawn("target", Worker::maker("target", &log)).await.unwrap();
        target.tell(Msg::Panic).await.unwrap();
        target.stopped().await;
        watcher.watch(&target);
        assert_eq!(watcher.expect_terminated(&target).await.name(), "panic");
        watcher.watch(&target);
        assert_eq!(watcher.expect_terminated(&target).await.name(), "panic", "once per watch");
        watcher.expect_no_end(SECOND).await;
    });
}

#[test]
fn s41_a_restart_tells_no_watcher() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut watcher = test.probe::<u8>("watcher");
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        watcher.watch(&child);
        test.settle().await;
        child.tell(Msg::Panic).await.unwrap();
        watcher.expect_no_end(SECOND).await;
        assert_eq!(log.count("child started 2"), 1);
        child.handle().stop_for_good();
        assert_eq!(watcher.expect_terminated(&child).await.name(), "shutdown");
    });
}

#[test]
fn an_unwatch_drops_a_notice_that_is_on_its_way() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let target = test.spawn("target", Worker::maker("target", &log)).await.unwrap();
        let watcher = test.spawn("watcher", Worker::maker("watcher", &log)).await.unwrap();
        let seen_target = target.clone();
        watcher.tell(act(move |_, cx| cx.watch(&seen_target))).await.unwrap();
        test.settle().await;
        let (seen_target, time) = (target.clone(), test.time().clone());
        watcher.tell(awaiting(async move { time.sleep(SECOND).await })).await.unwrap();
        test.settle().await;
        target.stop();
        test.settle().await;
        // The notice waits in the control lane; a visit behind it comes too late, so the watch is
        // taken back from inside the handler.
        watcher.handle().visit(move |_: &mut Worker, cx| cx.unwatch(&seen_target)).unwrap();
        test.advance(2 * SECOND).await;
        assert_eq!(log.count("watcher terminated /test/target shutdown"), 1);

        let target = test.spawn("target", Worker::maker("target", &log)).await.unwrap();
        log.take();
        let seen_target = target.clone();
        let both = act(move |_, cx| {
            cx.watch(&seen_target);
            cx.unwatch(&seen_target);
        });
        target.stop();
        target.stopped().await;
        watcher.tell(both).await.unwrap();
        test.advance(SECOND).await;
        assert_eq!(log.count("watcher terminated /test/target shutdown"), 0);
    });
}

#[test]
fn watch_with_brings_the_message_before_the_mailbox() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let target = test.spawn("target", Worker::maker("target", &log)).await.unwrap();
        let watcher = test.spawn("watcher", Worker::maker("watcher", &log)).await.unwrap();
        let seen_target = target.clone();
        let twice = act(move |_, cx| {
            cx.watch_with(&seen_target, Msg::Note(1));
            cx.watch_with(&seen_target, Msg::Note(2));
        });
        watcher.tell(twice).await.unwrap();
        test.settle().await;
        watcher.suspend();
        watcher.tell(Msg::Note(9)).await.unwrap();
        target.stop();
        target.stopped().await;
        watcher.resume();
        test.settle().await;
        let seen = watcher.ask(Msg::Seen).await.unwrap();
        assert_eq!(seen, [1, 9], "a second watch of the same actor changes nothing");
    });
}

#[test]
fn any_future_may_wait_for_an_end() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let target = test.spawn("target", Worker::maker("target", &log)).await.unwrap();
        let (first, second) = (target.stopped(), target.handle().stopped());
        drop(target.stopped());
        assert!(target.exit_reason().is_none());
        target.stop();
        assert_eq!(first.await.name(), "shutdown");
        assert_eq!(second.await.name(), "shutdown");
        assert_eq!(target.stopped().await.name(), "shutdown", "also after the end");
        assert_eq!(target.exit_reason().unwrap().name(), "shutdown");
    });
}

#[test]
fn an_actor_that_watches_itself_or_in_a_ring_ends_in_peace() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let a = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let b = test.spawn("b", Worker::maker("b", &log)).await.unwrap();
        let (to_a, to_b) = (a.clone(), b.clone());
        let both = act(move |_, cx| {
            cx.watch(&to_a);
            cx.watch(&to_b);
        });
        a.tell(both).await.unwrap();
        let to_a = a.clone();
        b.tell(act(move |_, cx| cx.watch(&to_a))).await.unwrap();
        test.settle().await;
        a.stop();
        test.settle().await;
        assert_eq!(log.count("b terminated /test/a shutdown"), 1);
        b.stop();
        test.settle().await;
        assert_eq!(test.actor_count(), 0);
    });
}
