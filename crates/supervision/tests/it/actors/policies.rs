//! Scenarios of restart types.

use std::sync::Arc;

use steadfast_actor_core::ActorRef;
use steadfast_supervision::{
    Backoff, ChildError, ChildSpec, ChildStatus, ChildTemplate, RestartPolicy, Supervisor,
    SupervisorRef,
};

use super::world::{Do, Worker, World};

/// The four ends of a child, in the order of the scenarios.
const ENDS: [&str; 4] = ["normal", "shutdown", "error", "panic"];

async fn end(child: &ActorRef<Do>, how: &str) {
    match how {
        "normal" => child.tell(Do::Stop).await.unwrap(),
        "shutdown" => child.stop(),
        "error" => child.tell(Do::Fail).await.unwrap(),
        _ => child.tell(Do::Panic).await.unwrap(),
    }
}

async fn supervise(world: &World, name: &str, policy: RestartPolicy) -> SupervisorRef {
    let spec = ChildSpec::new("a", world.worker("a")).restart(policy).backoff(Backoff::none());
    Supervisor::one_for_one().child(spec).start(&world.system, name).await.unwrap()
}

async fn restarted_after(world: &World, policy: RestartPolicy) -> Vec<bool> {
    let mut restarted = Vec::new();
    for how in ENDS {
        let sup = supervise(world, &format!("{policy:?}-{how}"), policy).await;
        let child = sup.child::<Do>("a").await.unwrap();
        end(&child, how).await;
        world.settle().await;
        let again = sup.child::<Do>("a").await;
        assert!(again.is_none() || again.as_ref() == Some(&child), "the ref stays");
        restarted.push(again.is_some());
        if policy == RestartPolicy::OnFailure && again.is_none() {
            let info = sup.which_child("a").await.unwrap();
            assert_eq!(info.health.status, ChildStatus::Stopped);
            sup.restart_child("a").await.unwrap();
        }
        if policy == RestartPolicy::Never {
            assert!(matches!(sup.restart_child("a").await, Err(ChildError::NotFound)));
        }
        sup.shutdown().await;
    }
    restarted
}

#[test]
fn scenario_07_a_permanent_child_is_restarted_after_every_end() {
    World::run(|world| async move {
        assert_eq!(restarted_after(&world, RestartPolicy::Always).await, [true; 4]);
    });
}

#[test]
fn scenario_08_a_transient_child_is_restarted_after_failures_only() {
    World::run(|world| async move {
        let restarted = restarted_after(&world, RestartPolicy::OnFailure).await;
        assert_eq!(restarted, [false, false, true, true]);
    });
}

#[test]
fn scenario_08_a_child_on_stop_is_restarted_after_normal_ends_too() {
    World::run(|world| async move {
        let restarted = restarted_after(&world, RestartPolicy::OnStop).await;
        assert_eq!(restarted, [true, false, true, true]);
    });
}

#[test]
fn scenario_09_a_temporary_child_is_never_restarted() {
    World::run(|world| async move {
        assert_eq!(restarted_after(&world, RestartPolicy::Never).await, [false; 4]);
    });
}

#[test]
fn scenario_09_the_argument_of_a_dynamic_child_is_freed_with_it() {
    World::run(|world| async move {
        let log = world.log.clone();
        let template = ChildTemplate::of(move |_: Arc<Vec<u8>>| Worker::new("a", &log)).temporary();
        let sup = Supervisor::dynamic(template).start(&world.system, "sup").await.unwrap();
        for how in ENDS {
            let large = Arc::new(vec![0_u8; 1_000_000]);
            let child = sup.start_of::<Do>(Arc::clone(&large)).await.unwrap();
            assert!(Arc::strong_count(&large) > 1);
            end(&child, how).await;
            world.settle().await;
            assert_eq!(Arc::strong_count(&large), 1);
        }
        assert_eq!(sup.count_children().await.unwrap().specs, 0);
    });
}
