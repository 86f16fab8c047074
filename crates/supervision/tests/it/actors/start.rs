//! Scenarios of start and specs.

use steadfast_actor_core::{Overflow, StartError};
use steadfast_supervision::{
    AutoShutdown, ChildError, ChildSpec, ChildTemplate, Fault, Supervisor, SupervisorError,
};

use super::world::{Do, Start, World, secs};

#[test]
fn scenario_01_children_start_in_list_order_and_stop_in_reverse() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one()
            .child(ChildSpec::new("m", world.worker("m")))
            .child(ChildSpec::new("z", world.worker("z")))
            .child(ChildSpec::new("a", world.worker("a")));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        assert_eq!(world.log.take(), ["+m", "+z", "+a"]);
        sup.shutdown().await;
        assert_eq!(world.log.take(), ["-a shutdown", "-z shutdown", "-m shutdown"]);
    });
}

#[test]
fn scenario_02_a_child_that_fails_at_boot_stops_the_others_and_frees_all_names() {
    World::run(|world| async move {
        world.starts("c", &[Start::Fail]);
        let sup = Supervisor::one_for_one()
            .child(ChildSpec::new("a", world.worker("a")).permanent())
            .child(ChildSpec::new("b", world.worker("b")).permanent())
            .child(ChildSpec::new("c", world.worker("c")).permanent())
            .child(ChildSpec::new("d", world.worker("d")));
        let error = sup.clone().start(&world.system, "sup").await.unwrap_err();
        let SupervisorError::Child { name, error } = &error else { panic!("{error:?}") };
        assert_eq!(name, "c");
        assert!(matches!(error, StartError::Failed(failure) if failure.message() == "no start"));
        assert_eq!(world.log.take(), ["+a", "+b", "-b shutdown", "-a shutdown"]);
        assert_eq!(world.system.actor_count(), 0);
        sup.start(&world.system, "sup").await.unwrap();
        assert_eq!(world.log.take(), ["+a", "+b", "+c", "+d"]);
    });
}

