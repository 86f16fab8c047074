//! Adopting, releasing, looking, and changing while it runs.

use std::sync::{Arc, Mutex};

use steadfast_actor_core::{Actor, ActorHandle, Cx, ExitReason, Flow};
use steadfast_base::MemorySink;
use steadfast_supervision::{
    Backoff, Budget, ChildError, ChildKind, ChildRules, ChildSpec, ChildStatus, ChildTemplate,
    Directive, RestartPolicy, Shutdown, Strategy, Supervisor, SupervisorRef, TreeNode, names,
};

use super::world::{Do, World, secs};

fn spec(world: &World, name: &str) -> ChildSpec {
    ChildSpec::new(name, world.worker(name)).backoff(Backoff::none())
}

fn rules() -> ChildRules {
    ChildRules::worker().with_backoff(Backoff::none())
}

async fn start(world: &World, names: &[&str]) -> SupervisorRef {
    let mut sup = Supervisor::one_for_one();
    for name in names {
        sup = sup.child(spec(world, name));
    }
    let sup = sup.start(&world.system, "sup").await.unwrap();
    world.log.take();
    sup
}

#[test]
fn an_adopted_actor_takes_the_last_place_and_keeps_ref_mailbox_and_factory() {
    World::run(|world| async move {
        let sup = start(&world, &["a", "b"]).await;
        let free = world.system.spawn("free", world.worker("free")).await.unwrap();
        sup.supervise("late", &free.handle(), rules()).await.unwrap();
        let children = sup.which_children().await.unwrap();
        let names: Vec<_> = children.iter().map(|c| c.health.name.clone().unwrap()).collect();
        assert_eq!(names, ["a", "b", "late"]);
        free.tell(Do::Panic).await.unwrap();
        free.tell(Do::Note(1)).await.unwrap();
        assert_eq!(free.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(&*free.path(), "/test/free");
        assert_eq!(world.log.take(), ["+free", "~free", "+free", "free 1"]);
        let again = sup.supervise("twice", &free.handle(), rules()).await;
        assert!(matches!(again, Err(ChildError::Supervised)));
        sup.shutdown().await;
        assert_eq!(world.log.take(), ["-free shutdown", "-b shutdown", "-a shutdown"]);
    });
}

#[test]
fn an_adopted_actor_that_has_ended_for_good_has_no_factory_any_more() {
    World::run(|world| async move {
        let sup = start(&world, &["a"]).await;
        let free = world.system.spawn_anonymous(world.worker("free")).await.unwrap();
        sup.supervise("late", &free.handle(), rules()).await.unwrap();
        sup.terminate_child("late").await.unwrap();
        assert!(matches!(sup.restart_child("late").await, Err(ChildError::StartFailed(_))));
        assert_eq!(sup.child_stats("late").await.unwrap().status, ChildStatus::Stopped);
        sup.delete_child("late").await.unwrap();
        let ended = sup.supervise("late", &free.handle(), rules()).await;
        assert!(matches!(ended, Err(ChildError::NotRunning)));
    });
}

#[test]
fn a_released_child_lives_on_without_restarts() {
    World::run(|world| async move {
        let sup = start(&world, &["a", "b"]).await;
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Add).await.unwrap();
        sup.release("a").await.unwrap();
        assert!(matches!(sup.which_child("a").await, Err(ChildError::NotFound)));
        assert_eq!(a.ask(Do::Count).await.unwrap(), 1);
        sup.shutdown().await;
        assert!(a.exit_reason().is_none());
        let other = Supervisor::dynamic(ChildTemplate::new().backoff(Backoff::none()));
        let other = other.start(&world.system, "other").await.unwrap();
        other.supervise("a", &a.handle(), rules()).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
        other.release(&a).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        assert!(matches!(a.stopped().await, ExitReason::Panic(_)));
    });
}

#[test]
fn strategy_budget_and_specs_change_while_running() {
    World::run(|world| async move {
        let sup = start(&world, &["a", "b"]).await;
        let (a, b) = (sup.child::<Do>("a").await.unwrap(), sup.child::<Do>("b").await.unwrap());
        sup.change_strategy(Strategy::AllForOne).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        assert_eq!(b.ask(Do::Incarnation).await.unwrap(), 2);
        assert!(matches!(
            sup.change_strategy(Strategy::Dynamic).await,
            Err(ChildError::Invalid(_))
        ));
        assert!(matches!(sup.change_intensity(1, secs(0)).await, Err(ChildError::Invalid(_))));
        sup.change_spec("b", |rules| {
            rules.restart = RestartPolicy::Never;
            rules.shutdown = Shutdown::BrutalKill;
        })
        .await
        .unwrap();
        b.tell(Do::Stop).await.unwrap();
        world.settle().await;
        assert!(matches!(sup.which_child("b").await, Err(ChildError::NotFound)));
        sup.change_intensity(0, secs(60)).await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        assert!(matches!(sup.stopped().await, ExitReason::Meltdown(_)));
    });
}

