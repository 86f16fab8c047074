//! Actors killed and parted on purpose, in virtual time.

use std::convert::Infallible;
use std::sync::Arc;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_actor_core::{Actor, ActorRef, AskError, Cx, Flow, Recipient, Reply, System};
use steadfast_base::{MemorySink, Seed};
use steadfast_health::ActorChaos;
use steadfast_policy::{ChaosConfig, ChaosSchedule, ChaosTarget, SystemFault, names};
use steadfast_supervision::{ChildSpec, Supervisor, SupervisorRef};

use crate::support::secs;

/// Keeps a number, and answers what it is.
struct Shelf(u64);

enum Goods {
    Put(u64),
    Count(Reply<u64>),
}

impl Actor for Shelf {
    type Msg = Goods;
    type Error = Infallible;

    async fn handle(&mut self, msg: Goods, _cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match msg {
            Goods::Put(number) => self.0 += number,
            Goods::Count(reply) => reply.send(self.0),
        }
        Ok(Flow::Continue)
    }
}

/// Three shelves under one supervisor that bears with a lot.
async fn store(system: &System) -> SupervisorRef {
    let shelf = |name: &'static str| ChildSpec::new(name, || Shelf(0));
    let store = Supervisor::one_for_one().intensity(1_000, secs(60));
    let store = store.child(shelf("a")).child(shelf("b")).child(shelf("c"));
    store.start(system, "store").await.unwrap()
}

fn incarnations(system: &System) -> Vec<u32> {
    let path = |shelf| format!("/{}/store/{shelf}", system.name());
    let started = |shelf| system.lookup_handle(&path(shelf)).unwrap().incarnation();
    ["a", "b", "c"].map(started).to_vec()
}

/// How often each shelf has started after an hour in which one of them is killed each minute.
fn killed_by(seed: u64) -> (Vec<u32>, Vec<&'static str>) {
    let (test, sink) = (TestSystem::new(), Arc::new(MemorySink::new(1_000)));
    let told = Arc::clone(&sink);
    test.run(async {
        let system = test.system();
        let store = store(system).await;
        let kill = SystemFault::KillActors(1);
        let faults = ChaosConfig::default().with_system_fault(kill, secs(60), 1.0);
        let run = ActorChaos::new(system).start_told(faults, Seed::new(seed), told).unwrap();
        test.advance(secs(3_630)).await;
        run.stop();
        let at_the_stop = incarnations(system);
        test.advance(secs(600)).await;
        assert_eq!(incarnations(system), at_the_stop, "a stopped chaos kills nobody");
        assert_eq!(store.count_children().await.unwrap().active, 3, "all are back");
        (at_the_stop, sink.names())
    })
}

#[test]
fn actors_killed_at_random_come_back_under_their_supervisor() {
    let (started, told) = killed_by(7);
    assert_eq!(started.iter().sum::<u32>(), 3 + 60, "{started:?}");
    assert!(started.iter().all(|&starts| starts > 5), "each one is hit: {started:?}");
    assert_eq!(told.iter().filter(|name| **name == names::CHAOS_BEGUN).count(), 60);
    assert_eq!(killed_by(7).0, started, "a seed repeats a run");
    assert_ne!(killed_by(8).0, started);
}

#[test]
fn only_supervised_actors_below_the_path_are_killed() {
    let test = TestSystem::new();
    test.run(async {
        let system = test.system();
        let _store = store(system).await;
        let alone = system.spawn("alone", || Shelf(0)).await.unwrap();
        let name = system.name();
        let paths = |chaos: ActorChaos| chaos.actors();
        let all = ["a", "b", "c"].map(|shelf| format!("/{name}/store/{shelf}"));
        assert_eq!(paths(ActorChaos::new(system)), all);
        let below = |path: &str| paths(ActorChaos::new(system).below(format!("/{name}/{path}")));
        assert_eq!(below("store"), all);
        assert_eq!(below("store/a"), [""; 0], "the top itself is left alone");
        assert_eq!(below("sto"), [""; 0]);
        ActorChaos::new(system).kill("/nobody/of/this/name");
        assert_eq!(alone.exit_reason().map(|_| ()), None);
    });
}

