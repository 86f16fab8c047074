//! Syncing piece by piece what nobody waits for, where appends are acknowledged before they are on the disk.
//!
//! Without it a full segment would be synced at once, by whoever appends what does not fit any more. The disk works while
//! callers go on, and less is at stake when the machine fails.

use std::io;
use std::sync::{Arc, Mutex};

use steadfast_base::storage::StorageFile;

use super::engine::{Engine, Failure, Stopped, blocks};
use super::shared::Shared;
use crate::event::Position;

/// So many bytes are written before they are synced.
pub(super) const PIECE_BYTES: u64 = 8 << 20;

/// What is synced once a sync of the file succeeds.
#[derive(Debug)]
struct Piece {
    file: Arc<dyn StorageFile>,
    /// The last position of it.
    last: Position,
}

/// Syncs what was written until now. Whoever appends goes on, and waits only if he must sync too.
pub(super) fn sync_piece(shared: &Shared, engine: &Mutex<Engine>) {
    let Ok(mut locked) = engine.lock() else { return };
    let Some(piece) = locked.begin_piece() else { return };
    // Taken while the engine is held: no other sync of the file comes between.
    let mut failed = shared.lock_piece();
    drop(locked);
    let synced = piece.file.datasync();
    // The system tells a failure once. Whoever syncs next learns of it here.
    *failed = synced.as_ref().err().map(io::Error::kind);
    drop(failed);
    if let Ok(mut engine) = engine.lock() {
        engine.end_piece(&piece, synced);
    }
}

impl Engine {
    fn begin_piece(&mut self) -> Option<Piece> {
        if self.stopped.is_some() {
            return None;
        }
        // No sector that holds what is synced is written again.
        self.active.offset = blocks(self.active.offset);
        let last = self.next.previous();
        (last > self.durable).then(|| Piece { file: Arc::clone(&self.active.file), last })
    }

    fn end_piece(&mut self, piece: &Piece, synced: io::Result<()>) {
        match synced {
            Ok(()) => {
                self.durable = self.durable.max(piece.last);
                let mut state = self.shared.write_state();
                state.durable = state.durable.max(piece.last);
                let syncs = &mut state.statistics.syncs_total;
                *syncs = syncs.saturating_add(1);
            }
            // INV-LOG-2: nothing is written or synced after a write or sync has failed.
            Err(error) if self.stopped.is_none() => {
                self.stopped = Some(Stopped::Poisoned(Arc::new(error)));
            }
            Err(_) => {}
        }
    }

    /// Waits for the sync of a piece that is under way, and fails if it did.
    pub(super) fn await_piece(&self) -> Result<(), Failure> {
        match *self.shared.lock_piece() {
            Some(kind) => Err(Failure::Unknown(kind.into())),
            None => Ok(()),
        }
    }
}
