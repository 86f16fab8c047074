//! The indexes beside segments that are full and not sealed yet, written in the background.
//!
//! They are derived: nothing waits for them, nothing is synced, and a failure costs the next opening
//! time.

use std::sync::Arc;

use super::shared::Shared;
use crate::event::Position;
use crate::format::{IndexOf, SegmentIndex};

/// What is needed to write an index.
struct Full {
    of: IndexOf,
    index: Arc<SegmentIndex>,
}

/// Writes the index of every full segment that has none.
pub(super) fn write_indexes(shared: &Shared) {
    let mut after = Position::ZERO;
    // Ends with the segments: each round looks behind the one before.
    while let Some(full) = next_unindexed(shared, after) {
        after = full.of.first;
        let contents = full.index.encode(&full.of);
        // No retention runs and no segment is replaced meanwhile.
        let catalog = shared.lock_catalog();
        let is_wanted = |shared: &Shared| {
            let state = shared.read_state();
            state.segments.get(&after).is_some_and(|segment| segment.sealed.is_none())
        };
        if is_wanted(shared)
            && shared.directory.put_index(after, &contents).is_ok()
            && let Some(segment) = shared.write_state().segments.get_mut(&after)
        {
            segment.is_indexed = true;
        }
        drop(catalog);
    }
}

fn next_unindexed(shared: &Shared, after: Position) -> Option<Full> {
    let state = shared.read_state();
    let later = || state.segments.range(after.next()..).map(|(_, segment)| segment);
    let mut pairs = later().zip(later().skip(1));
    let (segment, next) = pairs.find(|(segment, _)| {
        segment.sealed.is_none() && !segment.is_indexed && !segment.index.frames().is_empty()
    })?;
    let predecessor = next.header.predecessor?;
    let index = Arc::clone(&segment.index);
    let whole = index.frames().last().is_some_and(|last| last.end() == predecessor.end);
    let of = IndexOf {
        log_id: segment.header.log_id,
        generation: segment.header.generation,
        first: segment.header.first,
        end: predecessor.end,
        offset: segment.used_bytes,
        chain: predecessor.chain,
    };
    whole.then_some(Full { of, index })
}
