//! Restarts: what an actor keeps, what it loses, and what its callers see.

use std::{convert::Infallible, future::pending};

use steadfast_actor_core::{
    Actor, AskError, ChildStage, Cx, DeadReason, Flow, Overflow, Reply, Signal, StartKind, Started,
    Status, testkit::TestSystem,
};

use crate::common::*;

#[test]
fn s31_messages_queued_behind_a_panic_are_handled_in_order_by_the_next_incarnation() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        child.tell(Msg::Panic).await.unwrap();
        child.tell(Msg::Note(1)).await.unwrap();
        child.tell(Msg::Note(2)).await.unwrap();
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [1, 2]);
        assert_eq!(
            log.lines(),
            [
                "child started 1",
                "boss: 1 started",
                "boss: 1 ended panic",
                "child restarting after asked to",
                "child started 2",
                "child 1",
                "child 2",
                "boss: 1 started",
            ]
        );
        assert_eq!(child.handle().incarnation(), 2);
        assert_eq!(test.dead_letter_count(), 0);
    });
}

#[test]
fn s32_a_mailbox_takes_messages_during_a_backoff_as_its_policy_says() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut letters = test.dead_letters();
    test.run(async {
        let plan = Plan::restart_after(SECOND);
        let options = |child: steadfast_actor_core::Spawn<_, _>| {
            child.capacity(2).overflow(Overflow::DropNewest)
        };
        let (_boss, child) = family_of(&test, plan, &log, options).await;
        child.tell(Msg::Panic).await.unwrap();
        test.settle().await;
        assert_eq!(child.status(), Status::Restarting);
        for number in 1..=4 {
            child.tell(Msg::Note(number)).await.unwrap();
        }
        assert_eq!(test.dead_letter_count(), 2);
        let letter = letters.try_next().expect("a notice");
        assert_eq!((letter.reason, letter.count), (DeadReason::Overflow, 2));
        test.advance(SECOND).await;
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [1, 2]);
    });
}

#[test]
fn s34_an_ask_in_the_failing_handler_gets_restarting_and_queued_ones_are_answered() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::restart_after(SECOND), &log).await;
        let failing = child.ask(Msg::PanicOn);
        let queued = child.ask(|reply| Msg::Ask(5, reply));
        let error = failing.await.unwrap_err();
        assert!(matches!(error, AskError::Restarting), "{error:?}");
        assert!(error.into_message().is_none(), "it was consumed");
        assert_eq!(queued.await.unwrap(), 5);
        assert_eq!(test.elapsed(), SECOND, "the queued ask waited for the restart, no more");
    });
}

#[test]
fn s34_an_ask_kept_by_the_killed_incarnation_gets_restarting() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        let asked = child.ask(|reply: Reply<u32>| {
            awaiting(async move {
                let _kept = reply;
                pending::<()>().await;
            })
        });
        test.settle().await;
        child.kill();
        let error = asked.await.unwrap_err();
        assert!(matches!(error, AskError::Restarting), "{error:?}");
        assert_eq!(child.ask(|reply| Msg::Ask(1, reply)).await.unwrap(), 1);
    });
}

#[test]
fn s34_at_the_final_stop_queued_asks_get_their_message_back() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::Stop, &log).await;
        let failing = child.ask(Msg::PanicOn);
        let queued = child.ask(|reply| Msg::Ask(5, reply));
        assert!(matches!(failing.await.unwrap_err(), AskError::Stopped(None)));
        let back = queued.await.unwrap_err().into_message();
        assert!(matches!(back, Some(Msg::Ask(5, _))), "{back:?}");
        assert_eq!(test.dead_letter_count(), 0, "an ask that came back is not dead");
    });
}

#[test]
fn s35_leftovers_become_dead_letters_once() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut letters = test.dead_letters();
    test.run(async {
        let child = family(&test, Plan::Stop, &log).await;
        child.tell(Msg::Panic).await.unwrap();
        for number in 0..5 {
            child.tell(Msg::Note(number)).await.unwrap();
        }
        assert_eq!(child.stopped().await.name(), "panic");
        test.settle().await;
        assert_eq!(test.dead_letter_count(), 5);
        let letter = letters.try_next().expect("a notice");
        assert_eq!((letter.reason, letter.count), (DeadReason::Stopped, 5));
        assert!(letters.try_next().is_none());
        assert_eq!(log.count("child stopped panic"), 0, "no hook after a failure");
        assert_eq!(log.count("boss: 1 stopped panic"), 1);
    });
}

#[test]
fn s39_resume_keeps_the_state_and_skips_the_message() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::Resume, &log).await;
        child.tell(Msg::Note(1)).await.unwrap();
        let failing = child.ask(Msg::PanicOn);
        child.tell(Msg::Note(2)).await.unwrap();
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [1, 2]);
        assert!(failing.await.is_err());
        assert_eq!(child.handle().incarnation(), 1);
        child.tell(Msg::Fail).await.unwrap();
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [1, 2]);
    });
}

