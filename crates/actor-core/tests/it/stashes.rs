//! The stash: bounded, in order, and kept over restarts.

use steadfast_actor_core::{STASH_MAX, testkit::TestSystem};

use crate::common::*;

#[test]
fn unstashed_messages_go_before_the_mailbox_in_the_order_of_their_stashing() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let hold = act(|_, cx| {
            for number in 1..=3 {
                cx.stash(Msg::Note(number)).unwrap();
            }
            assert_eq!(cx.stashed(), 3);
        });
        actor.tell(hold).await.unwrap();
        actor.tell(Msg::Note(4)).await.unwrap();
        actor.tell(act(|_, cx| cx.unstash())).await.unwrap();
        actor.tell(Msg::Note(5)).await.unwrap();
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [4, 1, 2, 3, 5]);
    });
}

#[test]
fn one_stashed_message_too_many_is_given_back() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let fill = act(|_, cx| {
            for _ in 0..STASH_MAX {
                cx.stash(Msg::Note(1)).unwrap();
            }
            let refused = cx.stash(Msg::Note(2)).unwrap_err();
            assert!(matches!(refused, Msg::Note(2)));
        });
        actor.tell(fill).await.unwrap();
        actor.stop();
        assert_eq!(actor.stopped().await.name(), "shutdown");
    });
}

#[test]
fn a_restart_handles_stashed_messages_first_and_a_second_failure_loses_only_its_own() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        let hold = act(|_, cx| {
            cx.stash(Msg::Note(1)).unwrap();
            cx.stash(Msg::Panic).unwrap();
            cx.stash(Msg::Note(2)).unwrap();
            cx.stash(Msg::Note(3)).unwrap();
        });
        child.tell(hold).await.unwrap();
        child.tell(Msg::Panic).await.unwrap();
        child.tell(Msg::Note(4)).await.unwrap();
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [2, 3, 4]);
        assert_eq!(log.count("child 1"), 1, "handled by the second incarnation");
        assert_eq!(child.handle().incarnation(), 3);
    });
}

#[test]
fn stashed_messages_are_leftovers_at_the_end() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let asked = actor.ask(|reply| {
            act(move |_, cx| {
                cx.stash(Msg::Ask(1, reply)).unwrap();
                cx.stash(Msg::Note(2)).unwrap();
            })
        });
        test.settle().await;
        actor.stop();
        let error = asked.await.unwrap_err();
        assert!(error.is_stopped(), "{error:?}");
        actor.stopped().await;
        assert_eq!(test.dead_letter_count(), 2);
    });
}
