//! Scenarios of strategies and nesting.

use steadfast_actor_core::{ActorRef, ExitReason};
use steadfast_supervision::{
    Backoff, ChildSpec, ChildTemplate, Strategy, Supervisor, SupervisorRef,
};

use super::world::{Do, World, secs};

fn spec(world: &World, name: &str) -> ChildSpec {
    ChildSpec::new(name, world.worker(name)).backoff(Backoff::none())
}

async fn start(world: &World, strategy: Strategy, names: &[&str]) -> SupervisorRef {
    let mut sup = Supervisor::new(strategy);
    for name in names {
        sup = sup.child(spec(world, name));
    }
    let sup = sup.start(&world.system, "sup").await.unwrap();
    world.log.take();
    sup
}

async fn child(sup: &SupervisorRef, name: &str) -> ActorRef<Do> {
    sup.child::<Do>(name).await.unwrap()
}

#[test]
fn scenario_10_one_for_one_leaves_the_siblings_alone() {
    World::run(|world| async move {
        let sup = start(&world, Strategy::OneForOne, &["a", "b"]).await;
        let (a, b) = (child(&sup, "a").await, child(&sup, "b").await);
        b.tell(Do::Add).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(b.ask(Do::Incarnation).await.unwrap(), 1);
        assert_eq!(b.ask(Do::Count).await.unwrap(), 1);
        assert_eq!(world.log.take(), ["~a", "+a"]);
    });
}

#[test]
fn scenario_11_all_for_one_restarts_all_for_one_unit_of_budget() {
    World::run(|world| async move {
        let sup = start(&world, Strategy::AllForOne, &["a", "b"]).await;
        let (a, b) = (child(&sup, "a").await, child(&sup, "b").await);
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        assert_eq!(b.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(world.log.take(), ["-b shutdown", "~a", "+a", "+b"]);
        let stats = sup.stats().await.unwrap();
        assert_eq!((stats.budget_left, stats.restarts_total, stats.errors_total), (2, 2, 1));
    });
}

#[test]
fn scenario_12_rest_for_one_restarts_those_after_the_failed_one() {
    World::run(|world| async move {
        let sup = start(&world, Strategy::RestForOne, &["a", "b", "c", "d", "e"]).await;
        let c = child(&sup, "c").await;
        c.tell(Do::Panic).await.unwrap();
        world.settle().await;
        assert_eq!(world.log.take(), ["-e shutdown", "~c", "-d shutdown", "+c", "+d", "+e"]);
        let mut incarnations = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            incarnations.push(child(&sup, name).await.ask(Do::Incarnation).await.unwrap());
        }
        assert_eq!(incarnations, [1, 1, 2, 2, 2]);
    });
}

#[test]
fn scenario_13_a_temporary_bystander_is_stopped_and_not_brought_back() {
    for strategy in [Strategy::AllForOne, Strategy::RestForOne] {
        World::run(|world| async move {
            let sup = Supervisor::new(strategy)
                .child(spec(&world, "a"))
                .child(spec(&world, "t").temporary())
                .child(spec(&world, "z"));
            let sup = sup.start(&world.system, "sup").await.unwrap();
            world.log.take();
            child(&sup, "a").await.tell(Do::Panic).await.unwrap();
            world.settle().await;
            assert_eq!(world.log.take(), ["-z shutdown", "~a", "-t shutdown", "+a", "+z"]);
            assert_eq!(sup.count_children().await.unwrap().specs, 2);
        });
    }
}

#[test]
fn scenario_13_queued_messages_survive_the_restart_of_the_group() {
    World::run(|world| async move {
        let sup = start(&world, Strategy::AllForOne, &["a", "b"]).await;
        let (a, b) = (child(&sup, "a").await, child(&sup, "b").await);
        b.suspend();
        b.tell(Do::Note(1)).await.unwrap();
        b.tell(Do::Note(2)).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        b.resume();
        world.settle().await;
        assert_eq!(b.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(world.log.take(), ["-b shutdown", "~a", "+a", "+b", "b 1", "b 2"]);
    });
}

#[test]
fn scenario_17_a_melted_supervisor_is_restarted_with_its_static_children_only() {
    World::run(|world| async move {
        let pool = Supervisor::dynamic(ChildTemplate::new().backoff(Backoff::none()))
            .intensity(0, secs(60));
        let inner = Supervisor::one_for_one()
            .intensity(0, secs(60))
            .child(spec(&world, "a"))
            .child(spec(&world, "b"))
            .child(ChildSpec::supervisor("pool", pool).backoff(Backoff::none()));
        let top = Supervisor::one_for_one()
            .child(ChildSpec::supervisor("in", inner).backoff(Backoff::none()));
        let sup = top.start(&world.system, "sup").await.unwrap();
        let inner = sup.supervisor("in").await.unwrap();
        let pool = inner.supervisor("pool").await.unwrap();
        let member = pool.start_child(world.worker("m")).await.unwrap();
        let (a, b) = (child(&inner, "a").await, child(&inner, "b").await);
        world.log.take();
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        assert!(matches!(b.stopped().await, ExitReason::Shutdown));
        assert!(matches!(a.stopped().await, ExitReason::Panic(_)));
        assert!(matches!(member.stopped().await, ExitReason::Shutdown));
        assert_eq!(world.log.take(), ["-m shutdown", "-b shutdown", "+a", "+b"]);
        assert_eq!(&*child(&inner, "b").await.path(), "/test/sup/in/b");
        let pool = inner.supervisor("pool").await.unwrap();
        assert_eq!(pool.count_children().await.unwrap().specs, 0);
        let health = sup.child_stats("in").await.unwrap();
        assert_eq!((health.errors, health.restarts), (1, 1));
        assert!(health.last_error.unwrap().starts_with("meltdown: "));
    });
}
