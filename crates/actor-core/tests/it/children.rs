//! Children of plain actors: order and time of their end, and how they get along with a parent that ends.

use std::{future::pending, time::Duration};

use steadfast_actor_core::{
    ActorRef, AskError, CHILD_STOP_WAIT, Overflow, SendError, testkit::TestSystem,
};

use crate::common::*;

async fn parent_of(test: &TestSystem, log: &Log, names: &[&'static str]) -> ActorRef<Msg> {
    let parent = test.spawn("parent", Worker::maker("parent", log)).await.unwrap();
    for name in names {
        let (log, name) = (log.clone(), *name);
        let bear = act(move |_, cx| {
            drop(cx.spawn(name, Worker::maker(name, &log)).detach().unwrap());
        });
        parent.tell(bear).await.unwrap();
    }
    test.settle().await;
    log.take();
    parent
}

fn child(test: &TestSystem, name: &str) -> ActorRef<Msg> {
    test.lookup(&format!("/test/parent/{name}")).expect("the child lives")
}

#[test]
fn children_stop_before_their_parent_the_youngest_first() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let parent = parent_of(&test, &log, &["zoe", "adam", "mia"]).await;
        parent.stop();
        parent.stopped().await;
        assert_eq!(
            log.lines(),
            [
                "mia stopped shutdown",
                "adam stopped shutdown",
                "zoe stopped shutdown",
                "parent stopped shutdown",
            ]
        );
        assert_eq!(test.actor_count(), 0);
    });
}

#[test]
fn a_child_that_does_not_stop_in_its_time_is_killed() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let parent = parent_of(&test, &log, &["prompt", "stuck"]).await;
        let stuck = child(&test, "stuck");
        stuck.tell(awaiting(pending())).await.unwrap();
        test.settle().await;
        parent.stop();
        assert_eq!(parent.stopped().await.name(), "shutdown");
        assert_eq!(stuck.exit_reason().unwrap().name(), "killed");
        let took = test.elapsed();
        assert!(took >= CHILD_STOP_WAIT && took <= CHILD_STOP_WAIT + ms(100), "{took:?}");
        assert_eq!(log.lines(), ["prompt stopped shutdown", "parent stopped shutdown"]);
    });
}

#[test]
fn a_killed_parent_kills_its_children_at_once() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let parent = parent_of(&test, &log, &["a", "b"]).await;
        let a = child(&test, "a");
        parent.kill();
        assert_eq!(parent.stopped().await.name(), "killed");
        assert_eq!(a.exit_reason().unwrap().name(), "killed");
        assert_eq!(log.lines(), [""; 0], "no hook ran");
        assert_eq!(test.actor_count(), 0);
        assert_eq!(test.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_failed_child_is_not_restarted_and_its_parent_is_told() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let parent = parent_of(&test, &log, &["a", "b"]).await;
        child(&test, "a").tell(Msg::Panic).await.unwrap();
        child(&test, "b").tell(Msg::Stop).await.unwrap();
        test.settle().await;
        assert_eq!(log.count("parent child-exited /test/parent/a panic"), 1);
        assert_eq!(log.count("parent child-exited /test/parent/b normal"), 1);
        assert!(parent.exit_reason().is_none(), "the parent goes on");
        let inner = log.clone();
        let again = act(move |_, cx| {
            assert!(cx.children().is_empty());
            drop(cx.spawn("a", Worker::maker("a", &inner)).detach().unwrap());
        });
        parent.tell(again).await.unwrap();
        test.settle().await;
        assert_eq!(log.count("a started 1"), 1, "the name is free for another child");
    });
}

#[test]
fn s43_a_child_that_tells_or_asks_a_stopping_parent_with_a_full_mailbox_gets_it_back() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let spawn = test.spawn("parent", Worker::maker("parent", &log)).capacity(2);
        let parent = spawn.await.unwrap();
        for name in ["teller", "asker"] {
            let log = log.clone();
            let bear = act(move |_, cx| {
                drop(cx.spawn(name, Worker::maker(name, &log)).detach().unwrap());
            });
            parent.tell(bear).await.unwrap();
        }
        test.settle().await;
        let time = test.time().clone();
        parent.tell(awaiting(async move { time.sleep(SECOND).await })).await.unwrap();
        test.settle().await;
        for number in [1, 2] {
            parent.tell(Msg::Note(number)).await.unwrap();
        }
        let (to, out) = (parent.clone(), log.clone());
        let tell = awaiting(async move {
            let error = to.tell(Msg::Note(3)).await.unwrap_err();
            let what = format!("tell: {error:?}");
            out.add(format!("{what} {:?}", error.into_message()));
        });
        child(&test, "teller").tell(tell).await.unwrap();
        let (to, out) = (parent.clone(), log.clone());
        let ask = awaiting(async move {
            let error = to.ask(|reply| Msg::Ask(4, reply)).await.unwrap_err();
            let what = format!("ask: {error:?}");
            out.add(format!("{what} {:?}", error.into_message()));
        });
        child(&test, "asker").tell(ask).await.unwrap();
        test.settle().await;
        parent.stop();
        assert_eq!(parent.stopped().await.name(), "shutdown");
        assert_eq!(test.elapsed(), SECOND, "no deadlock: it ends with the handler at hand");
        assert_eq!(log.count("tell: Stopped(..) Note(3)"), 1, "{:?}", log.lines());
        assert_eq!(log.count("ask: Stopped(Some(..)) Some(Ask(4))"), 1, "{:?}", log.lines());
        assert_eq!(log.count("teller stopped shutdown"), 1);
        assert_eq!(log.count("asker stopped shutdown"), 1);
    });
}

