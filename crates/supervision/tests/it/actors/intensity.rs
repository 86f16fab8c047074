//! Scenarios of the restart budget.

use steadfast_actor_core::ExitReason;
use steadfast_supervision::{Backoff, ChildSpec, ChildStatus, Supervisor};

use super::world::{Do, Start, World, secs};

fn spec(world: &World, name: &str) -> ChildSpec {
    ChildSpec::new(name, world.worker(name)).backoff(Backoff::none())
}

#[test]
fn scenario_18_the_failure_beyond_the_budget_is_a_meltdown() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .intensity(2, secs(60))
            .child(spec(&world, "a"))
            .child(spec(&world, "b"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        for incarnation in 2..=3 {
            a.tell(Do::Panic).await.unwrap();
            assert_eq!(a.ask(Do::Incarnation).await.unwrap(), incarnation);
        }
        world.log.take();
        a.tell(Do::Panic).await.unwrap();
        let reason = sup.stopped().await;
        let ExitReason::Meltdown(failure) = &reason else { panic!("{reason:?}") };
        assert_eq!(failure.actor(), "/test/sup");
        assert_eq!(failure.root_cause().actor(), "/test/sup/a");
        assert_eq!(failure.root_cause().message(), "test: told to");
        assert_eq!(world.log.take(), ["-b shutdown"]);
        assert!(matches!(a.stopped().await, ExitReason::Panic(_)));
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn scenario_19_crashes_further_apart_than_the_period_are_affordable() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().intensity(1, secs(1)).child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        for incarnation in 2..=5 {
            a.tell(Do::Panic).await.unwrap();
            world.pass(std::time::Duration::from_millis(2_100)).await;
            assert_eq!(a.ask(Do::Incarnation).await.unwrap(), incarnation);
        }
    });
}

#[test]
fn scenario_20_the_window_slides() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().intensity(2, secs(10)).child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        for wait in [0, 6, 5] {
            world.pass(secs(wait)).await;
            a.tell(Do::Panic).await.unwrap();
            world.settle().await;
        }
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 4);
        world.pass(secs(1)).await;
        a.tell(Do::Panic).await.unwrap();
        assert!(matches!(sup.stopped().await, ExitReason::Meltdown(_)));
    });
}

#[test]
fn scenario_21_failed_start_attempts_spend_the_budget() {
    World::run(|world| async move {
        world.starts("a", &[Start::Well, Start::Fail, Start::Panic, Start::Fail, Start::Fail]);
        let sup = Supervisor::one_for_one().child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        sup.child::<Do>("a").await.unwrap().tell(Do::Panic).await.unwrap();
        assert!(matches!(sup.stopped().await, ExitReason::Meltdown(_)));
        assert_eq!(world.starts.lock().unwrap()["a"], [Start::Fail]);
    });
}

#[test]
fn scenario_21_between_start_attempts_requests_are_answered_promptly() {
    World::run(|world| async move {
        world.starts("a", &[Start::Well, Start::Fail, Start::Fail, Start::Fail]);
        let slow = Backoff::constant(secs(10)).with_jitter(0.0);
        let sup = Supervisor::one_for_one()
            .child(spec(&world, "a").backoff(slow))
            .child(spec(&world, "b").backoff(slow));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.pass(secs(11)).await;
        assert_eq!(sup.child_stats("a").await.unwrap().status, ChildStatus::Restarting);
        assert_eq!(a.status(), steadfast_actor_core::Status::Restarting);
        let before = world.now();
        sup.terminate_child("a").await.unwrap();
        assert!(matches!(a.stopped().await, ExitReason::Error(_)));
        assert_eq!(sup.child_stats("a").await.unwrap().status, ChildStatus::Stopped);
        sup.child::<Do>("b").await.unwrap().tell(Do::Panic).await.unwrap();
        world.settle().await;
        assert!(matches!(sup.shutdown().await, ExitReason::Shutdown));
        assert_eq!(world.now(), before);
    });
}

#[test]
fn scenario_21_a_restart_that_hangs_blocks_nobody() {
    World::run(|world| async move {
        world.starts("a", &[Start::Well, Start::Hang]);
        let sup = Supervisor::one_for_one().child(spec(&world, "a")).child(spec(&world, "b"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        sup.child::<Do>("a").await.unwrap().tell(Do::Panic).await.unwrap();
        world.settle().await;
        let b = sup.child::<Do>("b").await.unwrap();
        b.tell(Do::Panic).await.unwrap();
        assert_eq!(b.ask(Do::Incarnation).await.unwrap(), 2);
        let before = world.now();
        assert!(matches!(world.wait(sup.shutdown()).await, ExitReason::Shutdown));
        assert_eq!(world.now() - before, secs(5));
    });
}
