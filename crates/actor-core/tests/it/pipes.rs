//! Futures piped to their actor.

use std::future::pending;

use steadfast_actor_core::{Cx, PIPES_MAX, Reply, testkit::TestSystem};

use crate::common::*;

#[test]
fn a_result_comes_as_a_message_that_a_full_mailbox_does_not_delay() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).capacity(2).await.unwrap();
        let time = test.time().clone();
        let pipe = act(move |_, cx| {
            let future = async move {
                time.sleep(SECOND).await;
                7
            };
            assert!(cx.pipe_to_self(future, Msg::Note).is_ok());
        });
        actor.tell(pipe).await.unwrap();
        test.settle().await;
        actor.suspend();
        for number in [1, 2] {
            actor.tell(Msg::Note(number)).await.unwrap();
        }
        test.advance(SECOND).await;
        actor.resume();
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [7, 1, 2]);
    });
}

#[test]
fn a_panic_in_the_future_or_in_the_conversion_fails_the_actor() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let in_future = act(|_, cx| {
            assert!(cx.pipe_to_self(async { panic!("in the future") }, Msg::Note).is_ok());
        });
        let in_conversion = act(|_, cx| {
            let convert = |()| panic!("in the conversion");
            assert!(cx.pipe_to_self(async {}, convert).is_ok());
        });
        for (pipe, text) in [(in_future, "in the future"), (in_conversion, "in the conversion")] {
            let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
            actor.tell(pipe).await.unwrap();
            test.settle().await;
            let reason = actor.exit_reason().expect("it failed");
            assert_eq!(reason.failure().unwrap().message(), text);
        }
    });
}

#[test]
fn a_panic_of_a_pipe_of_the_old_incarnation_is_not_the_new_ones() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        let both = act(|_, cx| {
            assert!(cx.pipe_to_self(async { panic!("stale") }, Msg::Note).is_ok());
            panic!("first");
        });
        child.tell(both).await.unwrap();
        test.advance(SECOND).await;
        assert_eq!(child.handle().incarnation(), 2);
    });
}

#[test]
fn one_pipe_too_many_is_refused_and_those_done_make_room() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let fill = act(|_, cx| {
            for _ in 0..PIPES_MAX {
                assert!(cx.pipe_to_self(async {}, |()| Msg::Note(1)).is_ok());
            }
            assert!(cx.pipe_to_self(pending::<()>(), |()| Msg::Note(2)).is_err());
        });
        actor.tell(fill).await.unwrap();
        test.settle().await;
        assert_eq!(log.count("a 1"), PIPES_MAX);
        let more = act(|_, cx| {
            assert!(cx.pipe_to_self(async {}, |()| Msg::Note(3)).is_ok());
        });
        actor.tell(more).await.unwrap();
        test.settle().await;
        assert_eq!(log.count("a 3"), 1);
    });
}

#[test]
fn results_that_wait_count_until_the_actor_comes_to_them() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        actor.suspend();
        for _ in 0..3 {
            // On the control lane: the results wait for the end of the pause.
            let fill = |_: &mut Worker, cx: &mut Cx<Worker>| {
                while cx.pipe_to_self(async {}, |()| Msg::Note(1)).is_ok() {}
            };
            actor.handle().visit(fill).unwrap();
            test.settle().await;
        }
        actor.resume();
        test.settle().await;
        assert_eq!(log.count("a 1"), PIPES_MAX);
    });
}

#[test]
fn a_result_that_comes_after_the_end_is_dropped_and_its_asker_told() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let asked = actor.ask(|reply: Reply<u32>| {
            act(move |_, cx| {
                let convert = move |()| Msg::Ask(1, reply);
                assert!(cx.pipe_to_self(async {}, convert).is_ok());
                cx.stop();
            })
        });
        let error = asked.await.unwrap_err();
        assert!(error.is_stopped(), "{error:?}");
        assert_eq!(test.elapsed(), std::time::Duration::ZERO);
        test.settle().await;
        assert_eq!(test.task_count(), 1, "only the system's own");
    });
}

#[test]
fn a_result_that_the_incarnation_did_not_come_to_is_not_the_next_ones() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        let both = act(|_, cx| {
            assert!(cx.pipe_to_self(async {}, |()| Msg::Panic).is_ok());
            assert!(cx.pipe_to_self(async {}, |()| Msg::Note(2)).is_ok());
        });
        child.tell(both).await.unwrap();
        test.settle().await;
        child.tell(Msg::Note(3)).await.unwrap();
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [3]);
        assert_eq!((child.handle().incarnation(), log.count("child 2")), (2, 0));
    });
}