async fn count(shelf: &Recipient<Goods>) -> Result<u64, AskError<Goods>> {
    shelf.ask_within(secs(1), Goods::Count).await
}

#[test]
fn between_parted_groups_nothing_arrives_until_the_partition_ends() {
    let test = TestSystem::new();
    test.run(async {
        let system = test.system();
        let _store = store(system).await;
        let at = |shelf: &str| format!("/{}/store/{shelf}", system.name());
        let shelf = |name| system.lookup::<Goods>(&at(name)).unwrap();
        let (b, c): (ActorRef<Goods>, ActorRef<Goods>) = (shelf("b"), shelf("c"));
        let chaos = ActorChaos::new(system);
        let a_to_b: Recipient<Goods> = chaos.link(at("a"), b.recipient());
        let a_to_c: Recipient<Goods> = chaos.link(at("a"), c.recipient());
        let c_to_b: Recipient<Goods> = chaos.link(at("c"), b.recipient());
        assert_eq!(a_to_b.path(), b.path());

        let parted =
            SystemFault::Partition { left: vec![at("a")], right: vec![at("b")], lasting: secs(30) };
        let once = ChaosSchedule::default().lasting(secs(15));
        let faults = ChaosConfig::default().with_system_fault(parted, secs(10), 1.0).during(once);
        let run = chaos.start(faults, Seed::new(7)).unwrap();
        a_to_b.try_tell(Goods::Put(1)).unwrap();
        assert_eq!(count(&a_to_b).await.ok(), Some(1), "before");

        test.advance(secs(11)).await;
        a_to_b.try_tell(Goods::Put(10)).expect("a sender cannot tell");
        a_to_b.tell(Goods::Put(10)).await.expect("a sender cannot tell");
        let began = system.time().now();
        assert!(matches!(count(&a_to_b).await, Err(AskError::Timeout(_))));
        assert_eq!(system.time().now() - began, secs(1), "silence, and no quick refusal");
        a_to_c.tell(Goods::Put(5)).await.unwrap();
        assert_eq!(count(&a_to_c).await.ok(), Some(5), "other links are whole");
        assert_eq!(count(&c_to_b).await.ok(), Some(1), "nothing came over the cut one");
        assert_eq!(chaos.lost(), 3);

        test.advance(secs(30)).await;
        assert_eq!(count(&a_to_b).await.ok(), Some(1), "what was lost stays lost");
        a_to_b.tell(Goods::Put(1)).await.unwrap();
        assert_eq!(count(&a_to_b).await.ok(), Some(2));
        drop(run);
    });
}

#[test]
fn chaos_that_is_dropped_leaves_no_link_cut() {
    let test = TestSystem::new();
    test.run(async {
        let system = test.system();
        let _store = store(system).await;
        let at = |shelf: &str| format!("/{}/store/{shelf}", system.name());
        let chaos = ActorChaos::new(system);
        let b: ActorRef<Goods> = system.lookup(&at("b")).unwrap();
        let linked: Recipient<Goods> = chaos.link(at("a"), b.recipient());
        // Dealt at random: three actors, so that one group has one and the other two.
        let (left, right) = (Vec::new(), Vec::new());
        let parted = SystemFault::Partition { left, right, lasting: secs(1_000) };
        let faults = ChaosConfig::default().with_system_fault(parted, secs(10), 1.0);
        let mut lost = 0;
        for seed in 0..20 {
            let run = chaos.start(faults.clone(), Seed::new(seed)).unwrap();
            test.advance(secs(11)).await;
            linked.try_tell(Goods::Put(1)).unwrap();
            let now_lost = chaos.lost();
            drop(run);
            linked.try_tell(Goods::Put(1)).unwrap();
            assert_eq!(chaos.lost(), now_lost, "whole again");
            lost = now_lost;
        }
        assert!((1..20).contains(&lost), "some deals part the two, some do not: {lost}");
        assert_eq!(count(&linked).await.ok(), Some(40 - lost));
    });
}
