//! Ending: stop, kill, drain, panics on the way, and who is served first.

use std::{convert::Infallible, future::pending};

use steadfast_actor_core::{
    Actor, Cx, DeadReason, ExitReason, Flow, SendError, Signal, Status, System, testkit::TestSystem,
};

use crate::common::*;

#[test]
fn s42_a_stop_is_handled_before_a_million_queued_messages() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut letters = test.dead_letters();
    test.run(async {
        let spawn = test.spawn("a", Worker::maker("a", &log)).capacity(1_000_001);
        let actor = spawn.await.unwrap();
        for number in 0..1_000_000 {
            actor.tell(Msg::Note(number)).now().unwrap();
        }
        actor.stop();
        assert_eq!(actor.stopped().await.name(), "shutdown");
        assert_eq!(log.lines(), ["a started 1", "a stopped shutdown"]);
        assert_eq!(test.dead_letter_count(), 1_000_000, "each is a dead letter once");
        let letter = letters.try_next().expect("a notice");
        assert_eq!((letter.reason, letter.count), (DeadReason::Stopped, 1_000_000));
        assert_eq!(&*letter.path, "/test/a");
    });
}

#[test]
fn s42_the_end_of_a_child_is_handled_before_a_million_queued_messages() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let spawn = test.spawn("a", Worker::maker("a", &log)).capacity(1_000_001);
        let actor = spawn.await.unwrap();
        let inner = log.clone();
        actor
            .tell(act(move |_, cx| {
                drop(cx.spawn("kid", Worker::maker("kid", &inner)).detach().unwrap());
            }))
            .await
            .unwrap();
        test.settle().await;
        log.take();
        actor.suspend();
        for number in 0..1_000_000 {
            actor.tell(Msg::Note(number)).now().unwrap();
        }
        test.lookup_handle("/test/a/kid").unwrap().kill();
        test.settle().await;
        actor.resume();
        test.settle().await;
        let lines = log.lines();
        assert_eq!(lines[0], "a child-exited /test/a/kid killed");
        assert_eq!(lines[1], "a 0");
        assert_eq!(lines.len(), 1_000_001);
    });
}

#[test]
fn s42_a_kill_interrupts_an_awaiting_handler_and_a_stop_does_not() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let killed = test.spawn("killed", Worker::maker("killed", &log)).await.unwrap();
        killed.tell(awaiting(pending())).await.unwrap();
        test.settle().await;
        killed.stop();
        test.advance(3600 * SECOND).await;
        assert_eq!(killed.status(), Status::Running, "a stop waits for the handler");
        killed.kill();
        assert_eq!(killed.stopped().await.name(), "killed");
        assert_eq!(log.take(), ["killed started 1"], "no hook runs");

        let stopped = test.spawn("stopped", Worker::maker("stopped", &log)).await.unwrap();
        let (time, inner) = (test.time().clone(), log.clone());
        let slow = awaiting(async move {
            time.sleep(SECOND).await;
            inner.add("handler done");
        });
        stopped.tell(slow).await.unwrap();
        stopped.tell(Msg::Note(1)).await.unwrap();
        test.settle().await;
        stopped.stop();
        assert_eq!(stopped.stopped().await.name(), "shutdown");
        assert_eq!(log.take(), ["stopped started 1", "handler done", "stopped stopped shutdown"]);
    });
}

#[test]
fn a_handler_that_was_killed_tells_its_asker_that_the_actor_stopped() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let asked = actor.ask(|reply: steadfast_actor_core::Reply<u32>| {
            awaiting(async move {
                let _kept = reply;
                pending::<()>().await;
            })
        });
        test.settle().await;
        actor.kill();
        let error = asked.await.unwrap_err();
        assert!(matches!(error, steadfast_actor_core::AskError::Stopped(None)), "{error:?}");
        assert_eq!(test.elapsed(), std::time::Duration::ZERO, "at once");
    });
}

#[test]
fn s43_a_drain_finishes_what_was_accepted_and_returns_what_comes_later() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        for number in 0..3 {
            actor.tell(Msg::Note(number)).await.unwrap();
        }
        let answered = actor.ask(|reply| Msg::Ask(3, reply));
        actor.drain();
        let late = actor.tell(Msg::Note(9)).await;
        assert!(matches!(late, Err(SendError::Stopped(Msg::Note(9)))), "{late:?}");
        let late = actor.ask(|reply| Msg::Ask(9, reply)).await.unwrap_err();
        assert!(matches!(late.into_message(), Some(Msg::Ask(9, _))));
        assert_eq!(answered.await.unwrap(), 3);
        assert_eq!(actor.stopped().await.name(), "normal");
        assert_eq!(log.lines(), ["a started 1", "a 0", "a 1", "a 2", "a 3", "a stopped normal"]);
        assert_eq!(test.dead_letter_count(), 0);
    });
}

#[test]
fn a_drained_child_is_not_restarted_since_it_accepts_nothing_any_more() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        child.tell(Msg::Note(1)).await.unwrap();
        child.drain();
        assert_eq!(child.stopped().await.name(), "normal");
        test.settle().await;
        assert_eq!(log.count("child started 1"), 1);
        assert_eq!(log.count("boss: 1 stopped normal"), 1);
    });
}

#[test]
fn a_drain_goes_on_after_a_restart_until_all_that_was_accepted_is_handled() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        child.suspend();
        for message in [Msg::Note(1), Msg::Panic, Msg::Note(2), Msg::Note(3)] {
            child.tell(message).await.unwrap();
        }
        child.drain();
        assert!(child.tell(Msg::Note(4)).now().unwrap_err().is_stopped());
        child.resume();
        assert_eq!(child.stopped().await.name(), "normal");
        assert_eq!(child.handle().incarnation(), 2);
        assert_eq!((log.count("child 2"), log.count("child 3")), (1, 1));
        assert_eq!(test.dead_letter_count(), 0);
    });
}

