//! A tree of actors is killed at random and cut apart, and has to come back.

mod twin;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::{Instant, MemorySink, Seed, Time};
use steadfast_policy::{ChaosConfig, ChaosTarget, SystemFault, names};

use super::report::{Finding, Outcome, Report};
use super::twin::TIME_MAX;
use super::{Drill, on_a_thread_of_its_own};

pub use self::twin::ActorTwin;

/// Most actors that are killed.
pub const KILLS_MAX: u32 = 1_000;
/// Most partitions.
pub const PARTITIONS_MAX: u32 = 100;
/// Actors that a finding names.
const NAMED: usize = 3;

/// How hard actors are drilled.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `system` | `drill` | name of the twin system, the first part of all paths |
/// | `kills` | 20 | actors killed one after the other, at most 1,000; 0 skips the drill |
/// | `kill_every` | 30 s | time from one to the next; the restart budgets have to bear it |
/// | `partitions` | 3 | senders cut off one after the other, at most 100; 0 skips the drill |
/// | `partition` | 30 s | how long each of them is cut off |
/// | `recovery` | 60 s | time to come back after the last fault, and the longest for a check |
/// | `temporary` | none | paths, with all below, whose actors need not come back |
/// | `seed` | 0 | decides who is killed, and all randomness of the twin |
///
/// All times are virtual.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorOptions {
    /// Name of the twin system.
    pub system: String,
    /// Actors killed one after the other.
    pub kills: u32,
    /// Time from one kill to the next.
    pub kill_every: Duration,
    /// Senders cut off one after the other.
    pub partitions: u32,
    /// How long each of them is cut off.
    pub partition: Duration,
    /// Time to come back after the last fault, and the longest for a check.
    pub recovery: Duration,
    /// Paths, with all below, whose actors need not come back.
    pub temporary: Vec<String>,
    /// Decides who is killed, and all randomness of the twin.
    pub seed: u64,
}

impl Default for ActorOptions {
    fn default() -> Self {
        Self {
            system: "drill".to_owned(),
            kills: 20,
            kill_every: Duration::from_secs(30),
            partitions: 3,
            partition: Duration::from_secs(30),
            recovery: Duration::from_mins(1),
            temporary: Vec::new(),
            seed: 0,
        }
    }
}

/// Drills a tree of actors: kills its actors at random, cuts them off from each other, and finds out whether
/// all come back and work.
///
/// `build` starts the tree in a twin system, once for each drill, and gives back a check of it: a question
/// to its actors, say. The check must pass before the faults and after them; in a partition it is made, so
/// that something is sent, but need not pass. What is killed is supervised; what is cut are the
/// [links](ActorTwin::link) that `build` makes. See [`ActorChaos`](steadfast_health::ActorChaos).
///
/// It blocks its thread while the drills compute; in asynchronous code run it where that is welcome
/// (`spawn_blocking`).
///
/// # Errors
///
/// None: a tree that cannot be built, panics or does not come back is a failed outcome of the report.
///
/// # Example
///
/// ```
/// use std::convert::Infallible;
///
/// use steadfast_actor_core::{Actor, ActorRef, Cx, Flow, Reply};
/// use steadfast_assembly::drill::{self, ActorOptions, ActorTwin};
/// use steadfast_supervision::{ChildSpec, Supervisor};
///
/// /// Answers what it is asked.
/// struct Shelf;
///
/// impl Actor for Shelf {
///     type Msg = Reply<u32>;
///     type Error = Infallible;
///
///     async fn handle(&mut self, reply: Reply<u32>, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
///         reply.send(7);
///         Ok(Flow::Continue)
///     }
/// }
///
/// let report = drill::run_actors("store", &ActorOptions::default(), |twin: ActorTwin| async move {
///     let store = Supervisor::one_for_one().child(ChildSpec::new("shelf", || Shelf));
///     let store = store.start(twin.system(), "store").await.map_err(|error| error.to_string())?;
///     let shelf: ActorRef<Reply<u32>> = store.child("shelf").await.ok_or("no shelf")?;
///     let shelf = twin.link("/drill/clerk", shelf.recipient());
///     Ok::<_, String>(move || {
///         let shelf = shelf.clone();
///         async move {
///             let asked = shelf.ask(|reply| reply).await;
///             asked.map(|_| ()).map_err(|error| error.to_string())
///         }
///     })
/// });
/// assert!(report.passed(), "{report}");
/// ```
pub fn run_actors<E, Built, Check, Checking>(
    name: &str,
    options: &ActorOptions,
    build: impl Fn(ActorTwin) -> Built + Sync,
) -> Report
where
    E: Display,
    Built: Future<Output = Result<Check, E>>,
    Check: Fn() -> Checking,
    Checking: Future<Output = Result<(), E>>,
{
    let outcomes = Drill::ACTORS.map(|drill| {
        let finding = on_a_thread_of_its_own(drill, || match skipped(drill, options) {
            Some(why) => Finding::skipped(why),
            None => on_a_twin(drill, options, &build),
        });
        Outcome::new(name, drill, finding)
    });
    Report::new(outcomes.to_vec())
}

fn kills(options: &ActorOptions) -> u32 {
    options.kills.min(KILLS_MAX)
}

fn partitions(options: &ActorOptions) -> u32 {
    options.partitions.min(PARTITIONS_MAX)
}

fn skipped(drill: Drill, options: &ActorOptions) -> Option<&'static str> {
    let (count, each) = match drill {
        Drill::KilledActors => (kills(options), options.kill_every),
        _ => (partitions(options), options.partition.saturating_mul(2)),
    };
    let faults = each.saturating_mul(count.saturating_add(1));
    if count == 0 {
        Some("none was asked for")
    } else if each.is_zero() {
        Some("its faults take no time")
    } else if faults.saturating_add(options.recovery.saturating_mul(3)) > TIME_MAX {
        Some("its waits are longer than a drill may take")
    } else {
        None
    }
}

