//! The top of a system.

use steadfast_actor_core::ExitReason;
use steadfast_breaker::State;
use steadfast_supervision::{
    Backoff, Budget, ChildSpec, ChildStatus, RootRules, RootSupervisor, Supervisor,
};

use super::world::{Do, World, secs};

fn spec(world: &World, name: &str) -> ChildSpec {
    ChildSpec::new(name, world.worker(name)).backoff(Backoff::none())
}

#[test]
fn a_meltdown_at_the_root_ends_the_system_with_its_reason() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().intensity(0, secs(60)).child(spec(&world, "a"));
        let root = RootSupervisor::of(sup).start(&world.system, "root").await.unwrap();
        drop(world.system.spawn("bystander", world.worker("by")).await.unwrap());
        let a = root.supervisor().child::<Do>("a").await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        let reason = world.system.run().await;
        let ExitReason::Meltdown(failure) = &reason else { panic!("{reason:?}") };
        assert_eq!(failure.root_cause().actor(), "/test/root/a");
        assert_eq!(world.system.actor_count(), 0);
        assert_eq!(root.error_history().len(), 1);
    });
}

#[test]
fn a_killed_root_takes_its_system_along() {
    World::run(|world| async move {
        let inner = Supervisor::one_for_one().child(spec(&world, "a"));
        let sup = Supervisor::one_for_one().child(ChildSpec::supervisor("in", inner));
        let root = RootSupervisor::of(sup).start(&world.system, "root").await.unwrap();
        root.supervisor().handle().kill();
        assert!(matches!(world.system.run().await, ExitReason::Killed));
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn the_system_shuts_down_in_order_from_the_root() {
    World::run(|world| async move {
        let inner = Supervisor::one_for_one().child(spec(&world, "x")).child(spec(&world, "y"));
        let sup = Supervisor::one_for_one()
            .child(spec(&world, "a"))
            .child(ChildSpec::supervisor("in", inner));
        let root = RootSupervisor::of(sup).start(&world.system, "root").await.unwrap();
        world.log.take();
        let report = root.system_shutdown().await;
        assert_eq!(report.killed, 0);
        assert!(matches!(report.reason, ExitReason::Shutdown));
        assert_eq!(world.log.take(), ["-y shutdown", "-x shutdown", "-a shutdown"]);
    });
}

#[test]
fn an_emergency_stop_runs_no_hook_and_is_done_within_a_second() {
    World::run(|world| async move {
        let mut inner = Supervisor::one_for_one();
        for number in 0..50 {
            inner = inner.child(spec(&world, &format!("w{number}")).permanent());
        }
        let sup = Supervisor::one_for_one().child(ChildSpec::supervisor("in", inner).permanent());
        let root = RootSupervisor::of(sup).start(&world.system, "root").await.unwrap();
        let inner = root.supervisor().supervisor("in").await.unwrap();
        let stuck = inner.child::<Do>("w7").await.unwrap();
        stuck.tell(Do::Hang).await.unwrap();
        world.settle().await;
        world.log.take();
        let before = world.now();
        let report = world.wait(root.emergency_stop()).await;
        assert!(world.now() - before < secs(1));
        assert_eq!((report.killed, report.stuck), (52, 0));
        assert_eq!(world.system.actor_count(), 0);
        assert!(world.log.take().is_empty());
    });
}

#[test]
fn the_breaker_holds_restarts_of_the_whole_tree_then_tries_one_at_a_time() {
    World::run(|world| async move {
        let mut inner = Supervisor::one_for_one().budget(Budget::unlimited());
        for name in ["a", "b", "c", "d"] {
            inner = inner.child(spec(&world, name));
        }
        let sup = Supervisor::one_for_one().child(ChildSpec::supervisor("in", inner));
        let rules = RootRules::default().with_limit(2, secs(60));
        let root = RootSupervisor::of(sup).rules(rules);
        let root = root.start(&world.system, "root").await.unwrap();
        let inner = root.supervisor().supervisor("in").await.unwrap();
        let mut children = Vec::new();
        for name in ["a", "b", "c", "d"] {
            children.push(inner.child::<Do>(name).await.unwrap());
        }
        let a = &children[0];
        for _ in 0..2 {
            a.tell(Do::Panic).await.unwrap();
            world.settle().await;
        }
        assert_eq!(root.breaker_state(), State::Closed);
        for child in &children {
            child.tell(Do::Panic).await.unwrap();
        }
        world.settle().await;
        assert_eq!(root.breaker_state(), State::Open);
        assert_eq!(root.restarts_waiting(), 4);
        for name in ["a", "b", "c", "d"] {
            let status = inner.child_stats(name).await.unwrap().status;
            assert_eq!(status, ChildStatus::Restarting);
        }
        world.pass(secs(29)).await;
        assert_eq!(root.restarts_waiting(), 4);
        world.pass(secs(1)).await;
        assert_eq!((root.breaker_state(), root.restarts_waiting()), (State::HalfOpen, 3));
        world.pass(secs(5)).await;
        assert_eq!(root.restarts_waiting(), 2);
        world.pass(secs(5)).await;
        assert_eq!(root.restarts_waiting(), 1);
        world.pass(secs(5)).await;
        assert_eq!((root.breaker_state(), root.restarts_waiting()), (State::Closed, 0));
        assert_eq!(inner.stats().await.unwrap().running, 4);
        assert_eq!(root.errors_total(), 6);
    });
}

#[test]
fn a_reset_of_the_breaker_starts_what_it_held() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .budget(Budget::unlimited())
            .child(spec(&world, "a"))
            .child(spec(&world, "b"));
        let rules = RootRules::default().with_limit(2, secs(60)).with_history_max(2);
        let root = RootSupervisor::of(sup).rules(rules);
        let root = root.start(&world.system, "root").await.unwrap();
        for name in ["a", "b", "a", "b"] {
            let child = root.supervisor().child::<Do>(name).await.unwrap();
            child.tell(Do::Panic).await.unwrap();
            world.settle().await;
        }
        assert_eq!(root.restarts_waiting(), 2);
        root.reset_breaker();
        world.settle().await;
        assert_eq!((root.breaker_state(), root.restarts_waiting()), (State::Closed, 0));
        assert_eq!(root.supervisor().stats().await.unwrap().running, 2);
        assert_eq!((root.error_history().len(), root.errors_total()), (2, 4));
        root.clear_error_history();
        assert_eq!((root.error_history().len(), root.errors_total()), (0, 4));
    });
}

