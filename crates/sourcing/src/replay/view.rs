//! What a replay shows of itself: states, hashes, gaps.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use steadfast_eventlog::ActorName;

use super::{Last, ReplayController};
use crate::record::{Gap, ValueHash, recording_of};

/// What a replay shows of itself.
impl ReplayController {
    /// How many steps have been played.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The step that was played last.
    pub fn last(&self) -> Option<&Last> {
        self.last.as_ref()
    }

    /// One hash over the states of all actors that have been played, by their names.
    ///
    /// Actors whose states are not hashed play no part.
    pub fn state_hash(&self) -> ValueHash {
        let mut whole = Sha256::new();
        for (actor, player) in &self.players {
            if let Some(hash) = player.state_hash() {
                let name = actor.as_str().as_bytes();
                whole.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_le_bytes());
                whole.update(name);
                whole.update(hash.0);
            }
        }
        ValueHash(whole.finalize().into())
    }

    /// The state hash of the recorded actor with this path.
    pub fn actor_hash(&self, path: &str) -> Option<ValueHash> {
        self.players.get(&recording_of(path))?.state_hash()
    }

    /// The state of the recorded actor with this path.
    pub fn actor<A: 'static>(&self, path: &str) -> Option<&A> {
        self.players.get(&recording_of(path))?.state()?.downcast_ref()
    }

    /// The state of the recorded actor with this path, as a tree.
    pub fn actor_tree(&self, path: &str) -> Option<Value> {
        self.players.get(&recording_of(path))?.state_tree()
    }

    /// The state of the event-sourced actor with this name, `kind/id`.
    pub fn entity<E: 'static>(&self, name: &str) -> Option<&E> {
        self.players.get(name)?.state()?.downcast_ref()
    }

    /// The state hash of the event-sourced actor with this name, `kind/id`.
    pub fn entity_hash(&self, name: &str) -> Option<ValueHash> {
        self.players.get(name)?.state_hash()
    }

    /// The actors that have been played, by their names in the log, with their state hashes.
    pub fn hashes(&self) -> impl Iterator<Item = (&ActorName, Option<ValueHash>)> {
        self.players.iter().map(|(actor, player)| (actor, player.state_hash()))
    }

    /// The gaps met so far: the first [`GAPS_LISTED_MAX`](super::GAPS_LISTED_MAX).
    pub fn gaps(&self) -> &[(ActorName, Gap)] {
        &self.gaps
    }

    /// How many gaps were met so far.
    pub fn gaps_total(&self) -> u64 {
        self.gaps_total
    }

    /// Recorded turns that could not be run, since there was no state for them to begin with.
    pub fn turns_skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether everything recorded so far was run: no gap, and no turn without a state.
    pub fn is_complete(&self) -> bool {
        self.gaps_total == 0 && self.skipped == 0
    }

    /// Actors of the selection that have no role, with how many of their events were passed over; the first
    /// [`LEFT_OUT_MAX`](super::LEFT_OUT_MAX).
    pub fn left_out(&self) -> &BTreeMap<ActorName, u64> {
        &self.settings.left_out
    }

    /// Moments kept in memory.
    pub fn moments_kept(&self) -> usize {
        self.checkpoints.len()
    }
}
