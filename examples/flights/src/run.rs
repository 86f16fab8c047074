//! One run: the system, its tree, the feed, the states at the end, the shutdown.

use std::sync::Arc;
use std::time::Duration;
use std::{error, fmt, io};

use steadfast::actor_core::{BuildError, ExitReason, System};
use steadfast::base::Seed;
use steadfast::supervision::SupervisorError;

use crate::crew::{Board, ROOT, Report, World, plant};
use crate::dataset::Dataset;
use crate::desk::{DeskReport, Setup, desk, services};
use crate::event::Event;
use crate::fault::{FaultKind, FaultPlan};
use crate::feeder::Feeder;
use crate::outage::OutagePlan;
use crate::pace::{Pace, Speed};
use crate::progress::Progress;
use crate::records::Records;
use crate::report::Run;

/// How long the runtime may take to end once all actors have.
const RUNTIME_WAIT: Duration = Duration::from_secs(5);

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// Seed of everything random in the system.
    pub seed: u64,
    /// What goes wrong.
    pub plan: FaultPlan,
    /// How fast the year passes.
    pub speed: Speed,
    /// Time between two looks at the progress.
    pub show_every: Duration,
}

/// Why a run came to no verdict.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// No runtime could be started.
    Runtime(io::Error),
    /// The system was not built.
    Build(BuildError),
    /// The tree did not start.
    Start(SupervisorError),
    /// The dispatch desk is not where it was started.
    NoDesk,
    /// The root supervisor ended during the run.
    RootEnded(ExitReason),
    /// Something took too long.
    Stalled {
        /// What was waited for.
        waiting_for: &'static str,
        /// How long.
        after: Duration,
    },
    /// The system did not end in order.
    LeftRunning {
        /// Actors that did not end.
        actors: usize,
        /// Actors that had to be killed.
        killed: usize,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(_) => f.write_str("no runtime could be started"),
            Self::Build(_) => f.write_str("the system was not built"),
            Self::Start(_) => f.write_str("the supervision tree did not start"),
            Self::NoDesk => f.write_str("the dispatch desk is not where it was started"),
            Self::RootEnded(reason) => write!(f, "the root supervisor ended: {reason}"),
            Self::Stalled { waiting_for, after } => {
                write!(f, "the run stalled: {} s of waiting for {waiting_for}", after.as_secs())
            }
            Self::LeftRunning { actors, killed } => write!(
                f,
                "the system did not end in order: {actors} actors left, {killed} had to be killed"
            ),
        }
    }
}

impl error::Error for RunError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Runtime(error) => Some(error),
            Self::Build(error) => Some(error),
            Self::Start(error) => Some(error),
            Self::NoDesk | Self::RootEnded(_) | Self::Stalled { .. } | Self::LeftRunning { .. } => {
                None
            }
        }
    }
}

/// Feeds the events to actors and collects their states; blocks the thread until all is over.
///
/// # Errors
///
/// [`RunError`]; nothing is left running then either.
pub fn fly(
    dataset: &Dataset,
    events: Arc<[Event]>,
    flight: &Flight,
    show: &mut dyn FnMut(&Progress),
) -> Result<Run, RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build();
    let runtime = runtime.map_err(RunError::Runtime)?;
    let board = Board::new(dataset.roster.actors());
    let roster = Arc::new(dataset.roster.clone());
    let world = World { roster, events, plan: flight.plan, board };
    let outcome = runtime.block_on(live(Arc::new(world), &dataset.records, flight, show));
    runtime.shutdown_timeout(RUNTIME_WAIT);
    outcome
}

async fn live(
    world: Arc<World>,
    records: &Arc<Records>,
    flight: &Flight,
    show: &mut dyn FnMut(&Progress),
) -> Result<Run, RunError> {
    let system = System::builder("flights").seed(Seed::new(flight.seed)).build();
    let system = system.map_err(RunError::Build)?;
    let outcome = work(world, records, &system, flight, show).await;
    let ended = system.shutdown().await;
    let run = outcome?;
    let (actors, killed) = (system.actor_count(), ended.killed);
    if actors > 0 || killed > 0 {
        return Err(RunError::LeftRunning { actors, killed });
    }
    Ok(run)
}

async fn work(
    world: Arc<World>,
    records: &Arc<Records>,
    system: &System,
    flight: &Flight,
    show: &mut dyn FnMut(&Progress),
) -> Result<Run, RunError> {
    let setup = Setup {
        roster: Arc::clone(&world.roster),
        events: Arc::clone(&world.events),
        outages: Arc::new(outages(&world, flight)),
        seed: flight.seed,
    };
    let services = services(&setup, records, system, ROOT);
    let root = plant(&world, system, services).await.map_err(RunError::Start)?;
    let desk = desk(system, ROOT).ok_or(RunError::NoDesk)?;
    let (shared, handle) = (Arc::clone(&world), system.clone());
    let mut feeder = Feeder::new(shared, handle, root, desk, flight.show_every, show);
    if let Some(first) = world.events.first() {
        feeder.feed(Pace::new(first.at, flight.speed)).await?;
    }
    let reports = feeder.collect().await?;
    let DeskReport { briefings, services } = feeder.desk_report().await?;
    let tally = world.board.tally(&reports);
    Ok(Run {
        events: world.events.len() as u64,
        deliveries: feeder.ledger().deliveries(),
        repeats: feeder.ledger().repeats(),
        kills: 0,
        actor_kills: tally.faults(FaultKind::Kill).injected,
        tally,
        dead_letters: system.dead_letter_count(),
        elapsed: feeder.elapsed(),
        states: states(reports),
        briefings,
        services,
    })
}

/// Outages come with the faults, whatever their rate.
fn outages(world: &World, flight: &Flight) -> OutagePlan {
    match (world.events.first(), world.events.last()) {
        (Some(first), Some(last)) if flight.plan.is_on() => {
            OutagePlan::new(flight.seed, first.at, last.at)
        }
        _ => OutagePlan::none(),
    }
}

fn states(reports: Vec<Option<Report>>) -> Vec<Option<crate::state::State>> {
    reports.into_iter().map(|report| report.map(|report| report.state)).collect()
}
