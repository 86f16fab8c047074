//! Scenarios of shutdown.

use std::convert::Infallible;

use steadfast_actor_core::{Actor, Cx, ExitReason, Flow};
use steadfast_supervision::{Backoff, ChildSpec, ChildTemplate, Supervisor};

use super::world::{Do, World, secs};

#[test]
fn scenario_23_a_stuck_child_is_killed_when_its_time_is_over() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .child(ChildSpec::new("a", world.worker("a")))
            .child(ChildSpec::new("stuck", world.worker("stuck")).shutdown(secs(1)));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let (a, stuck) =
            (sup.child::<Do>("a").await.unwrap(), sup.child::<Do>("stuck").await.unwrap());
        stuck.tell(Do::Hang).await.unwrap();
        world.settle().await;
        let before = world.now();
        assert!(matches!(world.wait(sup.shutdown()).await, ExitReason::Shutdown));
        assert_eq!(world.now() - before, secs(1));
        assert!(matches!(stuck.exit_reason(), Some(ExitReason::Killed)));
        assert!(matches!(a.exit_reason(), Some(ExitReason::Shutdown)));
    });
}

#[test]
fn scenario_23_a_stop_hook_that_hangs_is_killed_too() {
    World::run(|world| async move {
        let spec = ChildSpec::new("a", world.worker("a")).shutdown(secs(2));
        let sup = Supervisor::one_for_one().child(spec).start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::HangOnStop).await.unwrap();
        world.settle().await;
        let before = world.now();
        world.wait(sup.terminate_child("a")).await.unwrap();
        assert_eq!(world.now() - before, secs(2));
        assert!(a.exit_reason().is_some());
        sup.restart_child("a").await.unwrap();
    });
}

#[test]
fn scenario_24_a_brutal_kill_runs_no_hook() {
    World::run(|world| async move {
        let spec = ChildSpec::new("a", world.worker("a")).brutal_kill();
        let sup = Supervisor::one_for_one().child(spec).start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        sup.shutdown().await;
        assert!(matches!(a.exit_reason(), Some(ExitReason::Killed)));
        assert_eq!(world.log.take(), ["+a"]);
    });
}

