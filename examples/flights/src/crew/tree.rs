//! The supervision tree.
//!
//! ```text
//! root ──┬── network
//!        ├── region America-New_York ──┬── JFK
//!        │                             └── ...
//!        ├── carrier UA ──┬── airline
//!        │                ├── N14228
//!        │                └── ...
//!        └── services ──┬── weather
//!                       ├── registry
//!                       └── desk
//! ```

use std::sync::Arc;

use steadfast::actor_core::{ExitReason, System};
use steadfast::supervision::{
    Backoff, ChildRestart, ChildSpec, RootSupervisor, Supervisor, SupervisorError,
};

use super::World;
use super::budget::Budgets;
use super::participant::Participant;
use crate::desk::SERVICES;
use crate::roster::{AirlineId, AirportId, PlaneId, RegionId, Role};
use crate::tally::RestartCause;

/// How many messages each mailbox holds: a burst of a busy airport, and soon full.
const MAILBOX: u32 = 512;

/// The root's name.
pub(crate) const ROOT: &str = "root";

/// Starts the tree with all its actors; `services` are started beside them.
pub(crate) async fn plant(
    world: &Arc<World>,
    system: &System,
    services: Supervisor,
) -> Result<RootSupervisor, SupervisorError> {
    let budgets = Budgets::new(world);
    let network = participant(world, Role::Network, "network");
    let mut root = Supervisor::one_for_one().budget(budgets.root()).child(network);
    for (id, name) in (0..).map(RegionId).zip(&world.roster.regions) {
        let shared = Arc::clone(world);
        let spec = ChildSpec::supervisor(
            segment(&format!("region {name}")),
            region(world, id).budget(budgets.region(id)),
        );
        root = root.child(spec.backoff(Backoff::none()).cleanup(move |_| shared.board.reopen(id)));
    }
    for (id, entry) in (0..).map(AirlineId).zip(&world.roster.airlines) {
        let spec = ChildSpec::supervisor(
            segment(&format!("carrier {}", entry.code)),
            carrier(world, id).budget(budgets.carrier(id)),
        );
        root = root.child(spec.backoff(Backoff::none()));
    }
    root = root.child(ChildSpec::supervisor(SERVICES, services));
    RootSupervisor::of(root).rules(budgets.breaker()).start(system, ROOT).await
}

fn region(world: &Arc<World>, region: RegionId) -> Supervisor {
    let airports = (0..).map(AirportId).zip(&world.roster.airports);
    airports.filter(|(_, entry)| entry.region == region).fold(
        Supervisor::one_for_one(),
        |supervisor, (id, entry)| {
            supervisor.child(participant(world, Role::Airport(id), &entry.code))
        },
    )
}

fn carrier(world: &Arc<World>, carrier: AirlineId) -> Supervisor {
    let airline = participant(world, Role::Airline(carrier), "airline");
    let planes = (0..).map(PlaneId).zip(&world.roster.planes);
    planes.filter(|(_, entry)| entry.carrier == carrier).fold(
        Supervisor::one_for_one().child(airline),
        |supervisor, (id, entry)| {
            supervisor.child(participant(world, Role::Plane(id), &entry.tail))
        },
    )
}

/// The faults are transient by design, so an actor is restarted at once.
fn participant(world: &Arc<World>, role: Role, name: &str) -> ChildSpec {
    let (shared, counting) = (Arc::clone(world), Arc::clone(world));
    ChildSpec::new(segment(name), move || Participant::new(&shared, role))
        .capacity(MAILBOX)
        .backoff(Backoff::none())
        .on_restart(move |restart| counting.board.restarted(cause(restart)))
}

fn cause(restart: &ChildRestart<'_>) -> RestartCause {
    match restart.last_failure() {
        Some(ExitReason::Panic(_)) => RestartCause::Panic,
        Some(ExitReason::Killed) => RestartCause::Killed,
        Some(ExitReason::Meltdown(_) | ExitReason::Escalated(_)) => RestartCause::Meltdown,
        _ => RestartCause::Error,
    }
}

/// A name as a segment of a path, which holds no slash.
fn segment(name: &str) -> String {
    name.replace('/', "-")
}