#[test]
fn a_preserving_restart_hands_the_state_on() {
    let (test, log) = (TestSystem::new(), Log::default());
    let plan = Plan::Restart { delay: SECOND, preserve: true, keep_children: false };
    test.run(async {
        let child = family(&test, plan, &log).await;
        child.tell(Msg::Note(1)).await.unwrap();
        child.tell(Msg::Fail).await.unwrap();
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [1]);
        assert_eq!(log.count("child started 2"), 1);
    });
}

#[test]
fn a_kill_under_a_supervisor_ends_the_incarnation_only() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::RESTART, &log).await;
        child.tell(Msg::Note(1)).await.unwrap();
        test.settle().await;
        child.kill();
        test.settle().await;
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [0_u32; 0]);
        assert_eq!(log.count("boss: 1 ended killed"), 1);
        assert_eq!(log.count("child restarting after asked to"), 0);
    });
}

#[test]
fn s40_a_restart_ends_children_timers_watches_and_pipes_of_the_old_incarnation() {
    let (test, log) = (TestSystem::new(), Log::default());
    let target = test.probe::<u8>("target");
    test.run(async {
        let child = family(&test, Plan::restart_after(SECOND), &log).await;
        let (inner, watched, time) = (log.clone(), target.actor().clone(), test.time().clone());
        let set_up = act(move |_, cx| {
            drop(cx.spawn("kid", Worker::maker("kid", &inner)).detach().unwrap());
            cx.once("old", 2 * SECOND, Msg::Note(666)).unwrap();
            cx.every("old-tick", 2 * SECOND, || Msg::Note(667)).unwrap();
            cx.watch_with(&watched, Msg::Note(668));
            let late = async move { time.sleep(2 * SECOND).await };
            assert!(cx.pipe_to_self(late, |()| Msg::Note(669)).is_ok());
        });
        child.tell(set_up).await.unwrap();
        test.settle().await;
        assert!(test.lookup_handle("/test/boss/child/kid").is_some());
        log.take();
        child.tell(Msg::Panic).await.unwrap();
        test.settle().await;
        assert!(test.lookup_handle("/test/boss/child/kid").is_none(), "stopped before the start");
        test.advance(SECOND).await;
        target.actor().stop();
        test.advance(10 * SECOND).await;
        assert_eq!(
            log.lines(),
            [
                "boss: 1 ended panic",
                "child restarting after asked to",
                "kid stopped shutdown",
                "child started 2",
                "boss: 1 started",
            ],
            "nothing of the old incarnation reaches the new one"
        );
        assert_eq!(test.task_count(), 1, "the pipe is gone; the system's own ticker is left");
    });
}

#[test]
fn s40_a_restart_that_keeps_children_keeps_the_same_actors() {
    let (test, log) = (TestSystem::new(), Log::default());
    let plan = Plan::Restart { delay: SECOND, preserve: false, keep_children: true };
    test.run(async {
        let child = family(&test, plan, &log).await;
        let inner = log.clone();
        let set_up = act(move |_, cx| {
            drop(cx.spawn("kid", Worker::maker("kid", &inner)).detach().unwrap());
        });
        child.tell(set_up).await.unwrap();
        test.settle().await;
        let kid = test.lookup_handle("/test/boss/child/kid").unwrap();
        child.tell(Msg::Panic).await.unwrap();
        test.advance(2 * SECOND).await;
        assert_eq!(test.lookup_handle("/test/boss/child/kid"), Some(kid.clone()));
        let (tell, told) = std::sync::mpsc::channel();
        let look = act(move |_, cx| drop(tell.send(cx.children())));
        child.tell(look).await.unwrap();
        test.settle().await;
        assert_eq!(
            told.try_recv().unwrap(),
            std::slice::from_ref(&kid),
            "the new incarnation has it"
        );
        kid.kill();
        test.settle().await;
        assert_eq!(log.count("child child-exited /test/boss/child/kid killed"), 1);
    });
}

#[test]
fn a_child_whose_supervisor_is_gone_ends_instead_of_waiting_for_ever() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let (boss, child) = family_of(&test, Plan::RESTART, &log, |child| child).await;
        boss.kill();
        boss.stopped().await;
        child.tell(Msg::Panic).await.unwrap();
        assert_eq!(child.stopped().await.name(), "panic");
    });
}

#[test]
fn a_stop_for_good_reaches_a_child_that_waits_for_its_restart() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::restart_after(3600 * SECOND), &log).await;
        let queued = {
            child.tell(Msg::Panic).await.unwrap();
            child.ask(|reply| Msg::Ask(1, reply))
        };
        test.settle().await;
        assert_eq!(child.status(), Status::Restarting);
        child.handle().stop_for_good();
        assert_eq!(child.stopped().await.name(), "panic");
        assert!(matches!(queued.await.unwrap_err(), AskError::Stopped(Some(_))));
        assert!(test.elapsed() < SECOND);
    });
}

/// Fails to start as often as it is told to, the first time excepted.
struct Flaky(Log);

impl Actor for Flaky {
    type Msg = Msg;
    type Error = Broken;

