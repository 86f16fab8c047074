//! Full mailboxes: the four policies, waiting, resizing.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use steadfast_actor_core::{
    ActorRef, AskError, DeadReason, Overflow, ROOM_WAIT_DEFAULT, SendError, testkit::TestSystem,
};
use steadfast_base::{CallContext, context};

use crate::common::*;

/// A suspended worker with a full mailbox of two.
async fn full(test: &TestSystem, log: &Log, overflow: Overflow) -> ActorRef<Msg> {
    let spawn = test.spawn("a", Worker::maker("a", log)).capacity(2).overflow(overflow);
    let actor = spawn.await.unwrap();
    actor.suspend();
    for number in [1, 2] {
        actor.tell(Msg::Note(number)).await.unwrap();
    }
    actor
}

async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    poll_fn(|task| Poll::Ready(future.as_mut().poll(task).is_pending())).await
}

#[test]
fn a_wait_for_room_ends_after_five_seconds_with_the_message() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = full(&test, &log, Overflow::default()).await;
        let Err(SendError::Timeout(Msg::Note(3))) = actor.tell(Msg::Note(3)).await else {
            panic!("the message comes back");
        };
        let waited = test.elapsed();
        assert!(waited >= ROOM_WAIT_DEFAULT && waited <= ROOM_WAIT_DEFAULT + ms(100), "{waited:?}");
        assert_eq!(actor.queued(), 2);
        let now = actor.tell(Msg::Note(4)).now();
        assert!(matches!(now, Err(SendError::Full(Msg::Note(4)))), "without waiting");
    });
}

#[test]
fn an_ask_waits_for_room_no_longer_than_a_tell() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = full(&test, &log, Overflow::Wait(SECOND)).await;
        let error = actor.ask(|reply| Msg::Ask(3, reply)).within(60 * SECOND).await.unwrap_err();
        assert!(matches!(&error, AskError::Timeout(Some(Msg::Ask(3, _)))), "{error:?}");
        let waited = test.elapsed();
        assert!(waited >= SECOND && waited <= SECOND + ms(100), "{waited:?}");
    });
}

#[test]
fn waiting_senders_get_room_in_the_order_in_which_they_came() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = full(&test, &log, Overflow::default()).await;
        for number in 3..10 {
            let to = actor.clone();
            drop(test.spawn_task(async move { to.tell(Msg::Note(number)).await.unwrap() }));
        }
        test.settle().await;
        let mut gone = Box::pin(actor.tell(Msg::Note(666)));
        assert!(is_pending(gone.as_mut()).await);
        drop(gone);
        actor.resume();
        test.settle().await;
        let seen = actor.ask(Msg::Seen).await.unwrap();
        assert_eq!(seen, (1..10).collect::<Vec<_>>(), "and one that gave up is not among them");
    });
}

#[test]
fn reject_gives_the_message_back_at_once() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = full(&test, &log, Overflow::Reject).await;
        let error = actor.tell(Msg::Note(3)).await.unwrap_err();
        assert!(matches!(error, SendError::Full(Msg::Note(3))), "{error:?}");
        let error = actor.ask(|reply| Msg::Ask(4, reply)).await.unwrap_err();
        assert!(matches!(error, AskError::Full(Msg::Ask(4, _))), "{error:?}");
        assert_eq!(test.dead_letter_count(), 0, "what came back is not dead");
        assert_eq!(test.elapsed(), Duration::ZERO);
    });
}

#[test]
fn drop_newest_keeps_the_old_and_counts_the_new() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut letters = test.dead_letters();
    test.run(async {
        let actor = full(&test, &log, Overflow::DropNewest).await;
        for number in 3..6 {
            actor.tell(Msg::Note(number)).await.unwrap();
        }
        let asked = actor.ask(|reply| Msg::Ask(9, reply)).await.unwrap_err();
        assert!(matches!(asked, AskError::Full(Msg::Ask(9, _))), "{asked:?}");
        actor.resume();
        test.settle().await;
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [1, 2]);
        assert_eq!(test.dead_letter_count(), 3);
        let letter = letters.try_next().unwrap();
        assert_eq!((letter.reason, letter.count), (DeadReason::Overflow, 3));
        assert!(letter.message_type.ends_with("common::Msg"), "{}", letter.message_type);
    });
}

#[test]
fn drop_oldest_makes_room_for_the_new() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = full(&test, &log, Overflow::DropOldest).await;
        for number in 3..6 {
            actor.tell(Msg::Note(number)).await.unwrap();
        }
        actor.resume();
        test.settle().await;
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [4, 5]);
        assert_eq!(test.dead_letter_count(), 3);
    });
}

#[test]
fn an_ask_that_is_displaced_fails_at_once() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let spawn = test.spawn("a", Worker::maker("a", &log)).capacity(1);
        let actor = spawn.overflow(Overflow::DropOldest).await.unwrap();
        actor.suspend();
        let asked = actor.ask(|reply| Msg::Ask(1, reply));
        actor.tell(Msg::Note(2)).await.unwrap();
        let error = asked.await.unwrap_err();
        assert!(matches!(error, AskError::Full(Msg::Ask(1, _))), "{error:?}");
        assert_eq!(test.elapsed(), Duration::ZERO);
        assert_eq!(test.dead_letter_count(), 0, "a question that came back is not dead");
        let given_up = actor.ask(|reply| Msg::Ask(3, reply));
        assert_eq!(test.dead_letter_count(), 1, "which displaced a tell");
        drop(given_up);
        actor.tell(Msg::Note(4)).await.unwrap();
        assert_eq!(test.dead_letter_count(), 2, "nobody wants the question back");
        actor.resume();
        test.settle().await;
        assert_eq!(log.lines().last().map(String::as_str), Some("a 4"));
    });
}

