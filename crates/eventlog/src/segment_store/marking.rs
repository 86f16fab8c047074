//! What the writer does beside appends: marks, syncs, new segments on demand, the index at the end.

use std::sync::Arc;

use super::directory::{ClosedAt, WriterRecord};
use super::engine::{Engine, Failure, Stopped};
use crate::append::AppendError;
use crate::format::{BLOCK_BYTES, IndexOf};

impl Engine {
    /// Whether idleness leaves nothing to be done.
    pub(super) fn is_settled(&self) -> bool {
        self.marked || self.stopped.is_some()
    }

    /// Syncs what was written, whatever the durability.
    pub(super) fn sync(&mut self) -> Result<(), AppendError> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.error(Vec::new()));
        }
        let synced = self.sync_active();
        self.settle(synced)
    }

    /// Goes on in a new segment; nothing if the active one is empty.
    pub(super) fn begin_segment(&mut self) -> Result<(), AppendError> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.error(Vec::new()));
        }
        if self.active.header.first == self.next {
            return Ok(());
        }
        self.frames.clear();
        self.buffer.clear();
        let rolled = self.check_epoch().and_then(|()| self.roll(BLOCK_BYTES as u64));
        match rolled {
            Err(Failure::Untouched(error)) => {
                Err(AppendError::Unavailable { cause: Arc::new(error), events: Vec::new() })
            }
            other => self.settle(other),
        }
    }

    /// Writes a mark, so that the newest events have a witness; nothing if they have one.
    pub(super) fn mark(&mut self, clean_close: bool) -> Result<(), AppendError> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.error(Vec::new()));
        }
        if self.marked {
            return Ok(());
        }
        self.frames.clear();
        let marked = self.write_mark(clean_close);
        self.settle(marked)
    }

    fn write_mark(&mut self, clean_close: bool) -> Result<(), Failure> {
        self.check_epoch()?;
        self.sync_active()?;
        let end = self.active.offset.saturating_add(BLOCK_BYTES as u64);
        if end > self.active.length {
            // A segment that is full has no room for a mark; the header of the next one is its witness.
            self.marked = true;
            return Ok(());
        }
        self.buffer.clear();
        let events_end = self.active.events_end;
        let written = self.stamp().mark(self.next, clean_close, &mut self.buffer);
        self.active.chain = written.chain;
        self.flush()?;
        self.active.events_end = events_end;
        self.sync_active()?;
        self.marked = true;
        let first = self.active.header.first;
        if let Some(segment) = self.shared.write_state().segments.get_mut(&first) {
            segment.used_bytes = self.active.offset;
        }
        Ok(())
    }

    /// Says in a durable place that the log ends here, so that the next opening need not look behind the
    /// end. The epoch rises once more: the record before stays whole, whatever becomes of this one.
    pub(super) fn close_record(&mut self) {
        if self.stopped.is_some() || !self.marked || self.check_epoch().is_err() {
            return;
        }
        let segment = self.active.header.first;
        let closed_at = Some(ClosedAt { segment, offset: self.active.offset });
        let (log_id, epoch) = (self.active.header.log_id, self.epoch.next());
        // Without it the next opening looks behind the end.
        self.writer_file.write(WriterRecord { log_id, epoch, closed_at }).ok();
    }

    /// Writes the index of the active segment, so that the next opening need not read its frames.
    pub(super) fn write_index(&self) {
        if self.stopped.is_some() || !self.marked {
            return;
        }
        let (offset, chain) = self.active.events_end;
        let header = &self.active.header;
        let of = IndexOf {
            log_id: header.log_id,
            generation: header.generation,
            first: header.first,
            end: self.next,
            offset,
            chain,
        };
        let index = {
            let state = self.shared.read_state();
            state.segments.get(&header.first).map(|segment| Arc::clone(&segment.index))
        };
        if let Some(index) = index.filter(|index| !index.frames().is_empty()) {
            // Without it the next opening reads the frames.
            self.directory.put_index(header.first, &index.encode(&of)).ok();
        }
    }

    /// Stops after a failure, and shows readers how far the log is durable.
    fn settle(&mut self, done: Result<(), Failure>) -> Result<(), AppendError> {
        let (stopped, events) = match done {
            Ok(()) => {
                let mut state = self.shared.write_state();
                state.durable = self.durable;
                let syncs = &mut state.statistics.syncs_total;
                *syncs = syncs.saturating_add(std::mem::take(&mut self.syncs));
                return Ok(());
            }
            Err(Failure::Fenced(current)) => (Stopped::Fenced(current), Vec::new()),
            Err(Failure::Untouched(error) | Failure::Unknown(error)) => {
                (Stopped::Poisoned(Arc::new(error)), Vec::new())
            }
        };
        let error = stopped.error(events);
        self.stopped = Some(stopped);
        Err(error)
    }
}
