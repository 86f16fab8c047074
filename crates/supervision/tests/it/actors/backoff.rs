//! Scenarios of backoff, resume and the life of an incarnation.

use std::time::Duration;

use steadfast_actor_core::ExitReason;
use steadfast_supervision::{
    Backoff, Budget, ChildError, ChildSpec, ChildStatus, Directive, FailureStage, RestartState,
    Supervisor,
};

use super::world::{Do, Start, Trouble, World, secs};

fn spec(world: &World, name: &str) -> ChildSpec {
    ChildSpec::new(name, world.worker(name)).backoff(Backoff::none())
}

#[test]
fn scenario_37_delays_double_up_to_the_cap_and_reset_after_a_healthy_time() {
    World::run(|world| async move {
        let backoff =
            Backoff::exponential(secs(1)).with_cap(secs(10)).with_jitter(0.0).with_reset(secs(60));
        let sup = Supervisor::one_for_one()
            .budget(Budget::unlimited())
            .child(spec(&world, "a").backoff(backoff));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        let delay = async || {
            a.tell(Do::Panic).await.unwrap();
            let before = world.now();
            world.wait(a.ask(Do::Incarnation).within(secs(100))).await.unwrap();
            (world.now() - before).as_secs()
        };
        for expected in [1, 2, 4, 8, 10, 10] {
            assert_eq!(delay().await, expected);
        }
        world.pass(secs(59)).await;
        assert_eq!(delay().await, 10);
        world.pass(secs(60)).await;
        assert_eq!(delay().await, 1);
        assert_eq!(delay().await, 2);
    });
}

#[test]
fn scenario_38_a_child_whose_own_budget_is_spent_ends_with_meltdown_and_watchers_hear_once() {
    World::run(|world| async move {
        world.starts("a", &[Start::Well, Start::Fail, Start::Fail, Start::Fail]);
        let backoff = Backoff::constant(secs(1)).with_jitter(0.0);
        let sup = Supervisor::one_for_one()
            .child(spec(&world, "a").backoff(backoff).budget(2, secs(60)))
            .child(spec(&world, "w"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        sup.child::<Do>("w").await.unwrap().tell(Do::Watch(a.clone())).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.pass(secs(10)).await;
        let reason = a.exit_reason().unwrap();
        let ExitReason::Meltdown(failure) = &reason else { panic!("{reason:?}") };
        assert_eq!(failure.root_cause().message(), "no start");
        assert_eq!(world.starts.lock().unwrap()["a"], [Start::Fail]);
        assert_eq!(world.log.take(), ["+a", "+w", "~a", "w 77"]);
        assert_eq!(sup.stats().await.unwrap().budget_left, 3);
        assert_eq!(sup.child_stats("a").await.unwrap().status, ChildStatus::Stopped);
    });
}

#[test]
fn scenario_39_resume_keeps_the_state_and_skips_the_message() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .intensity(0, secs(60))
            .decider(|failure| match failure.downcast_ref::<Trouble>() {
                Some(Trouble("told to")) => Directive::Resume,
                _ if failure.panic_text() == Some("test: told to") => Directive::Resume,
                _ => Directive::Restart,
            })
            .child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        for message in [Do::Add, Do::Panic, Do::Add, Do::Fail, Do::Add] {
            a.tell(message).await.unwrap();
        }
        assert_eq!(a.ask(Do::Count).await.unwrap(), 3);
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 1);
        assert_eq!(world.log.take(), ["+a"]);
        assert_eq!(sup.child_stats("a").await.unwrap().errors, 2);
    });
}

#[test]
fn scenario_39_a_failed_start_cannot_be_resumed() {
    World::run(|world| async move {
        world.starts("a", &[Start::Well, Start::Panic]);
        let sup = Supervisor::one_for_one()
            .decider(|failure| match failure.stage() {
                FailureStage::Starting => Directive::Resume,
                _ => Directive::Restart,
            })
            .child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        assert!(a.exit_reason().is_some());
        assert_eq!(sup.child_stats("a").await.unwrap().status, ChildStatus::Stopped);
    });
}

#[test]
fn scenario_40_a_restart_stops_the_children_clears_watches_and_timers() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().child(spec(&world, "a")).child(spec(&world, "b"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let (a, b) = (sup.child::<Do>("a").await.unwrap(), sup.child::<Do>("b").await.unwrap());
        a.tell(Do::Spawn("kid")).await.unwrap();
        a.tell(Do::Watch(b.clone())).await.unwrap();
        a.tell(Do::Timer(secs(1))).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        assert_eq!(world.log.take(), ["+a", "+b", "+kid", "~a", "-kid shutdown", "+a"]);
        sup.terminate_child("b").await.unwrap();
        world.pass(secs(2)).await;
        assert_eq!(world.log.take(), ["-b shutdown"]);
        assert_eq!(a.ask(Do::Children).await.unwrap(), 0);
    });
}

