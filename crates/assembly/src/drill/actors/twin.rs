//! The system that a drilled tree of actors is started in.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use steadfast_actor_core::{Recipient, System};
use steadfast_health::ActorChaos;

use crate::component::lock;

/// Links that can be cut; further ones are made, but stay whole.
const LINKS_MAX: usize = 1_000;

/// A system of its own with virtual time, for a tree of actors that is drilled; clones are the same.
///
/// # Example
///
/// See [`run_actors`](super::run_actors).
#[derive(Clone, Debug)]
pub struct ActorTwin {
    system: System,
    chaos: ActorChaos,
    /// The paths of both ends of each link, the sender's first.
    links: Arc<Mutex<Vec<[String; 2]>>>,
}

impl ActorTwin {
    pub(super) fn new(system: &System) -> Self {
        Self { system: system.clone(), chaos: ActorChaos::new(system), links: Arc::default() }
    }

    /// The system to start the tree in.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// The same recipient for the sender at the path `from`, over a link that is cut when that sender is cut
    /// off. Of more than 1,000 links the further ones stay whole.
    pub fn link<N: Send + 'static>(&self, from: &str, to: Recipient<N>) -> Recipient<N> {
        let mut links = lock(&self.links);
        if links.len() < LINKS_MAX {
            links.push([from.to_owned(), to.path().to_string()]);
        }
        drop(links);
        self.chaos.link(from, to)
    }

    pub(super) fn chaos(&self) -> &ActorChaos {
        &self.chaos
    }

    /// The senders, and both ends of all links.
    pub(super) fn linked(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let links = lock(&self.links);
        let senders = links.iter().map(|[from, _]| from.clone()).collect();
        (senders, links.iter().flatten().cloned().collect())
    }
}