#[test]
fn scenario_24_a_killed_member_of_a_group_keeps_its_mailbox() {
    World::run(|world| async move {
        let spec = |name: &str| ChildSpec::new(name, world.worker(name)).backoff(Backoff::none());
        let sup = Supervisor::all_for_one().child(spec("a")).child(spec("b").brutal_kill());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let (a, b) = (sup.child::<Do>("a").await.unwrap(), sup.child::<Do>("b").await.unwrap());
        b.suspend();
        b.tell(Do::Note(1)).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        b.resume();
        assert_eq!(b.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(world.log.take(), ["+a", "+b", "~a", "+a", "+b", "b 1"]);
    });
}

#[test]
fn scenario_25_children_that_end_by_themselves_during_the_stop_keep_their_reasons() {
    World::run(|world| async move {
        let spec = |name: &str| {
            ChildSpec::new(name, world.worker(name)).permanent().backoff(Backoff::none())
        };
        let names = ["error", "normal", "panic", "killed"];
        let mut sup = Supervisor::one_for_one();
        for name in names {
            sup = sup.child(spec(name));
        }
        let sup = sup.child(spec("last").shutdown(secs(1)));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let mut children = Vec::new();
        for name in names {
            children.push(sup.child::<Do>(name).await.unwrap());
        }
        sup.child::<Do>("last").await.unwrap().tell(Do::Hang).await.unwrap();
        world.settle().await;
        sup.handle().stop_for_good();
        world.settle().await;
        children[0].tell(Do::Fail).await.unwrap();
        children[1].tell(Do::Stop).await.unwrap();
        children[2].tell(Do::Panic).await.unwrap();
        children[3].kill();
        world.pass(secs(1)).await;
        assert!(matches!(sup.stopped().await, ExitReason::Shutdown));
        let reasons: Vec<_> = children.iter().map(|c| c.exit_reason().unwrap().name()).collect();
        assert_eq!(reasons, names);
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn scenario_27_a_child_that_cut_itself_loose_hangs_nobody() {
    World::run(|world| async move {
        let spec = ChildSpec::new("a", world.worker("a")).shutdown(secs(1));
        let sup = Supervisor::one_for_one().child(spec).start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.handle().unlink();
        world.wait(sup.terminate_child("a")).await.unwrap();
        assert!(matches!(a.exit_reason(), Some(ExitReason::Shutdown)));
        sup.restart_child("a").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.handle().unlink();
        a.tell(Do::Panic).await.unwrap();
        a.stopped().await;
        world.wait(sup.shutdown()).await;
        assert!(matches!(a.exit_reason(), Some(ExitReason::Panic(_))));
    });
}

/// Does nothing.
struct Idle;

impl Actor for Idle {
    type Msg = ();
    type Error = Infallible;

    async fn handle(&mut self, (): (), _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        Ok(Flow::Continue)
    }
}

/// Seconds per child to start and stop `count` dynamic children.
async fn start_and_stop(world: &World, count: u32) -> f64 {
    let sup = Supervisor::dynamic(ChildTemplate::new());
    let sup = sup.start(&world.system, "pool").await.unwrap();
    let clock = steadfast_base::Time::system();
    let begun = clock.now();
    for _ in 1..count {
        sup.spawn_child(|| Idle).await.unwrap();
    }
    sup.start_child(|| Idle).await.unwrap();
    assert_eq!(sup.stats().await.unwrap().running, count);
    assert_eq!(world.system.actor_count(), count as usize + 1);
    sup.shutdown().await;
    assert_eq!(world.system.actor_count(), 0);
    let took = clock.now() - begun;
    took.as_secs_f64() / f64::from(count)
}

#[test]
fn scenario_28_the_cost_of_start_and_stop_grows_linearly() {
    World::run(|world| async move {
        start_and_stop(&world, 1_000).await;
        let few = start_and_stop(&world, 1_000).await;
        let many = start_and_stop(&world, 100_000).await;
        assert!(many < few * 10.0, "{many} s for each of many, {few} s for each of few");
    });
}

#[test]
fn scenario_28_ten_thousand_listed_children_start_and_stop() {
    World::run(|world| async move {
        let mut sup = Supervisor::one_for_one();
        for number in 0..10_000 {
            sup = sup.child(ChildSpec::new(format!("c{number}"), world.worker("x")));
        }
        let sup = sup.start(&world.system, "sup").await.unwrap();
        assert_eq!(sup.stats().await.unwrap().running, 10_000);
        sup.shutdown().await;
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn all_children_are_stopped_in_reverse_and_their_specs_kept() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .child(ChildSpec::new("a", world.worker("a")))
            .child(ChildSpec::new("b", world.worker("b")).permanent());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        world.log.take();
        sup.stop_all_children().await.unwrap();
        assert_eq!(world.log.take(), ["-b shutdown", "-a shutdown"]);
        assert_eq!(sup.stats().await.unwrap().stopped, 2);
        sup.restart_child("b").await.unwrap();
        let pool = Supervisor::dynamic(ChildTemplate::new().shutdown(secs(3)));
        let pool = pool.start(&world.system, "pool").await.unwrap();
        for name in ["x", "y", "z"] {
            let child = pool.start_named(name, world.worker(name)).await.unwrap();
            child.tell(Do::Hang).await.unwrap();
        }
        let before = world.now();
        world.wait(pool.stop_all_children()).await.unwrap();
        assert_eq!(world.now() - before, secs(3));
        assert_eq!(pool.count_children().await.unwrap().specs, 0);
        pool.stop_all_children().await.unwrap();
    });
}

#[test]
fn the_death_of_the_runtime_ends_a_whole_tree() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let system = steadfast_actor_core::System::builder("test")
        .runtime(runtime.handle().clone())
        .time(steadfast_base::VirtualClock::new().time())
        .build()
        .unwrap();
    let log = super::world::Log::default();
    let made = {
        let log = log.clone();
        move || super::world::Worker::new("a", &log)
    };
    let inner = Supervisor::one_for_one().child(ChildSpec::new("a", made.clone()));
    let sup = Supervisor::one_for_one()
        .child(ChildSpec::supervisor("in", inner))
        .child(ChildSpec::new("b", made));
    let sup = runtime.block_on(sup.start(&system, "sup")).unwrap();
    drop(runtime);
    assert_eq!(system.actor_count(), 0);
    assert!(sup.handle().exit_reason().is_some());
}