/// A twin of the tree that works.
struct Stage<'a, Check> {
    options: &'a ActorOptions,
    twin: ActorTwin,
    time: Time,
    check: Check,
    /// The supervised actors that there were before all faults.
    before: Vec<String>,
}

fn on_a_twin<E, Built, Check, Checking>(
    drill: Drill,
    options: &ActorOptions,
    build: &impl Fn(ActorTwin) -> Built,
) -> Finding
where
    E: Display,
    Built: Future<Output = Result<Check, E>>,
    Check: Fn() -> Checking,
    Checking: Future<Output = Result<(), E>>,
{
    let test = TestSystem::builder().name(options.system.as_str()).seed(options.seed).build();
    let expected = "all actors back after the faults, and a good check";
    test.run(async {
        let twin = ActorTwin::new(test.system());
        let check = match build(twin.clone()).await {
            Ok(check) => check,
            Err(error) => return Finding::failed(expected, format!("no tree: {error}")),
        };
        let (time, before) = (test.system().time().clone(), twin.chaos().actors());
        let stage = Stage { options, twin, time, check, before };
        if stage.before.is_empty() {
            return Finding::failed(expected, "no supervised actor");
        }
        if let Err(why) = stage.check().await {
            return Finding::failed(expected, format!("before any fault, a bad check: {why}"));
        }
        let faults = match drill {
            Drill::KilledActors => stage.kill().await,
            _ => stage.part().await,
        };
        let Some(faults) = faults else {
            return Finding::skipped("nothing is linked that could be cut off");
        };
        stage.time.sleep(options.recovery).await;
        let gone = stage.gone();
        let checked = stage.check().await;
        let found = format!("{faults}, {}, {}", shown(&gone, &stage.before), verdict(&checked));
        Finding::new(gone.is_empty() && checked.is_ok(), expected, found)
    })
}

impl<E, Check, Checking> Stage<'_, Check>
where
    E: Display,
    Check: Fn() -> Checking,
    Checking: Future<Output = Result<(), E>>,
{
    async fn check(&self) -> Result<(), String> {
        self.check_within(self.options.recovery).await
    }

    async fn check_within(&self, limit: Duration) -> Result<(), String> {
        match self.time.timeout(limit, (self.check)()).await {
            Ok(checked) => checked.map_err(|error| error.to_string()),
            Err(_elapsed) => Err(format!("no answer within {limit:?}")),
        }
    }

    /// Kills actors at random; says how many.
    async fn kill(&self) -> Option<String> {
        let ActorOptions { kill_every, seed, .. } = self.options;
        let kills = kills(self.options);
        let fault = SystemFault::KillActors(1);
        let faults = ChaosConfig::default().with_system_fault(fault, *kill_every, 1.0);
        let sink = Arc::new(MemorySink::new(KILLS_MAX as usize));
        let told = Arc::clone(&sink);
        let run = self.twin.chaos().start_told(faults, Seed::new(*seed), told);
        let run = run.unwrap_or_else(|_| unreachable!("the settings were looked at before"));
        self.time.sleep(kill_every.saturating_mul(kills) + *kill_every / 2).await;
        run.stop();
        let killed = sink.names().iter().filter(|name| **name == names::CHAOS_BEGUN).count();
        Some(format!("{killed} killed"))
    }

    /// Cuts off one linked sender after the other; says how often, and what was lost.
    async fn part(&self) -> Option<String> {
        let (senders, all) = self.twin.linked();
        let (chaos, span) = (self.twin.chaos(), self.options.partition);
        let count = partitions(self.options);
        if senders.is_empty() {
            return None;
        }
        for sender in senders.iter().cycle().take(count as usize) {
            let end = self.time.now() + span;
            let others: Vec<String> = all.iter().filter(|path| *path != sender).cloned().collect();
            chaos.part(std::slice::from_ref(sender), &others);
            // Something is sent; what comes of it is the partition's business.
            drop(self.check_within(span / 2).await);
            self.rest_until(end).await;
            chaos.heal(std::slice::from_ref(sender), &others);
            self.time.sleep(span).await;
        }
        Some(format!("{count} partitions, {} messages lost", chaos.lost()))
    }

    async fn rest_until(&self, end: Instant) {
        if self.time.now() < end {
            self.time.sleep_until(end).await;
        }
    }

    /// The actors that were there before, are not, and should be.
    fn gone(&self) -> Vec<&str> {
        let after = self.twin.chaos().actors();
        let is_temporary = |path: &str| {
            let covers = |rest: &str| rest.is_empty() || rest.starts_with('/');
            let mut tops = self.options.temporary.iter();
            tops.any(|top| path.strip_prefix(top.as_str()).is_some_and(covers))
        };
        let before = self.before.iter().map(String::as_str);
        before.filter(|path| !is_temporary(path) && !after.iter().any(|one| one == path)).collect()
    }
}

fn shown(gone: &[&str], before: &[String]) -> String {
    if gone.is_empty() {
        return format!("all {} actors there", before.len());
    }
    let named: Vec<&str> = gone.iter().take(NAMED).copied().collect();
    let more = gone.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} of {} actors gone: {}{more}", gone.len(), before.len(), named.join(", "))
}

fn verdict(checked: &Result<(), String>) -> String {
    match checked {
        Ok(()) => "a good check".to_owned(),
        Err(why) => format!("a bad check: {why}"),
    }
}
