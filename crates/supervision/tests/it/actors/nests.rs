//! Children that their supervisor has not looked at yet.

use steadfast_actor_core::ExitReason;
use steadfast_supervision::{Backoff, ChildSpec, ChildTemplate, RestartPolicy, Supervisor};

use super::world::{Do, World};

#[test]
fn an_unseen_child_that_ends_well_leaves_nothing_behind() {
    World::run(|world| async move {
        let sup = Supervisor::dynamic(ChildTemplate::new()).start(&world.system, "sup");
        let sup = sup.await.unwrap();
        let mut children = Vec::new();
        for name in ["a", "b", "c"] {
            children.push(sup.spawn_child(world.worker(name)).await.unwrap());
        }
        world.settle().await;
        children[1].stop();
        assert!(matches!(children[1].stopped().await, ExitReason::Shutdown));
        let seen = sup.which_children().await.unwrap();
        assert_eq!(seen.len(), 2);
        // By now it knows the others, and is told of their ends.
        children[2].stop();
        world.settle().await;
        assert_eq!(sup.count_children().await.unwrap().specs, 1);
        assert_eq!(world.log.take(), ["+a", "+b", "+c", "-b shutdown", "-c shutdown"]);
    });
}

#[test]
fn an_unseen_child_follows_a_changed_template() {
    World::run(|world| async move {
        let template = ChildTemplate::new().backoff(Backoff::none());
        let sup = Supervisor::dynamic(template).start(&world.system, "sup").await.unwrap();
        let before = sup.spawn_child(world.worker("before")).await.unwrap();
        sup.change_template(|rules| rules.restart = RestartPolicy::Always).await.unwrap();
        let after = sup.spawn_child(world.worker("after")).await.unwrap();
        world.settle().await;
        for child in [before, after] {
            child.stop();
            world.settle().await;
            assert_eq!(child.ask(Do::Incarnation).await.unwrap(), 2);
        }
    });
}

#[test]
fn unseen_children_are_stopped_in_order_with_their_supervisor() {
    World::run(|world| async move {
        let sup = Supervisor::dynamic(ChildTemplate::new()).start(&world.system, "sup");
        let sup = sup.await.unwrap();
        let child = sup.spawn_child(world.worker("x")).await.unwrap();
        world.settle().await;
        sup.shutdown().await;
        assert!(matches!(child.exit_reason(), Some(ExitReason::Shutdown)));
        assert_eq!(world.log.take(), ["+x", "-x shutdown"]);
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn unseen_children_do_not_outlive_a_killed_supervisor_and_its_ref_still_spawns() {
    World::run(|world| async move {
        let inner = Supervisor::dynamic(ChildTemplate::new().backoff(Backoff::none()));
        let top = Supervisor::one_for_one()
            .child(ChildSpec::supervisor("in", inner).backoff(Backoff::none()));
        let top = top.start(&world.system, "sup").await.unwrap();
        let inner = top.supervisor("in").await.unwrap();
        let orphan = inner.spawn_child(world.worker("x")).await.unwrap();
        world.settle().await;
        inner.handle().kill();
        assert!(matches!(orphan.stopped().await, ExitReason::Killed));
        world.settle().await;
        let child = inner.spawn_child(world.worker("y")).await.unwrap();
        child.tell(Do::Panic).await.unwrap();
        assert_eq!(child.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(inner.count_children().await.unwrap().specs, 1);
    });
}
