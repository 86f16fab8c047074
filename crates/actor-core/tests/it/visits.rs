//! Visits: closures that upper layers run on an actor's state.

use std::convert::Infallible;

use steadfast_actor_core::{
    Actor, Cx, Flow, HatchError, Reply, VISITS_MAX, VisitError, testkit::TestSystem,
};

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

#[derive(serde::Serialize)]
struct Account {
    cents: u64,
}

#[derive(serde::Deserialize)]
enum Order {
    Deposit(u64),
    Balance { reply: Reply<u64> },
}

impl Actor for Account {
    type Msg = Order;
    type Error = Infallible;

    async fn handle(&mut self, order: Order, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match order {
            Order::Deposit(cents) => self.cents += cents,
            Order::Balance { reply } => reply.send(self.cents),
        }
        Ok(Flow::Continue)
    }
}

#[test]
fn operators_look_into_what_was_opened_for_them_and_put_in_messages() {
    let test = TestSystem::new();
    test.run(async {
        let account = test.spawn("a", || Account { cents: 5 }).inspectable().injectable();
        let account = account.await.unwrap().handle();
        account.inject(r#"{"Deposit":2}"#).unwrap();
        account.inject(r#"{"Balance":{}}"#).unwrap();
        assert!(matches!(account.inject(r#"{"Withdraw":2}"#), Err(HatchError::Data(_))));
        test.settle().await;
        assert_eq!(account.inspect().await.unwrap(), r#"{"cents":7}"#);
        account.stop();
        account.stopped().await;
        assert!(matches!(account.inspect().await, Err(HatchError::Stopped)));
        assert!(matches!(account.inject(r#"{"Deposit":2}"#), Err(HatchError::Stopped)));
        let shut = test.spawn("b", || Account { cents: 5 }).await.unwrap().handle();
        assert!(matches!(shut.inspect().await, Err(HatchError::Closed)));
        assert!(matches!(shut.inject(r#"{"Deposit":2}"#), Err(HatchError::Closed)));
    });
}
