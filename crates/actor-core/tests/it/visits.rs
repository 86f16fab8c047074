//! Visits: closures that upper layers run on an actor's state.

use steadfast_actor_core::{Reply, VISITS_MAX, VisitError, testkit::TestSystem};

use crate::common::*;

#[test]
fn a_visit_goes_before_queued_messages_and_sees_the_state() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        actor.suspend();
        actor.tell(Msg::Note(2)).await.unwrap();
        actor.handle().visit(|worker: &mut Worker, _| worker.seen.push(1)).unwrap();
        test.settle().await;
        actor.resume();
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [1, 2]);
    });
}

#[test]
fn a_visit_of_the_wrong_type_is_not_run() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let visit = |_: &mut Boss, _: &mut steadfast_actor_core::Cx<Boss>| panic!("not mine");
        let _accepted_or_not = actor.handle().visit(visit);
        test.settle().await;
        assert!(actor.exit_reason().is_none());
    });
}

#[test]
fn one_visit_too_many_is_refused() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        for _ in 0..VISITS_MAX {
            actor.handle().visit(|worker: &mut Worker, _| worker.seen.push(1)).unwrap();
        }
        let refused = actor.handle().visit(|_: &mut Worker, _| {});
        assert_eq!(refused, Err(VisitError::Busy));
        assert_eq!(actor.ask(Msg::Seen).await.unwrap().len(), VISITS_MAX);
        assert!(actor.handle().visit(|_: &mut Worker, _| {}).is_ok());
    });
}

#[test]
fn a_panic_in_a_visit_fails_the_actor_and_visits_left_at_the_end_tell_their_askers() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let probe = test.spawn("b", Worker::maker("b", &log)).await.unwrap();
        let to = actor.handle();
        let asked = probe.ask(|reply: Reply<u32>| {
            act(move |_, _| {
                to.visit(|_: &mut Worker, _| panic!("bad visit")).unwrap();
                to.visit(move |_: &mut Worker, _| reply.send(1)).unwrap();
            })
        });
        assert!(asked.await.is_err());
        assert_eq!(test.elapsed(), std::time::Duration::ZERO);
        assert_eq!(actor.stopped().await.failure().unwrap().message(), "bad visit");
    });
}