#[test]
fn scenario_02_a_nested_supervisor_that_fails_at_boot_is_a_failed_child() {
    World::run(|world| async move {
        world.starts("b", &[Start::Fail]);
        let inner = Supervisor::one_for_one()
            .child(ChildSpec::new("a", world.worker("a")))
            .child(ChildSpec::new("b", world.worker("b")));
        let sup = Supervisor::one_for_one().child(ChildSpec::supervisor("in", inner));
        let error = sup.start(&world.system, "sup").await.unwrap_err();
        let SupervisorError::Child { name, error: StartError::Failed(failure) } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(name, "in");
        assert_eq!(failure.root_cause().message(), "no start");
        assert_eq!(failure.root_cause().actor(), "/test/sup/in/b");
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn scenario_03_a_panic_at_boot_is_an_error_to_the_caller() {
    World::run(|world| async move {
        world.starts("a", &[Start::Panic]);
        let sup = Supervisor::one_for_one().child(ChildSpec::new("a", world.worker("a")));
        let error = sup.start(&world.system, "sup").await.unwrap_err();
        assert_eq!(error.to_string(), "the child a did not start");
        assert_eq!(world.system.actor_count(), 0);
        assert!(world.log.take().is_empty());
    });
}

#[test]
fn scenario_04_a_start_that_ignores_keeps_or_drops_the_spec() {
    World::run(|world| async move {
        world.starts("p", &[Start::Ignore, Start::Well]);
        world.starts("t", &[Start::Ignore]);
        world.starts("d", &[Start::Ignore]);
        let sup = Supervisor::one_for_one()
            .child(ChildSpec::new("p", world.worker("p")).permanent())
            .child(ChildSpec::new("t", world.worker("t")).temporary());
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let children = sup.which_children().await.unwrap();
        assert_eq!(children.len(), 1);
        assert_eq!(children[0].health.name.as_deref(), Some("p"));
        assert!(children[0].actor.is_none());
        sup.restart_child("p").await.unwrap();
        assert!(sup.child::<Do>("p").await.is_some());
        let dynamic = Supervisor::dynamic(ChildTemplate::new());
        let dynamic = dynamic.start(&world.system, "dyn").await.unwrap();
        let ignored = dynamic.start_child(world.worker("d")).await;
        assert!(matches!(ignored, Err(ChildError::StartFailed(StartError::Ignored))));
        assert_eq!(dynamic.count_children().await.unwrap().specs, 0);
        dynamic.shutdown().await;
        sup.shutdown().await;
        assert_eq!(world.system.actor_count(), 0);
    });
}

#[test]
fn scenario_05_faults_of_a_description_are_all_named_and_nothing_starts() {
    World::run(|world| async move {
        let inner = Supervisor::one_for_one()
            .intensity(1, secs(0))
            .child(ChildSpec::new("x", world.worker("x")).significant());
        let sup = Supervisor::one_for_one()
            .child(ChildSpec::new("a", world.worker("a")))
            .child(ChildSpec::new("a", world.worker("a")))
            .child(ChildSpec::supervisor("in", inner));
        let error = sup.start(&world.system, "sup").await.unwrap_err();
        let SupervisorError::Invalid(faults) = error else { panic!("{error:?}") };
        let nested = |fault| Fault::Nested { supervisor: "in".to_owned(), fault: Box::new(fault) };
        assert_eq!(
            faults.as_slice(),
            [
                Fault::DuplicateName("a".to_owned()),
                nested(Fault::PeriodZero),
                nested(Fault::SignificantUnderNever("x".to_owned())),
            ]
        );
        assert!(world.log.take().is_empty());
        let permanent = Supervisor::one_for_one()
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(ChildSpec::new("a", world.worker("a")).permanent().significant());
        assert!(permanent.validate().is_err());
    });
}

#[test]
fn scenario_05_a_source_of_another_actor_is_a_fault() {
    World::run(|world| async move {
        struct Other;
        impl steadfast_actor_core::Actor for Other {
            type Msg = ();
            type Error = std::convert::Infallible;
            async fn handle(
                &mut self,
                (): (),
                _: &mut steadfast_actor_core::Cx<Self>,
            ) -> Result<steadfast_actor_core::Flow, Self::Error> {
                Ok(steadfast_actor_core::Flow::Continue)
            }
        }
        let spec = ChildSpec::new("a", world.worker("a"))
            .restart_from(|| async { Ok::<_, std::io::Error>(Other) });
        let faults = Supervisor::one_for_one().child(spec).validate().unwrap_err();
        assert_eq!(faults.as_slice(), [Fault::ForeignSource("a".to_owned())]);
    });
}

#[test]
fn scenario_06_requests_are_answered_by_the_state_of_the_child() {
    World::run(|world| async move {
        let live =
            || ChildSpec::new("live", world.worker("live")).capacity(2).overflow(Overflow::Reject);
        let sup = Supervisor::one_for_one()
            .child(live())
            .child(ChildSpec::new("down", world.worker("down")));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let actor = sup.child_handle("live").await.unwrap();
        assert_eq!(actor.capacity(), 2);
        sup.terminate_child("down").await.unwrap();
        match sup.start_spec(live()).await {
            Err(ChildError::AlreadyStarted(known)) => assert_eq!(known, actor),
            other => panic!("{other:?}"),
        }
        let down = ChildSpec::new("down", world.worker("down"));
        assert!(matches!(sup.start_spec(down).await, Err(ChildError::AlreadyPresent)));
        assert!(matches!(sup.restart_child("live").await, Err(ChildError::Running)));
        assert!(matches!(sup.delete_child("live").await, Err(ChildError::Running)));
        sup.terminate_child("down").await.unwrap();
        assert!(matches!(sup.terminate_child("none").await, Err(ChildError::NotFound)));
        assert!(matches!(sup.restart_child("none").await, Err(ChildError::NotFound)));
        assert!(matches!(sup.delete_child("none").await, Err(ChildError::NotFound)));
        sup.delete_child("down").await.unwrap();
        assert!(matches!(sup.restart_child("down").await, Err(ChildError::NotFound)));
        world.starts("new", &[Start::Fail]);
        let new = || ChildSpec::new("new", world.worker("new"));
        assert!(matches!(
            sup.start_spec(new()).await,
            Err(ChildError::StartFailed(StartError::Failed(_)))
        ));
        assert_eq!(sup.count_children().await.unwrap().specs, 1);
        sup.start_spec(new()).await.unwrap();
        assert!(matches!(sup.start_child(world.worker("x")).await, Err(ChildError::WrongKind)));
        sup.terminate_child(&actor).await.unwrap();
        sup.restart_child("live").await.unwrap();
        sup.shutdown().await;
        assert!(matches!(sup.stats().await, Err(ChildError::Stopped)));
    });
}