#[test]
fn a_failure_on_the_last_message_of_a_drain_is_the_end() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        child.tell(Msg::Panic).await.unwrap();
        child.drain();
        assert_eq!(child.stopped().await.name(), "panic");
        assert_eq!(child.handle().incarnation(), 1);
    });
}

#[test]
fn a_suspended_actor_serves_its_control_lane_only() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).detach().unwrap();
        actor.suspend();
        actor.tell(Msg::Note(1)).await.unwrap();
        test.advance(SECOND).await;
        assert_eq!(actor.status(), Status::Suspended);
        assert_eq!(actor.queued(), 1);
        let (tell, told) = std::sync::mpsc::channel();
        let visit = move |_: &mut Worker, _: &mut Cx<Worker>| tell.send(()).expect("heard");
        actor.handle().visit(visit).unwrap();
        test.settle().await;
        assert!(told.try_recv().is_ok(), "a visit is control");
        actor.resume();
        test.settle().await;
        assert_eq!(log.lines(), ["a started 1", "a 1"]);
        actor.suspend();
        test.settle().await;
        actor.stop();
        assert_eq!(actor.stopped().await.name(), "shutdown");
    });
}

/// Panics where nobody should.
struct Bomb {
    in_stopped: bool,
    in_drop: bool,
}

struct Fuse(bool);

impl Drop for Fuse {
    fn drop(&mut self) {
        assert!(!self.0, "dropped a live fuse");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.in_drop, "dropped a bomb");
    }
}

impl Actor for Bomb {
    type Msg = Fuse;
    type Error = Infallible;

    async fn handle(&mut self, _: Fuse, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        pending().await
    }

    async fn stopped(&mut self, _: &ExitReason, _: &mut Cx<Self>) {
        assert!(!self.in_stopped, "no peace");
    }
}

#[test]
fn panics_in_the_last_hook_and_in_destructors_are_reported_and_end_nothing_else() {
    let test = TestSystem::new();
    let mut watcher = test.probe::<u8>("watcher");
    test.run(async {
        let bomb = || Bomb { in_stopped: true, in_drop: true };
        let actor = test.spawn("bomb", bomb).await.unwrap();
        watcher.watch(&actor);
        test.settle().await;
        actor.stop();
        assert_eq!(watcher.expect_terminated(&actor).await.name(), "shutdown");
        let failures = test.trace().lines_with("failure #2");
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert!(failures[0].contains("no peace") && failures[1].contains("dropped a bomb"));
        assert_eq!(test.actor_count(), 1);
    });
}

#[test]
fn a_message_that_panics_when_dropped_keeps_no_other_from_its_end() {
    let test = TestSystem::new();
    let mut watcher = test.probe::<u8>("watcher");
    test.run(async {
        let bomb = || Bomb { in_stopped: false, in_drop: false };
        let actor = test.spawn("bomb", bomb).await.unwrap();
        watcher.watch(&actor);
        actor.suspend();
        for live in [false, true, false, true] {
            actor.tell(Fuse(live)).await.unwrap();
        }
        actor.stop();
        assert_eq!(watcher.expect_terminated(&actor).await.name(), "shutdown");
        assert_eq!(test.dead_letter_count(), 4);

        let actor = test.spawn("bomb", bomb).await.unwrap();
        watcher.watch(&actor);
        actor.tell(Fuse(true)).await.unwrap();
        test.settle().await;
        actor.kill();
        assert_eq!(watcher.expect_terminated(&actor).await.name(), "killed");
        assert!(test.lookup_handle("/test/bomb").is_none());
    });
}

/// Fails in the signal hook.
struct Touchy;

impl Actor for Touchy {
    type Msg = Signal;
    type Error = Broken;

    async fn handle(&mut self, _: Signal, _: &mut Cx<Self>) -> Result<Flow, Broken> {
        Ok(Flow::Continue)
    }

    async fn signal(&mut self, _: Signal, _: &mut Cx<Self>) -> Result<Flow, Broken> {
        Err(Broken)
    }
}

#[test]
fn an_error_in_the_signal_hook_ends_the_actor_with_it() {
    let test = TestSystem::new();
    test.run(async {
        let target = test.probe::<u8>("target");
        let actor = test.spawn("touchy", || Touchy).await.unwrap();
        let seen = target.actor().clone();
        actor.handle().visit(move |_: &mut Touchy, cx| cx.watch(&seen)).unwrap();
        test.settle().await;
        target.actor().stop();
        let reason = actor.stopped().await;
        let failure = reason.failure().expect("an error");
        assert!(failure.downcast_ref::<Broken>().is_some());
        assert_eq!(reason.to_string(), "error: broken in /test/touchy");
    });
}

#[test]
fn kills_from_other_threads_end_idle_busy_and_suspended_actors() {
    let log = Log::default();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    let runtime = runtime.unwrap();
    let system = System::builder("kills").runtime(runtime.handle().clone()).build().unwrap();
    runtime.block_on(async {
        for round in 0..3_000 {
            let actor = system.spawn_anonymous(Worker::maker("a", &log)).await.unwrap();
            match round % 3 {
                0 => actor.tell(Msg::Note(1)).await.unwrap(),
                1 => actor.suspend(),
                _ => {}
            }
            actor.kill();
            let ended = system.time().timeout(10 * SECOND, actor.stopped()).await;
            assert_eq!(ended.expect("it ends").name(), "killed");
        }
        system.shutdown().await;
    });
}
