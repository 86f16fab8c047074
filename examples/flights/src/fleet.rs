//! All entities, in groups that fall and rise together.
//!
//! ```text
//! network ──── operations
//! region America-New_York ──┬── JFK
//!                           └── ...
//! carrier UA ──┬── airline
//!              ├── N14228
//!              └── ...
//! ```
//!
//! Each group has a supervisor of its own. A group whose supervisor has given up is started anew; its
//! entities come back from the log when they are next told something.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use steadfast::actor_core::{ExitReason, System};
use steadfast::supervision::{Backoff, Directive};
use steadfast_eventlog::{ActorName, CodecId, EventStore};
use steadfast_snapshot::SnapshotStore;
use steadfast_sourcing::{Entities, EntitiesError, EntitiesStatistics, EntityRef};

use crate::participant::Participant;
use crate::roster::{Role, Roster};
use crate::tally::{RestartCause, Tally};

/// How many commands wait for one entity: more than are ever under way, and soon full.
const MAILBOX: u32 = 64;

/// Restarts that one entity can afford in a minute: the faults are transient by design.
const BUDGET: (u32, Duration) = (10_000, Duration::from_mins(1));

/// Events between two snapshots. A plane has a thousand in a year; without a snapshot, a life that begins
/// late would read all of them for each plane before its first window is stored.
const SNAPSHOT_EVERY: u64 = 200;

/// The name of network operations below its group.
const OPERATIONS: &str = "operations";

/// The name of the supervisor of all entities of a group.
const ALL: &str = "all";

/// Where entities keep what they are.
#[derive(Clone, Debug)]
pub(crate) struct Stores {
    pub(crate) log: Arc<dyn EventStore>,
    pub(crate) snapshots: Arc<dyn SnapshotStore>,
}

/// The entities of one life of the process.
pub(crate) struct Fleet {
    system: System,
    stores: Stores,
    roster: Arc<Roster>,
    groups: Vec<Group>,
    tally: Arc<Mutex<Tally>>,
    revivals: AtomicU64,
}

struct Group {
    kind: String,
    entities: RwLock<Entities<Participant>>,
    /// Held by whoever starts the group anew, or brings it down.
    upheaval: tokio::sync::Mutex<()>,
}

impl Fleet {
    pub(crate) async fn start(
        system: &System,
        stores: Stores,
        roster: Arc<Roster>,
    ) -> Result<Self, EntitiesError> {
        let carriers = roster.airlines.iter().map(|entry| format!("carrier {}", entry.code));
        let regions = roster.regions.iter().map(|name| format!("region {name}"));
        let kinds: Vec<String> =
            std::iter::once("network".to_owned()).chain(carriers).chain(regions).collect();
        let tally = Arc::default();
        let mut groups = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let kind = kind.replace('/', "-");
            let entities = entities(system, &stores, &kind, &tally).await?;
            let entities = RwLock::new(entities);
            groups.push(Group { kind, entities, upheaval: tokio::sync::Mutex::default() });
        }
        let (system, revivals) = (system.clone(), AtomicU64::new(0));
        Ok(Self { system, stores, roster, groups, tally, revivals })
    }

    pub(crate) fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// Restarts and faults so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn group(&self, role: Role) -> &Group {
        let carriers = self.roster.airlines.len();
        let of_carrier = |id: u16| 1 + usize::from(id);
        let index = match role {
            Role::Network => 0,
            Role::Airline(id) => of_carrier(id.0),
            Role::Plane(id) => self.roster.plane(id).map_or(0, |entry| of_carrier(entry.carrier.0)),
            Role::Airport(id) => {
                let region = self.roster.airport(id).map_or(0, |entry| usize::from(entry.region.0));
                1 + carriers + region
            }
        };
        self.groups.get(index).expect("the roster's ids are within the roster")
    }

    /// The way to the entity of a role.
    pub(crate) fn entity(&self, role: Role) -> EntityRef<Participant> {
        let entities = self.group(role).entities();
        match role {
            Role::Network => entities.get(OPERATIONS),
            Role::Airline(_) => entities.get("airline"),
            Role::Airport(id) => {
                entities.get(self.roster.airport(id).map_or("", |entry| entry.code.as_str()))
            }
            Role::Plane(id) => {
                entities.get(self.roster.plane(id).map_or("", |entry| entry.tail.as_str()))
            }
        }
    }

    /// The kinds of the entities.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| group.kind.as_str())
    }

    /// The name of network operations in the log.
    pub(crate) fn operations() -> ActorName {
        ActorName::from(format!("network/{OPERATIONS}"))
    }

    /// Starts the group of a role anew if its supervisor has given up; says whether it had to.
    pub(crate) async fn revive(&self, role: Role) -> Result<bool, EntitiesError> {
        let group = self.group(role);
        let is_over = || group.entities().supervisor().handle().exit_reason().is_some();
        if !is_over() {
            return Ok(false);
        }
        let _upheaval = group.upheaval.lock().await;
        if !is_over() {
            return Ok(false);
        }
        let entities = entities(&self.system, &self.stores, &group.kind, &self.tally).await?;
        *group.entities.write().unwrap_or_else(PoisonError::into_inner) = entities;
        self.revivals.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// Brings the group of a role down: the supervisor of its entities fails until the one above has spent
    /// its budget and gives up. Answers how many entities went down with it.
    pub(crate) async fn melt_down(&self, role: Role) -> u64 {
        let group = self.group(role);
        let _upheaval = group.upheaval.lock().await;
        let entities = group.entities();
        let residents = entities.statistics().resident as u64;
        let top = entities.supervisor();
        while top.handle().exit_reason().is_none() {
            match top.child_handle(ALL).await {
                Some(all) if all.exit_reason().is_none() => all.kill(),
                _ => {}
            }
            self.system.time().sleep(Duration::from_millis(1)).await;
        }
        residents
    }

    /// Figures of all groups as they run now.
    pub(crate) fn statistics(&self) -> impl Iterator<Item = EntitiesStatistics> {
        self.groups.iter().map(|group| group.entities().statistics())
    }
}

impl Group {
    fn entities(&self) -> Entities<Participant> {
        self.entities.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn entities(
    system: &System,
    stores: &Stores,
    kind: &str,
    tally: &Arc<Mutex<Tally>>,
) -> Result<Entities<Participant>, EntitiesError> {
    let tally = Arc::clone(tally);
    let counted = move |reason: &ExitReason| {
        let cause = match reason {
            ExitReason::Panic(_) => RestartCause::Panic,
            ExitReason::Killed => RestartCause::Killed,
            _ => RestartCause::Error,
        };
        tally.lock().unwrap_or_else(PoisonError::into_inner).restart(cause);
        Directive::Restart
    };
    Entities::builder(kind)
        .store(Arc::clone(&stores.log))
        .snapshots(Arc::clone(&stores.snapshots))
        .snapshot_every(SNAPSHOT_EVERY)
        .codec(CodecId::BINCODE)
        .capacity(MAILBOX)
        .backoff(Backoff::none())
        .budget(BUDGET.0, BUDGET.1)
        .decider(move |failure| counted(failure.reason()))
        .start(system)
        .await
}
