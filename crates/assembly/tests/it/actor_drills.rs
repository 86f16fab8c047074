//! Trees of actors killed and cut apart: those that come back pass, others are found out.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use steadfast_actor_core::{Actor, ActorRef, Cx, Flow, Recipient, Reply};
use steadfast_assembly::drill::{self, ActorOptions, ActorTwin, Drill, Report, Verdict};
use steadfast_supervision::{ChildSpec, Supervisor};

use crate::support::secs;

/// Answers what it was made with.
struct Shelf(u32);

impl Actor for Shelf {
    type Msg = Reply<u32>;
    type Error = Infallible;

    async fn handle(&mut self, reply: Reply<u32>, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        reply.send(self.0);
        Ok(Flow::Continue)
    }
}

fn shelf(name: &'static str) -> ChildSpec {
    ChildSpec::new(name, || Shelf(7))
}

async fn ask(shelf: &Recipient<Reply<u32>>) -> Result<(), String> {
    let answer = shelf.ask(|reply| reply).await;
    answer.map(|_| ()).map_err(|error| error.to_string())
}

/// Drills a supervisor of two shelves, the first of which is linked to a clerk.
fn drilled(options: &ActorOptions, store: impl Fn() -> Supervisor + Sync) -> Report {
    drill::run_actors("store", options, |twin: ActorTwin| {
        let store = store().child(shelf("a")).child(shelf("b"));
        async move {
            let store =
                store.start(twin.system(), "store").await.map_err(|error| error.to_string())?;
            let shelf: ActorRef<Reply<u32>> = store.child("a").await.ok_or("no shelf")?;
            let shelf = twin.link("/drill/clerk", shelf.recipient());
            Ok::<_, String>(move || {
                let shelf = shelf.clone();
                async move { ask(&shelf).await }
            })
        }
    })
}

fn found(report: &Report, drill: Drill) -> (Verdict, &str) {
    let outcome = report.outcome("store", drill).expect("it was drilled");
    (outcome.verdict, &outcome.found)
}

#[test]
fn a_tree_within_its_budget_comes_back_from_kills_and_partitions() {
    let report = drilled(&ActorOptions::default(), Supervisor::one_for_one);
    assert!(report.passed(), "{report}");
    let (_, killed) = found(&report, Drill::KilledActors);
    assert_eq!(killed, "20 killed, all 2 actors there, a good check");
    let (_, parted) = found(&report, Drill::PartedActors);
    assert_eq!(parted, "3 partitions, 3 messages lost, all 2 actors there, a good check");
    assert_eq!(report, drilled(&ActorOptions::default(), Supervisor::one_for_one));
}

#[test]
fn a_tree_whose_budget_is_spent_fails() {
    let stingy = || Supervisor::one_for_one().intensity(5, secs(3_600));
    let report = drilled(&ActorOptions::default(), stingy);
    let (verdict, killed) = found(&report, Drill::KilledActors);
    assert_eq!(verdict, Verdict::Failed);
    let gone = "6 killed, 2 of 2 actors gone: /drill/store/a, /drill/store/b, a bad check: ";
    assert!(killed.starts_with(gone), "{killed}");
    assert_eq!(found(&report, Drill::PartedActors).0, Verdict::Passed);
}

#[test]
fn temporary_actors_need_not_come_back_if_they_are_named() {
    let store = || Supervisor::one_for_one().child(shelf("guest").temporary());
    let mut options = ActorOptions::default();
    options.kills = 5;
    let report = drilled(&options, store);
    let (verdict, killed) = found(&report, Drill::KilledActors);
    assert_eq!(verdict, Verdict::Failed, "{killed}");
    assert!(killed.contains("1 of 3 actors gone: /drill/store/guest"), "{killed}");
    options.temporary = vec!["/drill/store/guest".to_owned()];
    assert_eq!(found(&drilled(&options, store), Drill::KilledActors).0, Verdict::Passed);
}

#[test]
fn a_tree_that_a_partition_breaks_for_good_fails() {
    let report =
        drill::run_actors("store", &ActorOptions::default(), |twin: ActorTwin| async move {
            let store =
                Supervisor::one_for_one().child(shelf("a")).start(twin.system(), "store").await;
            let store = store.map_err(|error| error.to_string())?;
            let shelf: ActorRef<Reply<u32>> = store.child("a").await.ok_or("no shelf")?;
            let shelf = twin.link("/drill/clerk", shelf.recipient());
            let offended = Arc::new(AtomicBool::new(false));
            Ok::<_, String>(move || {
                let (shelf, offended) = (shelf.clone(), Arc::clone(&offended));
                async move {
                    if ask(&shelf).await.is_err() {
                        offended.store(true, Ordering::Relaxed);
                    }
                    let well = !offended.load(Ordering::Relaxed);
                    if well { Ok(()) } else { Err("the clerk was not answered once".to_owned()) }
                }
            })
        });
    let (verdict, parted) = found(&report, Drill::PartedActors);
    assert_eq!(verdict, Verdict::Failed);
    assert!(parted.ends_with("a bad check: the clerk was not answered once"), "{parted}");
    assert_eq!(found(&report, Drill::KilledActors).0, Verdict::Passed, "{report}");
}

#[test]
fn what_cannot_be_drilled_is_skipped_or_found() {
    let run = |options: &ActorOptions, fails: bool| {
        drill::run_actors("store", options, move |twin: ActorTwin| async move {
            if fails {
                return Err("the shelves are not delivered yet");
            }
            let store = Supervisor::one_for_one().child(shelf("a"));
            store.start(twin.system(), "store").await.map_err(|_error| "it does not start")?;
            Ok(|| async { Ok(()) })
        })
    };
    let report = run(&ActorOptions::default(), false);
    assert_eq!(found(&report, Drill::KilledActors).0, Verdict::Passed, "{report}");
    assert_eq!(
        found(&report, Drill::PartedActors),
        (Verdict::Skipped, "nothing is linked that could be cut off")
    );
    let report = run(&ActorOptions::default(), true);
    let (verdict, why) = found(&report, Drill::KilledActors);
    assert_eq!((verdict, why), (Verdict::Failed, "no tree: the shelves are not delivered yet"));
    let mut none = ActorOptions::default();
    (none.kills, none.partition) = (0, secs(1_000_000));
    for drill in Drill::ACTORS {
        assert_eq!(found(&run(&none, true), drill).0, Verdict::Skipped);
    }
}
