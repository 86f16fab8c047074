//! Waiting until steadfast's log has the form in which it rests.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use steadfast_eventlog::{EventStore, block_on, segment_store::SegmentStore};

/// Sealing that takes longer has failed.
const SEALING: Duration = Duration::from_secs(300);

/// Begins a new segment, and waits until all those before it are sealed.
pub fn settle(store: &SegmentStore) -> Result<()> {
    block_on(store.begin_segment())?;
    let start = Instant::now();
    while block_on(store.statistics())?.segments_unsealed > 1 {
        ensure!(start.elapsed() < SEALING, "segments stay unsealed");
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
