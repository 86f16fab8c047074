//! Who waits for whom, and whether the waits form a ring. Kept only while a probe listens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use steadfast_base::ActorId;

use crate::{cell::Cell, system::SystemInner, turn};

/// The waits of actors on each other. An actor handles one message at a time, but may wait for
/// several others at once inside it.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    edges: Mutex<HashMap<u64, Vec<u64>>>,
}

impl Waits {
    /// Notes that `from` waits for `to`; the ring, if this closed one.
    fn add(&self, from: u64, to: u64) -> Option<Vec<ActorId>> {
        let mut edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        edges.entry(from).or_default().push(to);
        ring(&edges, from, to)
    }

    fn remove(&self, from: u64, to: u64) {
        let mut edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(targets) = edges.get_mut(&from) {
            if let Some(place) = targets.iter().position(|target| *target == to) {
                targets.swap_remove(place);
            }
            if targets.is_empty() {
                edges.remove(&from);
            }
        }
    }
}

/// A path from `to` back to `from`, with `from` first.
fn ring(edges: &HashMap<u64, Vec<u64>>, from: u64, to: u64) -> Option<Vec<ActorId>> {
    let mut came_from: HashMap<u64, u64> = HashMap::new();
    let mut open = vec![to];
    while let Some(at) = open.pop() {
        if at == from {
            let mut ring = Vec::new();
            let mut back = at;
            while let Some(before) = came_from.get(&back).copied() {
                ring.push(ActorId::new(before));
                back = before;
                if back == to {
                    break;
                }
            }
            ring.push(ActorId::new(from));
            ring.reverse();
            return Some(ring);
        }
        for next in edges.get(&at).into_iter().flatten() {
            if *next != to && !came_from.contains_key(next) {
                came_from.insert(*next, at);
                open.push(*next);
            }
        }
    }
    None
}

/// One wait of an actor, noted until it drops.
pub(crate) struct Wait {
    system: Arc<SystemInner>,
    from: u64,
    to: u64,
}

impl Wait {
    /// Notes the wait of the actor whose turn it is, the first time it is called; nothing without
    /// a probe or outside of an actor.
    #[inline]
    pub(crate) fn begin<M: Send + 'static>(wait: &mut Option<Box<Self>>, cell: &Arc<Cell<M>>) {
        if wait.is_some() || cell.system.probe.is_none() {
            return;
        }
        let Some(from) = turn::current_actor() else { return };
        let (system, from, to) = (Arc::clone(&cell.system), from.as_u64(), cell.id.as_u64());
        if let Some(ring) = system.waits.add(from, to)
            && let Some(probe) = &system.probe
        {
            probe.wait_cycle(&ring);
        }
        *wait = Some(Box::new(Self { system, from, to }));
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.system.waits.remove(self.from, self.to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ring: Option<Vec<ActorId>>) -> Option<Vec<u64>> {
        ring.map(|ring| ring.into_iter().map(ActorId::as_u64).collect())
    }

    #[test]
    fn a_ring_is_reported_by_the_wait_that_closes_it() {
        let waits = Waits::default();
        assert_eq!(ids(waits.add(1, 2)), None);
        assert_eq!(ids(waits.add(2, 3)), None);
        assert_eq!(ids(waits.add(3, 1)), Some(vec![3, 1, 2]));
    }

    #[test]
    fn an_actor_that_waits_for_itself_is_a_ring_of_one() {
        assert_eq!(ids(Waits::default().add(7, 7)), Some(vec![7]));
    }

    #[test]
    fn a_wait_that_ended_closes_no_ring() {
        let waits = Waits::default();
        waits.add(1, 2);
        waits.remove(1, 2);
        assert_eq!(ids(waits.add(2, 1)), None);
    }
}