#[test]
fn the_template_changes_for_children_that_run() {
    World::run(|world| async move {
        let sup = Supervisor::dynamic(ChildTemplate::new().temporary());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let x = sup.start_child(world.worker("x")).await.unwrap();
        sup.change_template(|rules| {
            rules.restart = RestartPolicy::Always;
            rules.backoff = Backoff::none();
        })
        .await
        .unwrap();
        x.tell(Do::Stop).await.unwrap();
        assert_eq!(x.ask(Do::Incarnation).await.unwrap(), 2);
    });
}

#[test]
fn a_dry_run_names_those_that_a_failure_would_touch() {
    World::run(|world| async move {
        let sup = start(&world, &["a", "b", "c"]).await;
        assert_eq!(sup.affected_by("b").await.unwrap().children.len(), 1);
        sup.change_strategy(Strategy::RestForOne).await.unwrap();
        assert_eq!(sup.affected_by("b").await.unwrap().children.len(), 2);
        sup.change_intensity(0, secs(1)).await.unwrap();
        let impact = sup.affected_by("b").await.unwrap();
        assert!(impact.exceeds_budget);
        assert_eq!(impact.children.len(), 3);
        assert_eq!(sup.stats().await.unwrap().running, 3);
    });
}

#[test]
fn a_child_can_be_restarted_by_hand_without_spending_budget() {
    World::run(|world| async move {
        let sup = start(&world, &["a"]).await;
        let a = sup.child::<Do>("a").await.unwrap();
        let handle: ActorHandle = sup.recycle_child("a").await.unwrap();
        assert_eq!(handle, a.handle());
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
        assert_eq!(sup.stats().await.unwrap().budget_left, 3);
        assert_eq!(world.log.take(), ["-a shutdown", "+a"]);
    });
}

#[test]
fn a_name_is_free_for_the_next_child_even_while_its_actor_still_ends() {
    World::run(|world| async move {
        let sup = Supervisor::dynamic(ChildTemplate::new());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        for _ in 0..3 {
            let child = sup.start_named("conn", world.worker("conn")).await.unwrap();
            child.tell(Do::Spawn("kid")).await.unwrap();
            child.tell(Do::Stop).await.unwrap();
            world.settle().await;
            assert_eq!(sup.count_children().await.unwrap().specs, 0);
        }
    });
}

#[test]
fn a_tree_is_shown_with_nested_supervisors() {
    World::run(|world| async move {
        let inner = Supervisor::rest_for_one().child(spec(&world, "x")).child(spec(&world, "y"));
        let sup = Supervisor::one_for_one()
            .child(spec(&world, "a"))
            .child(ChildSpec::supervisor("in", inner));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        sup.child::<Do>("a").await.unwrap().tell(Do::Panic).await.unwrap();
        world.settle().await;
        let tree: TreeNode = sup.tree().await.unwrap();
        assert_eq!(
            tree.to_text(),
            "sup (one_for_one)\n\
             ├─ a running restarts=1 errors=1 last=\"panic: test: told to\"\n\
             └─ in running (rest_for_one)\n   ├─ x running\n   └─ y running\n"
        );
        assert!(tree.to_dot().contains("rest_for_one"));
        let json = serde_json::to_string(&tree).unwrap();
        assert_eq!(serde_json::from_str::<TreeNode>(&json).unwrap(), tree);
        let count = sup.count_children().await.unwrap();
        assert_eq!((count.specs, count.active, count.workers, count.supervisors), (2, 2, 1, 1));
        assert_eq!(sup.which_child("in").await.unwrap().kind, ChildKind::Supervisor);
    });
}

#[test]
fn hooks_and_events_tell_of_failures_and_restarts() {
    World::run(|world| async move {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let note = |what: &'static str| {
            let seen = Arc::clone(&seen);
            move |text: String| seen.lock().unwrap().push(format!("{what} {text}"))
        };
        let (error, cleanup, restart) = (note("error"), note("cleanup"), note("restart"));
        let spec = spec(&world, "a")
            .on_error(move |failure| error(format!("{} {}", failure.errors(), failure.reason())))
            .cleanup(move |restart| cleanup(restart.restarts().to_string()))
            .on_restart(move |info| restart(info.restarts().to_string()));
        let sink = Arc::new(MemorySink::new(64));
        let sup = Supervisor::one_for_one().sink(Arc::<MemorySink>::clone(&sink)).child(spec);
        let sup = sup.start(&world.system, "sup").await.unwrap();
        sup.child::<Do>("a").await.unwrap().tell(Do::Panic).await.unwrap();
        world.settle().await;
        sup.shutdown().await;
        assert_eq!(
            *seen.lock().unwrap(),
            ["error 0 panic: test: told to in /test/sup/a", "cleanup 0", "restart 1"]
        );
        let events: Vec<_> = sink.events().iter().map(|event| event.name).collect();
        assert_eq!(
            events,
            [
                names::CHILD_FAILED,
                names::RESTART_SCHEDULED,
                names::CHILD_RESTARTED,
                names::SUPERVISOR_ENDED
            ]
        );
    });
}

