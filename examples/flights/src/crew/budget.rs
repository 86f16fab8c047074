//! Restart budgets, sized from the fault plan.
//!
//! The plan says how many restarts each supervisor will have to order over the whole run. It may
//! order twice as many, and a few more, within its window. A region may order at most
//! [`REGION_MAX`], because a meltdown has to use the whole budget up; at very high fault rates
//! regions therefore melt down more often than planned, and the root has room for that.

use std::time::Duration;

use steadfast::supervision::{Budget, RootRules};

use super::World;
use crate::fault::{Fault, FaultKind};
use crate::roster::{AirlineId, RegionId, Role};

/// The window of all budgets; a run as fast as possible fits into it.
const WINDOW: Duration = Duration::from_mins(1);

/// Restarts that every supervisor can afford.
const FLOOR: u32 = 32;

/// The most restarts that a region can afford, and so the starts that a meltdown takes.
const REGION_MAX: u32 = 500;

/// The most restarts that the root's breaker can count.
const BREAKER_MAX: u32 = 100_000;

/// The root's breaker tries again soon: a run lasts seconds.
const OPEN_WAIT: Duration = Duration::from_millis(50);

/// The restarts that the plan asks for.
#[derive(Debug)]
pub(super) struct Budgets {
    regions: Vec<u32>,
    carriers: Vec<u32>,
    network: u32,
    meltdowns: u32,
}

impl Budgets {
    pub(super) fn new(world: &World) -> Self {
        let roster = &world.roster;
        let mut budgets = Self {
            regions: vec![0; roster.regions.len()],
            carriers: vec![0; roster.airlines.len()],
            network: 0,
            meltdowns: 0,
        };
        for (index, event) in (0..).zip(&*world.events) {
            if let Some(fault) = world.plan.at(index, event) {
                budgets.add(world, fault);
            }
        }
        budgets
    }

    fn add(&mut self, world: &World, fault: Fault) {
        if fault.kind == FaultKind::Meltdown {
            self.meltdowns += 1;
            return;
        }
        if !fault.kind.ends_incarnation() {
            return;
        }
        let (region, carrier) = match fault.victim {
            Role::Network => {
                self.network += 1;
                return;
            }
            Role::Airline(id) => (None, Some(id)),
            Role::Airport(id) => (world.roster.airport(id).map(|entry| entry.region), None),
            Role::Plane(id) => (None, world.roster.plane(id).map(|entry| entry.carrier)),
        };
        let region = region.and_then(|id| self.regions.get_mut(usize::from(id.0)));
        let carrier = carrier.and_then(|id| self.carriers.get_mut(usize::from(id.0)));
        if let Some(planned) = region.or(carrier) {
            *planned += 1;
        }
    }

    pub(super) fn region(&self, id: RegionId) -> Budget {
        let planned = self.regions.get(usize::from(id.0)).copied().unwrap_or_default();
        let affordable = twice(planned);
        Budget::new(affordable.min(REGION_MAX), WINDOW)
    }

    pub(super) fn carrier(&self, id: AirlineId) -> Budget {
        let planned = self.carriers.get(usize::from(id.0)).copied().unwrap_or_default();
        Budget::new(twice(planned), WINDOW)
    }

    /// Network operations hang under the root, and so do the regions that melt down.
    pub(super) fn root(&self) -> Budget {
        let unplanned: u32 = self.regions.iter().map(|planned| planned / REGION_MAX).sum();
        Budget::new(twice(self.network + self.meltdowns + unplanned), WINDOW)
    }

    /// The breaker over the whole tree has to let all of the above through.
    pub(super) fn breaker(&self) -> RootRules {
        let planned: u32 = self.regions.iter().chain(&self.carriers).sum::<u32>() + self.network;
        let starts = planned.saturating_add(self.meltdowns.saturating_mul(REGION_MAX));
        RootRules::default()
            .with_limit(twice(starts).min(BREAKER_MAX), WINDOW)
            .with_open_wait(OPEN_WAIT)
            .with_trials(1, Duration::ZERO)
    }
}

fn twice(planned: u32) -> u32 {
    planned.saturating_mul(2).saturating_add(FLOOR)
}