    async fn handle(&mut self, msg: Msg, _: &mut Cx<Self>) -> Result<Flow, Broken> {
        if let Msg::Ask(number, reply) = msg {
            reply.send(number);
            return Ok(Flow::Continue);
        }
        Err(Broken)
    }

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, Broken> {
        self.0.add(format!("attempt {}", cx.incarnation()));
        if (2..4).contains(&cx.incarnation()) { Err(Broken) } else { Ok(Started::Running) }
    }
}

#[test]
fn a_start_that_fails_again_is_the_supervisors_to_decide_and_keeps_the_mailbox() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let boss = boss(&test, Plan::restart_after(SECOND), &log).await;
        let inner = log.clone();
        let make = move || Flaky(inner.clone());
        let child = test.spawn("flaky", make).supervised_by(&boss.handle(), 7).await.unwrap();
        know(&boss, 7, &child.handle()).await;
        child.tell(Msg::Fail).await.unwrap();
        assert_eq!(child.ask(|reply| Msg::Ask(1, reply)).await.unwrap(), 1);
        assert_eq!(test.elapsed(), 3 * SECOND);
        assert_eq!(log.count("boss: 7 start-failed error"), 2);
        assert_eq!(log.count("boss: 7 ended error"), 1);
        assert_eq!(log.count("attempt 4"), 1);
    });
}

#[test]
fn a_factory_is_told_which_start_it_is() {
    struct Kinds(Log);
    impl steadfast_actor_core::Factory<Worker> for Kinds {
        async fn make(
            &mut self,
            kind: StartKind,
        ) -> Result<Worker, steadfast_actor_core::BoxError> {
            self.0.add(format!("{kind:?}"));
            Ok(Worker::new("child", &self.0))
        }
    }
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let boss = boss(&test, Plan::RESTART, &log).await;
        let factory = steadfast_actor_core::direct(Kinds(log.clone()));
        let child = test.spawn("child", factory).supervised_by(&boss.handle(), 1).await.unwrap();
        know(&boss, 1, &child.handle()).await;
        child.tell(Msg::Panic).await.unwrap();
        test.settle().await;
        assert_eq!((log.count("First"), log.count("Restart")), (1, 1));
    });
}

/// Hears of its children as a supervisor does.
struct Ear(Log);

impl Actor for Ear {
    type Msg = ();
    type Error = Infallible;

    async fn handle(&mut self, (): (), _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        Ok(Flow::Continue)
    }

    async fn signal(&mut self, signal: Signal, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        if let Signal::Child(event) = signal {
            self.0.add(match event.stage {
                ChildStage::Stopped(reason) => format!("stopped {}", reason.name()),
                _ => "step".to_owned(),
            });
        }
        Ok(Flow::Continue)
    }
}

#[test]
fn a_running_actor_can_be_adopted_and_released() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let boss = boss(&test, Plan::RESTART, &log).await;
        assert!(actor.handle().link(&boss.handle(), 3));
        know(&boss, 3, &actor.handle()).await;
        actor.tell(Msg::Panic).await.unwrap();
        actor.tell(Msg::Note(1)).await.unwrap();
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [1], "restarted by its own factory");
        assert!(actor.handle().unlink());
        actor.tell(Msg::Panic).await.unwrap();
        assert_eq!(actor.stopped().await.name(), "panic", "nobody restarts it now");
        assert!(!actor.handle().link(&boss.handle(), 3), "an actor that ended is not adopted");
        let ear_log = log.clone();
        let ear = test.spawn("ear", move || Ear(ear_log.clone())).await.unwrap();
        let kid = test.spawn("kid", Worker::maker("kid", &log)).supervised_by(&ear.handle(), 1);
        let kid = kid.await.unwrap();
        assert_eq!(&*kid.path(), "/test/ear/kid");
        kid.handle().kill_for_good();
        kid.stopped().await;
        test.settle().await;
        assert_eq!(log.count("stopped killed"), 1);
    });
}

#[test]
fn a_stop_between_two_incarnations_is_not_forgotten() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::restart_after(SECOND), &log).await;
        child.tell(Msg::Panic).await.unwrap();
        test.settle().await;
        assert_eq!(child.status(), Status::Restarting);
        child.stop();
        child.tell(Msg::Note(1)).await.unwrap();
        assert_eq!(child.stopped().await.name(), "shutdown", "as the boss decides on every stop");
        assert_eq!(test.elapsed(), SECOND);
        assert_eq!(log.count("child 1"), 0, "control goes first");
        assert_eq!(test.dead_letter_count(), 1);
    });
}

#[test]
fn a_stop_in_favor_of_the_next_incarnation_does_not_end_that() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let child = family(&test, Plan::restart_after(SECOND), &log).await;
        child.tell(Msg::Panic).await.unwrap();
        test.settle().await;
        // The supervisor has not heard yet that it has failed.
        child.handle().stop_to_restart();
        child.handle().kill();
        child.tell(Msg::Note(1)).await.unwrap();
        assert_eq!(child.ask(Msg::Seen).await.unwrap(), [1]);
        assert_eq!(child.handle().incarnation(), 2);
        child.stop();
        assert_eq!(child.stopped().await.name(), "shutdown");
    });
}