#[test]
fn a_decider_sees_the_history_and_can_escalate() {
    World::run(|world| async move {
        let inner = Supervisor::one_for_one()
            .budget(Budget::unlimited())
            .decider(|failure| match failure.history().len() {
                0 | 1 => steadfast_supervision::Directive::Restart,
                2 => steadfast_supervision::Directive::Escalate,
                _ => unreachable!("it escalated"),
            })
            .child(spec(&world, "a"));
        let top = Supervisor::one_for_one().child(ChildSpec::supervisor("in", inner).temporary());
        let sup = top.start(&world.system, "sup").await.unwrap();
        let inner = sup.supervisor("in").await.unwrap();
        let a = inner.child::<Do>("a").await.unwrap();
        for _ in 0..3 {
            a.tell(Do::Panic).await.unwrap();
            world.settle().await;
        }
        let reason = inner.stopped().await;
        let ExitReason::Escalated(failure) = &reason else { panic!("{reason:?}") };
        assert_eq!(failure.root_cause().actor(), "/test/sup/in/a");
        assert_eq!(sup.count_children().await.unwrap().specs, 0);
    });
}

#[test]
fn a_stop_of_a_child_that_waits_for_its_restart_is_decided_on_by_its_policy() {
    World::run(|world| async move {
        let slow = Backoff::constant(secs(1)).with_jitter(0.0);
        let spec = |name| ChildSpec::new(name, world.worker(name)).backoff(slow);
        let sup = Supervisor::one_for_one().child(spec("a")).child(spec("b").permanent());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let (a, b) = (sup.child::<Do>("a").await.unwrap(), sup.child::<Do>("b").await.unwrap());
        for child in [&a, &b] {
            child.tell(Do::Panic).await.unwrap();
        }
        world.settle().await;
        for child in [&a, &b] {
            child.stop();
        }
        world.pass(secs(3)).await;
        assert_eq!(a.exit_reason().unwrap().name(), "shutdown");
        assert_eq!(b.ask(Do::Incarnation).await.unwrap(), 3);
    });
}

#[test]
fn a_decider_sees_what_a_panic_was_raised_with() {
    #[derive(Clone, Debug, PartialEq)]
    struct Code(u32);
    struct Raises;
    impl Actor for Raises {
        type Msg = Code;
        type Error = std::convert::Infallible;
        async fn handle(&mut self, code: Code, _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
            std::panic::resume_unwind(Box::new(code))
        }
    }
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .decider(|failure| match failure.panic_payload::<Code>() {
                Some(Code(7)) => Directive::Stop,
                _ => Directive::Restart,
            })
            .child(ChildSpec::new("a", || Raises).backoff(Backoff::none()));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Code>("a").await.unwrap();
        a.tell(Code(1)).await.unwrap();
        a.tell(Code(7)).await.unwrap();
        let reason = world.wait(a.stopped()).await;
        assert_eq!(reason.failure().unwrap().panic_payload(), Some(Code(7)));
        assert_eq!(sup.child_stats("a").await.unwrap().restarts, 1);
    });
}

#[test]
fn a_child_is_opened_for_operators_by_its_spec() {
    #[derive(serde::Serialize)]
    struct Counter(u64);
    impl Actor for Counter {
        type Msg = u64;
        type Error = std::convert::Infallible;
        async fn handle(&mut self, add: u64, _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
            self.0 += add;
            Ok(Flow::Continue)
        }
    }
    World::run(|world| async move {
        let spec = ChildSpec::new("a", || Counter(1)).inspectable::<Counter>().injectable::<u64>();
        let sup = Supervisor::one_for_one().child(spec.backoff(Backoff::none()));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child_handle("a").await.unwrap();
        a.inject("4").unwrap();
        world.settle().await;
        assert_eq!(a.inspect().await.unwrap(), "5");
        a.kill();
        world.settle().await;
        assert_eq!(a.inspect().await.unwrap(), "1", "the next incarnation is open too");
    });
}