#[test]
fn what_waits_for_the_breaker_can_be_stopped_and_its_supervisor_killed() {
    World::run(|world| async move {
        let inner = Supervisor::one_for_one()
            .budget(Budget::unlimited())
            .child(spec(&world, "a"))
            .child(spec(&world, "b"));
        let sup = Supervisor::one_for_one()
            .budget(Budget::unlimited())
            .child(ChildSpec::supervisor("in", inner).backoff(Backoff::none()))
            .child(spec(&world, "c"));
        let rules = RootRules::default().with_limit(1, secs(60));
        let root = RootSupervisor::of(sup).rules(rules);
        let root = root.start(&world.system, "root").await.unwrap();
        let inner = root.supervisor().supervisor("in").await.unwrap();
        for name in ["a", "b", "a"] {
            inner.child::<Do>(name).await.unwrap().tell(Do::Panic).await.unwrap();
            world.settle().await;
        }
        assert_eq!(root.restarts_waiting(), 2);
        inner.terminate_child("a").await.unwrap();
        assert_eq!(root.restarts_waiting(), 1);
        inner.handle().kill();
        world.settle().await;
        assert_eq!(root.restarts_waiting(), 1);
        assert_eq!(
            root.supervisor().child_stats("in").await.unwrap().status,
            ChildStatus::Restarting
        );
        let c = root.supervisor().child::<Do>("c").await.unwrap();
        assert_eq!(c.ask(Do::Incarnation).await.unwrap(), 1);
        world.pass(secs(60)).await;
        assert_eq!(inner.stats().await.unwrap().running, 2);
        root.system_shutdown().await;
    });
}

#[test]
fn rules_of_the_root_out_of_range_are_refused() {
    World::run(|world| async move {
        let rules = RootRules::default().with_limit(0, secs(1));
        let root = RootSupervisor::of(Supervisor::one_for_one()).rules(rules);
        let error = root.start(&world.system, "root").await.unwrap_err();
        assert_eq!(error.to_string(), "the settings of the root cannot be used");
        assert_eq!(world.system.actor_count(), 0);
    });
}

/// A root whose breaker opens at the second restart, with two permanent children that wait for theirs.
async fn held(world: &World) -> RootSupervisor {
    let sup = Supervisor::one_for_one()
        .budget(Budget::unlimited())
        .child(spec(world, "a").permanent())
        .child(spec(world, "b").permanent());
    let rules = RootRules::default().with_limit(1, secs(60));
    let root = RootSupervisor::of(sup).rules(rules).start(&world.system, "root").await.unwrap();
    for name in ["a", "a", "b"] {
        let child = root.supervisor().child::<Do>(name).await.unwrap();
        child.tell(Do::Panic).await.unwrap();
        world.settle().await;
    }
    assert_eq!((root.breaker_state(), root.restarts_waiting()), (State::Open, 2));
    world.pass(secs(30)).await;
    assert_eq!((root.breaker_state(), root.restarts_waiting()), (State::HalfOpen, 1));
    root
}

#[test]
fn a_tried_child_that_ends_and_is_restarted_did_not_stay_up() {
    World::run(|world| async move {
        let root = held(&world).await;
        let a = root.supervisor().child::<Do>("a").await.unwrap();
        world.pass(secs(1)).await;
        a.tell(Do::Stop).await.unwrap();
        world.settle().await;
        assert_eq!((root.breaker_state(), root.restarts_waiting()), (State::Open, 2));
    });
}

#[test]
fn a_tried_child_that_is_taken_out_makes_room_for_the_next() {
    for release in [false, true] {
        World::run(|world| async move {
            let root = held(&world).await;
            let sup = root.supervisor();
            if release {
                sup.release("a").await.unwrap();
            } else {
                sup.terminate_child("a").await.unwrap();
            }
            world.settle().await;
            assert_eq!((root.breaker_state(), root.restarts_waiting()), (State::HalfOpen, 0));
            assert_eq!(sup.child_stats("b").await.unwrap().status, ChildStatus::Running);
        });
    }
}