#[test]
fn scenario_40_what_a_failed_incarnation_had_ends_before_the_delay_of_its_restart() {
    World::run(|world| async move {
        let slow = Backoff::constant(secs(10)).with_jitter(0.0);
        let spec = spec(&world, "a").backoff(slow).preserve_state();
        let sup = Supervisor::one_for_one().child(spec).start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        for message in [Do::Add, Do::Spawn("kid"), Do::Timer(secs(1)), Do::Panic] {
            a.tell(message).await.unwrap();
        }
        world.settle().await;
        assert_eq!(world.log.take(), ["+a", "+kid", "~a", "-kid shutdown"]);
        world.pass(secs(9)).await;
        assert_eq!(world.log.take(), Vec::<String>::new());
        sup.change_spec("a", |rules| rules.state = RestartState::Fresh).await.unwrap();
        world.pass(secs(1)).await;
        assert_eq!(world.log.take(), ["+a"], "the hook has run, once");
        assert_eq!(a.ask(Do::Count).await.unwrap(), 0, "the rules at the start of it count");
    });
}

#[test]
fn scenario_40_children_can_be_kept_over_a_restart() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().child(spec(&world, "a").keep_children());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Spawn("kid")).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        assert_eq!(a.ask(Do::Children).await.unwrap(), 1);
        assert_eq!(world.log.take(), ["+a", "+kid", "~a", "+a"]);
    });
}

#[test]
fn a_preserved_state_moves_into_the_next_incarnation() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().child(spec(&world, "a").preserve_state());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        for message in [Do::Add, Do::Add, Do::Panic] {
            a.tell(message).await.unwrap();
        }
        assert_eq!(a.ask(Do::Count).await.unwrap(), 2);
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
        a.kill();
        world.settle().await;
        assert_eq!(a.ask(Do::Count).await.unwrap(), 0);
        assert_eq!(world.log.take(), ["+a", "~a", "+a", "+a"]);
    });
}

#[test]
fn a_restart_takes_its_state_from_the_source_until_the_rules_change() {
    World::run(|world| async move {
        let (log, time) = (world.log.clone(), world.system.time().clone());
        let source = move || {
            let (log, time) = (log.clone(), time.clone());
            async move {
                time.sleep(Duration::from_millis(10)).await;
                Ok::<_, Trouble>(super::world::Worker::new("snapshot", &log))
            }
        };
        let sup = Supervisor::one_for_one().child(spec(&world, "a").restart_from(source));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.pass(secs(1)).await;
        assert_eq!(world.log.take(), ["+a", "~a", "+snapshot"]);
        sup.change_spec("a", |rules| rules.state = steadfast_supervision::RestartState::Fresh)
            .await
            .unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.pass(secs(1)).await;
        assert_eq!(world.log.take(), ["~snapshot", "+a"]);
    });
}

#[test]
fn a_reported_error_is_decided_on_without_a_crash() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .decider(|failure| match failure.stage() {
                FailureStage::Reported if failure.errors() == 0 => Directive::Resume,
                _ => Directive::Restart,
            })
            .child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Report).await.unwrap();
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 1);
        world.settle().await;
        let health = sup.child_stats("a").await.unwrap();
        assert_eq!((health.errors, health.last_error.as_deref()), (1, Some("error: seen")));
        sup.report_error("a", Trouble("noticed")).await.unwrap();
        world.settle().await;
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(world.log.take(), ["+a", "-a shutdown", "+a"]);
    });
}

#[test]
fn an_error_of_a_child_without_an_incarnation_is_refused_before_anybody_is_asked() {
    World::run(|world| async move {
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let count = std::sync::Arc::clone(&asked);
        let sup = Supervisor::one_for_one()
            .decider(move |_| {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Directive::Restart
            })
            .child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let unknown = sup.report_error("b", Trouble("noticed")).await;
        assert!(matches!(unknown, Err(ChildError::NotFound)), "{unknown:?}");
        sup.terminate_child("a").await.unwrap();
        let stopped = sup.report_error("a", Trouble("noticed")).await;
        assert!(matches!(stopped, Err(ChildError::NotRunning)), "{stopped:?}");
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 0);
        assert_eq!(sup.child_stats("a").await.unwrap().errors, 0);
    });
}

#[test]
fn an_error_reported_while_a_child_starts_is_counted_and_decides_nothing() {
    World::run(|world| async move {
        world.starts("a", &[Start::Hang]);
        let sup = Supervisor::one_for_one().start(&world.system, "sup").await.unwrap();
        let mut start = std::pin::pin!(sup.start_spec(spec(&world, "a")));
        let begun = std::future::poll_fn(|task| std::task::Poll::Ready(start.as_mut().poll(task)));
        assert!(begun.await.is_pending());
        world.settle().await;
        sup.report_error("a", Trouble("early")).await.unwrap();
        let health = sup.child_stats("a").await.unwrap();
        assert_eq!((health.errors, health.status), (1, ChildStatus::Starting));
        assert_eq!(health.last_error.as_deref(), Some("error: early"));
        assert_eq!(sup.stats().await.unwrap().budget_left, 3);
    });
}
