//! Scenarios of significant children.

use steadfast_actor_core::ExitReason;
use steadfast_supervision::{AutoShutdown, Backoff, ChildSpec, ChildStatus, Supervisor};

use super::world::{Do, World};

fn spec(world: &World, name: &str) -> ChildSpec {
    ChildSpec::new(name, world.worker(name)).backoff(Backoff::none())
}

#[test]
fn scenario_29_the_normal_end_of_any_significant_child_shuts_down() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(spec(&world, "a"))
            .child(spec(&world, "s").significant());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let s = sup.child::<Do>("s").await.unwrap();
        s.tell(Do::Panic).await.unwrap();
        assert_eq!(s.ask(Do::Incarnation).await.unwrap(), 2);
        s.tell(Do::Stop).await.unwrap();
        assert!(matches!(sup.stopped().await, ExitReason::Shutdown));
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn scenario_30_all_significant_children_have_to_end() {
    World::run(|world| async move {
        let sup = Supervisor::all_for_one()
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(spec(&world, "a"))
            .child(spec(&world, "s").significant())
            .child(spec(&world, "t").significant());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let child = async |name: &str| sup.child::<Do>(name).await.unwrap();
        sup.terminate_child("s").await.unwrap();
        sup.terminate_child("t").await.unwrap();
        assert_eq!(sup.child_stats("a").await.unwrap().status, ChildStatus::Running);
        sup.restart_child("s").await.unwrap();
        sup.restart_child("t").await.unwrap();
        child("a").await.tell(Do::Panic).await.unwrap();
        world.settle().await;
        assert_eq!(sup.stats().await.unwrap().running, 3);
        child("s").await.tell(Do::Stop).await.unwrap();
        world.settle().await;
        assert_eq!(sup.stats().await.unwrap().running, 2);
        child("t").await.tell(Do::Stop).await.unwrap();
        assert!(matches!(sup.stopped().await, ExitReason::Shutdown));
    });
}

#[test]
fn scenario_30_a_shutdown_goes_on_only_through_significant_supervisors() {
    for significant in [false, true] {
        World::run(|world| async move {
            let inner = Supervisor::one_for_one()
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(spec(&world, "s").significant());
            let mut nested = ChildSpec::supervisor("in", inner);
            if significant {
                nested = nested.significant();
            }
            let sup = Supervisor::one_for_one()
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(spec(&world, "a"))
                .child(nested);
            let sup = sup.start(&world.system, "sup").await.unwrap();
            let inner = sup.supervisor("in").await.unwrap();
            inner.child::<Do>("s").await.unwrap().tell(Do::Stop).await.unwrap();
            assert!(matches!(inner.stopped().await, ExitReason::Shutdown));
            world.settle().await;
            assert_eq!(sup.handle().exit_reason().is_some(), significant);
        });
    }
}