#[test]
fn a_mailbox_grows_and_shrinks_while_it_runs() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = full(&test, &log, Overflow::default()).await;
        let mut third = pin!(actor.tell(Msg::Note(3)));
        assert!(is_pending(third.as_mut()).await);
        actor.set_capacity(4);
        third.await.unwrap();
        actor.tell(Msg::Note(4)).await.unwrap();
        assert_eq!((actor.queued(), actor.capacity()), (4, 4));
        actor.set_capacity(1);
        assert_eq!(actor.queued(), 4, "what is queued stays");
        assert!(matches!(actor.tell(Msg::Note(5)).now(), Err(SendError::Full(_))));
        actor.resume();
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [1, 2, 3, 4]);
        actor.set_capacity(0);
        assert_eq!(actor.capacity(), 1, "at least one");
        assert_eq!(actor.ask(|reply| Msg::Ask(6, reply)).await.unwrap(), 6);
    });
}

#[test]
fn a_wait_for_room_ends_when_the_actor_does() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = full(&test, &log, Overflow::default()).await;
        let mut third = pin!(actor.tell(Msg::Note(3)));
        assert!(is_pending(third.as_mut()).await);
        actor.stop();
        let error = third.await.unwrap_err();
        assert!(matches!(error, SendError::Stopped(Msg::Note(3))), "{error:?}");
    });
}

#[test]
fn a_recipient_reaches_any_actor_that_takes_the_message() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut probe = test.probe::<u64>("probe");
    test.run(async {
        let actor = full(&test, &log, Overflow::Reject).await;
        let targets = [actor.recipient::<u32>(), probe.recipient::<u32>()];
        assert_eq!(&*targets[0].path(), "/test/a");
        assert_eq!(targets[0].id(), actor.id());
        assert_eq!(targets[0].try_tell(3), Err(SendError::Full(3)));
        assert_eq!(targets[0].tell(3).await, Err(SendError::Full(3)));
        targets[1].tell(7).await.unwrap();
        assert_eq!(probe.expect_msg().await, 7);
        actor.stop();
        actor.stopped().await;
        assert_eq!(targets[0].try_tell(3), Err(SendError::Stopped(3)));
    });
}

#[test]
fn a_recipients_message_comes_back_as_it_was_after_the_wait_for_room() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = full(&test, &log, Overflow::default()).await;
        let target = actor.recipient::<u32>();
        assert_eq!(target.try_tell(3), Err(SendError::Full(3)));
        assert_eq!(target.tell(4).await, Err(SendError::Timeout(4)));
        assert!(test.elapsed() >= 5 * SECOND && test.elapsed() <= 5 * SECOND + ms(100));
        let waits = target.tell(5);
        actor.resume();
        waits.await.unwrap();
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [1, 2, 5]);
        let dropping = test.spawn("d", Worker::maker("d", &log)).capacity(1);
        let dropping = dropping.overflow(Overflow::DropOldest).await.unwrap();
        dropping.suspend();
        for number in [1, 2] {
            dropping.recipient::<u32>().tell(number).await.unwrap();
        }
        dropping.set_capacity(2);
        dropping.resume();
        assert_eq!(dropping.ask(Msg::Seen).await.unwrap(), [2]);
    });
}

#[test]
fn a_recipient_is_asked_under_the_same_deadlines_as_a_ref() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).capacity(1).await.unwrap();
        let target = actor.recipient::<Msg>();
        assert_eq!(target.ask(|reply| Msg::Ask(1, reply)).await.unwrap(), 1);
        assert!(matches!(target.ask(Msg::Lose).await, Err(AskError::NoReply)));
        actor.suspend();
        let queued = target.ask_within(ms(20), |reply| Msg::Ask(2, reply));
        assert!(matches!(queued.await, Err(AskError::Timeout(None))));
        assert_eq!(test.elapsed(), ms(20));
        let unsent = target.ask_within(ms(20), |reply| Msg::Ask(3, reply)).await;
        assert!(matches!(unsent, Err(AskError::Timeout(Some(Msg::Ask(3, _))))), "{unsent:?}");
        assert_eq!(test.elapsed(), ms(40));
        actor.set_capacity(8);
        let soon = CallContext::new().with_deadline(test.time().now() + ms(30));
        let inherited = context::scope(soon, async { target.ask(Msg::Seen).await });
        assert!(matches!(inherited.await, Err(AskError::Timeout(None))));
        assert_eq!(test.elapsed(), ms(70));
        let left = target.ask(Msg::Seen);
        actor.stop();
        assert!(matches!(left.await, Err(AskError::Stopped(_))));
        let refused = target.ask(|reply| Msg::Ask(9, reply)).await;
        assert!(matches!(refused, Err(AskError::Stopped(Some(Msg::Ask(9, _))))), "{refused:?}");
    });
}
