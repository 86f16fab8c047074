//! Starting, stopping, restarting: one child at a time.

use steadfast_actor_core::ExitReason;
use steadfast_supervision::{Backoff, ChildError, ChildSpec, ChildTemplate, Supervisor};

use super::world::{Do, Start, Worker, World, secs};

#[test]
fn a_child_that_panics_is_restarted_with_its_ref_and_a_fresh_state() {
    World::run(|world| async move {
        let spec = ChildSpec::new("a", world.worker("a")).backoff(Backoff::none());
        let sup = Supervisor::one_for_one().child(spec).start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        assert_eq!(&*a.path(), "/test/sup/a");
        a.tell(Do::Add).await.unwrap();
        assert_eq!(a.ask(Do::Count).await.unwrap(), 1);
        a.tell(Do::Panic).await.unwrap();
        assert_eq!(a.ask(Do::Count).await.unwrap(), 0);
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(world.log.take(), ["+a", "~a", "+a"]);
        assert!(matches!(sup.shutdown().await, ExitReason::Shutdown));
        assert_eq!(world.log.take(), ["-a shutdown"]);
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn a_restart_waits_for_its_backoff() {
    World::run(|world| async move {
        let spec = ChildSpec::new("a", world.worker("a"))
            .backoff(Backoff::constant(secs(2)).with_jitter(0.0));
        let sup = Supervisor::one_for_one().child(spec).start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.pass(secs(1)).await;
        assert_eq!(sup.which_child("a").await.unwrap().health.status.as_str(), "restarting");
        world.pass(secs(1)).await;
        assert_eq!(sup.which_child("a").await.unwrap().health.status.as_str(), "running");
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
    });
}

#[test]
fn a_dynamic_child_is_started_stopped_and_forgotten() {
    World::run(|world| async move {
        let template = ChildTemplate::new().backoff(Backoff::none());
        let sup = Supervisor::dynamic(template).start(&world.system, "sup").await.unwrap();
        let child = sup.start_child(world.worker("x")).await.unwrap();
        child.tell(Do::Panic).await.unwrap();
        assert_eq!(child.ask(Do::Incarnation).await.unwrap(), 2);
        sup.terminate_child(&child).await.unwrap();
        assert!(child.exit_reason().is_some());
        assert_eq!(sup.count_children().await.unwrap().specs, 0);
    });
}

#[test]
fn a_template_with_a_factory_makes_children_of_arguments() {
    World::run(|world| async move {
        let log = world.log.clone();
        let template = ChildTemplate::of(move |name: String| Worker::new(&name, &log));
        let sup = Supervisor::dynamic(template).start(&world.system, "sup").await.unwrap();
        let x = sup.start_of::<Do>("x".to_owned()).await.unwrap();
        x.tell(Do::Note(1)).await.unwrap();
        world.settle().await;
        assert_eq!(world.log.take(), ["+x", "x 1"]);
        let wrong = sup.start_of::<Do>(7_u8).await;
        assert!(matches!(wrong, Err(ChildError::WrongType)));
    });
}

#[test]
fn a_supervisor_that_is_killed_leaves_no_orphans_and_names_are_free() {
    World::run(|world| async move {
        let inner = Supervisor::one_for_one()
            .child(ChildSpec::new("a", world.worker("a")))
            .child(ChildSpec::new("b", world.worker("b")));
        let top = Supervisor::one_for_one()
            .child(ChildSpec::supervisor("in", inner).backoff(Backoff::none()));
        let sup = top.start(&world.system, "sup").await.unwrap();
        let inner = sup.supervisor("in").await.unwrap();
        let a = inner.child::<Do>("a").await.unwrap();
        inner.handle().kill();
        assert!(matches!(a.stopped().await, ExitReason::Killed));
        world.settle().await;
        let again = inner.child::<Do>("a").await.unwrap();
        assert_ne!(a, again);
        assert_eq!(a.path(), again.path());
        assert_eq!(world.system.actor_count(), 4);
        assert_eq!(world.log.take(), ["+a", "+b", "+a", "+b"]);
        sup.handle().kill();
        world.settle().await;
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn a_child_that_hangs_in_its_start_can_be_stopped() {
    World::run(|world| async move {
        world.starts("a", &[Start::Well, Start::Hang]);
        let spec =
            ChildSpec::new("a", world.worker("a")).backoff(Backoff::none()).shutdown(secs(1));
        let sup = Supervisor::one_for_one().child(spec).start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        world.wait(sup.terminate_child("a")).await.unwrap();
        assert!(matches!(a.stopped().await, ExitReason::Killed));
        sup.shutdown().await;
    });
}

#[test]
fn a_spawned_child_is_supervised_like_any_other() {
    World::run(|world| async move {
        let template = ChildTemplate::new().backoff(Backoff::none()).capacity(3);
        let sup = Supervisor::dynamic(template).children_max(3);
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let (x, y) = (
            sup.spawn_child(world.worker("x")).await.unwrap(),
            sup.spawn_child(world.worker("y")).await.unwrap(),
        );
        assert_eq!(x.capacity(), 3);
        x.tell(Do::Panic).await.unwrap();
        assert_eq!(x.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(sup.stats().await.unwrap().restarts_total, 1);
        sup.terminate_child(&x).await.unwrap();
        assert!(matches!(x.exit_reason(), Some(ExitReason::Shutdown)));
        assert!(matches!(sup.terminate_child(&x).await, Err(ChildError::NotFound)));
        y.stop();
        world.settle().await;
        assert_eq!(sup.count_children().await.unwrap().specs, 0);
        world.starts("f", &[Start::Fail, Start::Ignore, Start::Panic]);
        for expected in ["error", "normal", "panic"] {
            let child = sup.spawn_child(world.worker("f")).await.unwrap();
            assert_eq!(child.stopped().await.name(), expected);
        }
        world.settle().await;
        assert_eq!(sup.count_children().await.unwrap().specs, 0);
        let mut children = Vec::new();
        for _ in 0..4 {
            children.push(sup.spawn_child(world.worker("z")).await.unwrap());
        }
        assert!(matches!(children[3].stopped().await, ExitReason::Killed));
        let info = sup.which_children().await.unwrap();
        assert_eq!(info.len(), 3);
        sup.release(&children[0]).await.unwrap();
        sup.shutdown().await;
        assert_eq!(world.system.actor_count(), 1);
        let late = sup.spawn_child(world.worker("late")).await;
        assert!(matches!(late, Err(ChildError::Stopped)));
        world.settle().await;
        assert_eq!(world.system.actor_count(), 1);
    });
}

#[test]
fn a_spawned_child_of_a_static_supervisor_is_refused() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().start(&world.system, "sup").await.unwrap();
        let refused = sup.spawn_child(world.worker("x")).await;
        assert!(matches!(refused, Err(ChildError::WrongKind)));
    });
}

#[test]
fn a_permanent_spawned_child_is_restarted_after_a_stop() {
    World::run(|world| async move {
        let template = ChildTemplate::new().permanent().backoff(Backoff::none());
        let sup = Supervisor::dynamic(template).start(&world.system, "sup").await.unwrap();
        let x = sup.spawn_child(world.worker("x")).await.unwrap();
        assert_eq!(x.ask(Do::Incarnation).await.unwrap(), 1);
        x.stop();
        world.settle().await;
        assert_eq!(x.ask(Do::Incarnation).await.unwrap(), 2);
        sup.recycle_child(&x).await.unwrap();
        assert_eq!(x.ask(Do::Incarnation).await.unwrap(), 3);
    });
}
