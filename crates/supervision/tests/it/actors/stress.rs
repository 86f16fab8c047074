//! Real threads, real time, everything at once: nothing hangs and nothing is left over.

use steadfast_actor_core::{ActorRef, System};
use steadfast_base::Seed;
use steadfast_supervision::{Backoff, Budget, ChildError, ChildSpec, ChildTemplate, Supervisor};

use super::world::{Do, Log, Worker, World};

fn worker(name: &str, log: &Log) -> impl FnMut() -> Worker + Clone + Send + Sync + 'static {
    let (name, log) = (name.to_owned(), log.clone());
    move || Worker::new(&name, &log)
}

async fn disturb(child: &ActorRef<Do>, what: u64) {
    match what {
        0 => drop(child.tell(Do::Panic).await),
        1 => drop(child.tell(Do::Fail).await),
        2 => child.stop(),
        3 => child.kill(),
        4 => drop(child.tell(Do::Stop).await),
        _ => drop(child.tell(Do::Add).await),
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the callers are outside of the system")]
fn dynamic_children_on_threads_come_and_go_without_a_trace() {
    World::on_threads(|system: System| async move {
        let log = Log::default();
        let template = ChildTemplate::new().backoff(Backoff::none());
        let sup = Supervisor::dynamic(template).budget(Budget::unlimited());
        let sup = sup.start(&system, "sup").await.unwrap();
        let mut tasks = Vec::new();
        for task in 0..4 {
            let (sup, log) = (sup.clone(), log.clone());
            tasks.push(tokio::task::spawn(async move {
                let mut chance = Seed::new(task).stream("stress");
                for _ in 0..500 {
                    let child = if chance.chance(0.5) {
                        sup.spawn_child(worker("x", &log)).await.unwrap()
                    } else {
                        sup.start_child(worker("x", &log)).await.unwrap()
                    };
                    for _ in 0..chance.below(4) {
                        disturb(&child, chance.below(8)).await;
                    }
                    match chance.below(4) {
                        0 => drop(sup.terminate_child(&child).await),
                        1 => drop(sup.recycle_child(&child).await),
                        2 => drop(sup.which_child(&child).await),
                        _ => {}
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let stats = sup.stats().await.unwrap();
        assert_eq!(stats.stopped, 0);
        sup.stop_all_children().await.unwrap();
        assert_eq!(sup.count_children().await.unwrap().specs, 0);
        sup.shutdown().await;
        assert_eq!(system.actor_count(), 0);
    });
}

#[test]
fn groups_on_threads_are_restarted_together_and_end_together() {
    World::on_threads(|system: System| async move {
        let log = Log::default();
        let names = ["a", "b", "c", "d"];
        let mut sup = Supervisor::all_for_one().budget(Budget::unlimited());
        for name in names {
            let spec = ChildSpec::new(name, worker(name, &log));
            sup = sup.child(spec.permanent().backoff(Backoff::none()));
        }
        let sup = sup.start(&system, "sup").await.unwrap();
        let mut chance = Seed::new(11).stream("stress");
        for _ in 0..400 {
            let name = names[usize::try_from(chance.below(4)).unwrap()];
            if let Some(child) = sup.child::<Do>(name).await {
                disturb(&child, chance.below(8)).await;
            }
            match chance.below(8) {
                0 => drop(sup.recycle_child(name).await),
                1 => {
                    sup.terminate_child(name).await.unwrap();
                    match sup.restart_child(name).await {
                        Ok(_)
                        | Err(
                            ChildError::Running | ChildError::Restarting | ChildError::Interrupted,
                        ) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
                _ => {}
            }
        }
        while sup.stats().await.unwrap().running < 4 {
            tokio::task::yield_now().await;
        }
        for name in names {
            let child = sup.child::<Do>(name).await.unwrap();
            assert!(child.ask(Do::Incarnation).await.unwrap() > 0);
        }
        sup.shutdown().await;
        assert_eq!(system.actor_count(), 0);
    });
}
