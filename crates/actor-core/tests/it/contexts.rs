//! The call context: it follows tells, asks, spawns and pipes by itself.

use std::sync::{Arc, Mutex};

use steadfast_actor_core::{Reply, testkit::TestSystem};
use steadfast_base::{CallContext, Priority, context};

use crate::common::*;

type Seen = Arc<Mutex<Option<CallContext>>>;

fn see(seen: &Seen) {
    *seen.lock().unwrap() = context::current().map(|call| call.as_ref().clone());
}

fn take(seen: &Seen) -> CallContext {
    seen.lock().unwrap().take().expect("a context was in force")
}

#[test]
fn a_context_travels_through_tells_and_asks_from_actor_to_actor() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let first = test.spawn("first", Worker::maker("first", &log)).await.unwrap();
        let last = test.spawn("last", Worker::maker("last", &log)).await.unwrap();
        let correlation = test.ids().correlation();
        let deadline = test.time().now() + SECOND;
        let call = CallContext::new()
            .with_correlation(correlation)
            .with_deadline(deadline)
            .with_priority(Priority::High)
            .with_attempt(3);
        let (told, asked) = (Seen::default(), Seen::default());
        let (tell_seen, ask_seen, to) = (Arc::clone(&told), Arc::clone(&asked), last.clone());
        let relay = awaiting(async move {
            to.tell(act(move |_, _| see(&tell_seen))).await.unwrap();
            let ask = to.ask(|reply: Reply<()>| {
                act(move |_, cx| {
                    assert_eq!(cx.context(), context::current());
                    see(&ask_seen);
                    reply.send(());
                })
            });
            ask.await.unwrap();
        });
        context::scope(call, async { first.tell(relay).await.unwrap() }).await;
        test.settle().await;
        for seen in [take(&told), take(&asked)] {
            assert_eq!(seen.correlation(), Some(correlation));
            assert_eq!(seen.deadline(), Some(deadline));
            assert_eq!(seen.priority(), Priority::High);
            assert_eq!(seen.attempt(), 3);
            assert_eq!(seen.sender(), Some(first.id()), "the last actor on the way");
        }
    });
}

#[test]
fn a_context_does_not_leak_into_the_next_message() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let seen = Seen::default();
        let (with, without) = (Arc::clone(&seen), Arc::clone(&seen));
        let call = CallContext::new().with_attempt(2);
        context::scope(call, async { actor.tell(act(move |_, _| see(&with))).await.unwrap() })
            .await;
        test.settle().await;
        assert_eq!(take(&seen).attempt(), 2);
        actor.tell(act(move |_, _| see(&without))).await.unwrap();
        test.settle().await;
        assert_eq!(*seen.lock().unwrap(), None);
    });
}

#[test]
fn a_context_travels_through_spawns_into_the_start_only() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let seen = Seen::default();
        let (inner, at_start) = (log.clone(), Arc::clone(&seen));
        let factory = move || {
            see(&at_start);
            Worker::new("a", &inner)
        };
        let call = CallContext::new().with_attempt(9);
        let spawn = async { test.spawn("a", factory).await.unwrap() };
        let actor = context::scope(call, spawn).await;
        assert_eq!(take(&seen).attempt(), 9);
        let later = Arc::clone(&seen);
        actor.tell(act(move |_, _| see(&later))).await.unwrap();
        test.settle().await;
        assert_eq!(*seen.lock().unwrap(), None, "its messages have contexts of their own");
    });
}

#[test]
fn a_context_travels_into_piped_futures_and_back_with_their_results() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let (inside, after) = (Seen::default(), Seen::default());
        let (in_pipe, at_result) = (Arc::clone(&inside), Arc::clone(&after));
        let pipe = act(move |_, cx| {
            let future = async move { see(&in_pipe) };
            let result = move |()| act(move |_, _| see(&at_result));
            assert!(cx.pipe_to_self(future, result).is_ok());
        });
        let call = CallContext::new().with_attempt(4);
        context::scope(call, async { actor.tell(pipe).await.unwrap() }).await;
        test.settle().await;
        assert_eq!(take(&inside).attempt(), 4);
        assert_eq!(take(&after).attempt(), 4);
    });
}

#[test]
fn a_stashed_message_keeps_its_context() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let seen = Seen::default();
        let later = Arc::clone(&seen);
        let stash = act(move |_, cx| {
            assert!(cx.stash(act(move |_, _| see(&later))).is_ok());
        });
        let call = CallContext::new().with_attempt(5);
        context::scope(call, async { actor.tell(stash).await.unwrap() }).await;
        actor.tell(act(|_, cx| cx.unstash())).await.unwrap();
        test.settle().await;
        assert_eq!(take(&seen).attempt(), 5);
    });
}

#[test]
fn a_failure_knows_the_call_that_it_happened_in() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        for message in [Msg::Panic, Msg::Fail] {
            let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
            let correlation = test.ids().correlation();
            let call = CallContext::new().with_correlation(correlation);
            context::scope(call, async { actor.tell(message).await.unwrap() }).await;
            let reason = actor.stopped().await;
            let record = reason.failure().expect("it failed").record();
            assert_eq!(record.correlation, Some(correlation));
        }
    });
}

#[test]
fn the_same_call_is_seen_by_the_probe() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let correlation = test.ids().correlation();
        let call = CallContext::new().with_correlation(correlation);
        context::scope(call, async { actor.tell(Msg::Note(1)).await.unwrap() }).await;
        test.settle().await;
        assert_eq!(test.trace().lines_with(&format!("started #1 for {correlation}")).len(), 1);
    });
}