#[test]
fn s43_a_child_whose_ask_waits_in_the_parents_mailbox_gets_it_back() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let parent = parent_of(&test, &log, &["asker"]).await;
        parent.suspend();
        let (to, out) = (parent.clone(), log.clone());
        let ask = awaiting(async move {
            let error = to.ask(|reply| Msg::Ask(4, reply)).await.unwrap_err();
            out.add(format!("{error:?}"));
        });
        child(&test, "asker").tell(ask).await.unwrap();
        test.settle().await;
        parent.stop();
        parent.stopped().await;
        assert_eq!(test.elapsed(), Duration::ZERO);
        assert_eq!(log.count("Stopped(Some(..))"), 1, "{:?}", log.lines());
    });
}

#[test]
fn a_bounded_parent_and_child_that_wait_for_each_other_part_after_the_wait_for_room() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let overflow = Overflow::Wait(2 * SECOND);
        let a = test.spawn("a", Worker::maker("a", &log)).capacity(1).overflow(overflow);
        let b = test.spawn("b", Worker::maker("b", &log)).capacity(1).overflow(overflow);
        let (a, b) = (a.await.unwrap(), b.await.unwrap());
        for (from, to) in [(&a, &b), (&b, &a)] {
            let (to, out) = (to.clone(), log.clone());
            let talk = awaiting(async move {
                to.tell(Msg::Note(1)).await.unwrap();
                match to.tell(Msg::Note(2)).await {
                    Err(SendError::Timeout(Msg::Note(2))) => out.add("timeout"),
                    other => out.add(format!("{other:?}")),
                }
            });
            from.tell(talk).await.unwrap();
        }
        test.advance(10 * SECOND).await;
        assert!(log.count("timeout") >= 1, "{:?}", log.lines());
        let rings = test.trace().lines_with("wait-cycle");
        assert!(!rings.is_empty(), "the probe is told of the ring");
        assert!(rings[0].starts_with("0.000000000 wait-cycle #"), "{rings:?}");
        assert_eq!(a.ask(|reply| Msg::Ask(5, reply)).await.unwrap(), 5, "both live on");
        assert_eq!(b.ask(|reply| Msg::Ask(6, reply)).await.unwrap(), 6);
    });
}

#[test]
fn room_that_comes_free_while_a_handler_awaits_goes_to_those_who_wait() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let spawn = test.spawn("parent", Worker::maker("parent", &log)).capacity(4);
        let parent = spawn.await.unwrap();
        parent.suspend();
        let time = test.time().clone();
        parent.tell(awaiting(async move { time.sleep(3 * SECOND).await })).await.unwrap();
        for number in 0..3 {
            parent.tell(Msg::Note(number)).await.unwrap();
        }
        let waiting = parent.tell(Msg::Note(3));
        let mut waiting = std::pin::pin!(waiting);
        let parked = std::future::poll_fn(|task| {
            std::task::Poll::Ready(waiting.as_mut().poll(task).is_pending())
        });
        assert!(parked.await);
        parent.resume();
        waiting.await.unwrap();
        assert_eq!(test.elapsed(), Duration::ZERO, "there is room: the handler took one");
    });
}

#[test]
fn an_actor_that_asks_itself_gets_its_deadline() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let (me, out) = (actor.clone(), log.clone());
        let ask = awaiting(async move {
            match me.ask(|reply| Msg::Ask(1, reply)).await {
                Err(AskError::Timeout(None)) => out.add("timeout"),
                other => out.add(format!("{other:?}")),
            }
        });
        actor.tell(ask).await.unwrap();
        test.advance(6 * SECOND).await;
        assert_eq!(log.lines(), ["a started 1", "timeout", "a 1"]);
        assert_eq!(test.trace().lines_with("wait-cycle #1").len(), 1);
    });
}

#[test]
fn an_adopted_child_is_its_supervisors_and_no_longer_its_parents() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let parent = parent_of(&test, &log, &["kid"]).await;
        let kid = child(&test, "kid");
        let boss = boss(&test, Plan::RESTART, &log).await;
        assert!(kid.handle().link(&boss.handle(), 1));
        know(&boss, 1, &kid.handle()).await;
        parent.stop();
        parent.stopped().await;
        assert!(kid.exit_reason().is_none(), "its parent's end is not its own any more");
        kid.tell(Msg::Panic).await.unwrap();
        assert_eq!(kid.ask(|reply| Msg::Ask(1, reply)).await.unwrap(), 1);
    });
}
