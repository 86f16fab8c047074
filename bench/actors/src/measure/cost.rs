//! What actors cost by their number: memory and starts.

use std::time::Instant;

use tokio::sync::mpsc;

use super::{Birth, nanos_per};
use crate::{
    memory,
    peer::{Peer, Tally},
};

/// Actors that exist before the first one counts.
const FIRST_ACTORS: u64 = 100;

/// Resident bytes that each of `ops` actors adds.
pub async fn idle_memory<P: Peer>(peer: &P, birth: Birth, ops: u64) -> f64 {
    let (guard, _) = mpsc::channel(1);
    let mut counters = Vec::with_capacity(ops as usize);
    let first = birth.spawn(peer, Tally::new(guard.clone())).await;
    P::ask(&first, 1).await;
    let before = memory::resident_bytes();
    for _ in 0..ops {
        counters.push(birth.spawn(peer, Tally::new(guard.clone())).await);
    }
    for counter in &counters {
        assert_eq!(P::ask(counter, 1).await, 1);
    }
    memory::grown_bytes(before) / ops as f64
}

/// Seconds to start `ops` supervised actors, and the process's peak memory.
pub async fn start_many<P: Peer>(peer: &P, ops: u64) -> [f64; 2] {
    let (guard, _) = mpsc::channel(1);
    let mut counters = Vec::with_capacity(ops as usize);
    let started = Instant::now();
    for _ in 0..ops {
        counters.push(peer.spawn_supervised(Tally::new(guard.clone())).await);
    }
    for counter in [counters.first(), counters.last()].into_iter().flatten() {
        assert_eq!(P::ask(counter, 1).await, 1);
    }
    [started.elapsed().as_secs_f64(), memory::peak_bytes()]
}

/// Nanoseconds per supervised actor from its start over an ask to its stop,
/// and bytes per actor while `ops` of them are alive.
pub async fn cost_per_actor<P: Peer>(peer: &P, ops: u64) -> [f64; 2] {
    let (guard, mut gone) = mpsc::channel(1);
    let mut first = Vec::new();
    for _ in 0..FIRST_ACTORS {
        let counter = peer.spawn_supervised(Tally::new(mpsc::channel(1).0)).await;
        P::ask(&counter, 1).await;
        first.push(counter);
    }
    let mut counters = Vec::with_capacity(ops as usize);
    let before = memory::resident_bytes();
    let started = Instant::now();
    for _ in 0..ops {
        counters.push(peer.spawn_supervised(Tally::new(guard.clone())).await);
    }
    for counter in &counters {
        assert_eq!(P::ask(counter, 1).await, 1);
    }
    let bytes = memory::grown_bytes(before) / ops as f64;
    for counter in counters {
        peer.stop_supervised(counter).await;
    }
    drop(guard);
    assert!(gone.recv().await.is_none());
    [nanos_per(started.elapsed(), ops), bytes]
}
