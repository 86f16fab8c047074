//! The supervised part of the tree around the desk: the services, and the desk that calls them.

use std::sync::Arc;
use std::{error, fmt};

use steadfast::actor_core::{ActorRef, System};
use steadfast::supervision::{ChildSpec, Supervisor};

use super::dispatcher::{Dispatcher, Msg, Setup};
use crate::outage::Service;
use crate::records::Records;
use crate::service::Provider;

/// The supervisor's name, below the root.
pub(crate) const SERVICES: &str = "services";

/// The desk's name, below its supervisor.
const DESK: &str = "desk";

/// News that the desk has room for. More is left out, as each covers those before.
const MAILBOX: u32 = 16;

/// The desk of a system whose root has this name.
pub(crate) fn desk(system: &System, root: &str) -> Option<ActorRef<Msg>> {
    system.lookup(&path(system, root, DESK))
}

fn path(system: &System, root: &str, child: &str) -> String {
    format!("/{}/{root}/{SERVICES}/{child}", system.name())
}

/// The desk was started without a service.
#[derive(Debug)]
struct NoService(Service);

impl fmt::Display for NoService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no actor for the {}", self.0.name())
    }
}

impl error::Error for NoService {}

/// The supervisor of the services and the desk, to be put under a root of this name as [`SERVICES`].
///
/// A desk that starts anew reads the year from its beginning, with a clock and breakers of its own.
pub(crate) fn services(
    setup: &Setup,
    records: &Arc<Records>,
    system: &System,
    root: &'static str,
) -> Supervisor {
    let provided = |supervisor: Supervisor, service: Service| {
        let provider = Provider::new(service, setup.seed, records, &setup.outages);
        supervisor.child(ChildSpec::new(service.name(), move || provider.clone()))
    };
    let (setup, system) = (setup.clone(), system.clone());
    let desk = ChildSpec::new(DESK, move || {
        let provider = |service: Service| {
            system.lookup(&path(&system, root, service.name())).ok_or(NoService(service))
        };
        let providers = [provider(Service::Weather)?, provider(Service::Registry)?];
        Ok::<_, NoService>(Dispatcher::new(setup.clone(), providers))
    });
    Service::ALL.into_iter().fold(Supervisor::one_for_one(), provided).child(desk.capacity(MAILBOX))
}
