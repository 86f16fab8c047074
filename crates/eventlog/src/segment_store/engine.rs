//! The writer: takes groups of requests, writes them as frames, syncs once, and tells everybody.
//!
//! It belongs to one thread. Everything it decides is in [`Group`] and the format; what is here is the
//! order of writes and syncs, on which all promises rest:
//!
//! 1. decide, encode, write, sync, only then publish and answer;
//! 2. a failed write or sync is never repeated: the log is poisoned until it is opened again;
//! 3. a new segment has its header synced before it gets its name, its name before its first frame,
//!    and everything before it synced before that.

use std::io;
use std::sync::Arc;

use steadfast_base::Timestamp;

use super::directory::{Directory, WriterFile};
use super::group::{Group, Request};
use super::known::LogView;
use super::segment_file::{Active, Spare};
use super::shared::Shared;
use super::state::Segment;
use super::{Durability, publish};
use crate::append::{AppendError, Appended, Cause, Epoch, Placed, Places};
use crate::event::{NewEvent, Position};
use crate::format::frame::{FRAME_BYTES_MAX, FrameBuilder, FrameStamp, Names, Written};
use crate::format::{
    BLOCK_BYTES, IndexOf, Predecessor, SEGMENT_HEADER_BYTES, Scratch, SegmentHeader,
};

/// A frame of the group under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupFrame {
    pub(super) segment: Position,
    pub(super) offset: u64,
    pub(super) written: Written,
}

/// Why nothing more is written.
#[derive(Clone, Debug)]
pub(super) enum Stopped {
    Poisoned(Cause),
    Fenced(Epoch),
}

/// How a group failed.
#[derive(Debug)]
enum Failure {
    /// Nothing of it was written.
    Untouched(io::Error),
    /// Some of it may have been written.
    Unknown(io::Error),
    /// Somebody else has taken over; nothing of it was written.
    Fenced(Epoch),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) directory: Directory,
    pub(super) writer_file: WriterFile,
    pub(super) epoch: Epoch,
    pub(super) active: Active,
    /// The position behind the last one given.
    pub(super) next: Position,
    pub(super) durable: Position,
    /// Whether something was written since the last sync.
    unsynced: bool,
    /// Whether the last frame says how far the log is durable, and that is up to itself.
    pub(super) marked: bool,
    /// Whether that mark does not say that the log was closed.
    idle_mark: bool,
    stopped: Option<Stopped>,
    builder: FrameBuilder,
    buffer: Vec<u8>,
    frames: Vec<GroupFrame>,
    names: Names,
    scratch: Scratch,
    spares_made: u64,
}

impl Engine {
    pub(super) fn new(
        shared: Arc<Shared>,
        directory: Directory,
        writer_file: WriterFile,
        epoch: Epoch,
        active: Active,
        next: Position,
    ) -> Self {
        let builder = FrameBuilder::new(shared.config.compression);
        Self {
            shared,
            directory,
            writer_file,
            epoch,
            active,
            next,
            durable: next.previous(),
            unsynced: false,
            marked: false,
            idle_mark: false,
            stopped: None,
            builder,
            buffer: Vec::new(),
            frames: Vec::new(),
            names: Names::new(),
            scratch: Scratch::new(),
            spares_made: 0,
        }
    }

    /// Stores what can be stored of some requests, and answers all of them.
    pub(super) fn commit(&mut self, requests: impl IntoIterator<Item = Request>) {
        let now = self.shared.time.timestamp();
        let mut group = Group::default();
        for request in requests {
            self.take(request, &mut group, now);
        }
        if group.taken.is_empty() {
            return;
        }
        match self.write(&group) {
            // INV-LOG-1: what a group holds is on the disk before anybody sees or is told of it.
            Ok(()) => self.publish(group),
            Err(failure) => self.fail(group, failure),
        }
    }

    /// Decides a request; it is answered, or in the group.
    fn take(&mut self, request: Request, group: &mut Group, now: Timestamp) {
        let Request { append, completion } = request;
        if let Some(stopped) = &self.stopped {
            self.shared.count_failures(1);
            completion.complete(Err(stopped.error(append.events)));
            return;
        }
        let fenced = append.fence.as_ref().and_then(|fence| self.shared.newer_epoch(fence));
        if let Some(current) = fenced {
            self.shared.count_failures(1);
            completion.complete(Err(AppendError::Fenced { current, events: append.events }));
            return;
        }
        let shared = Arc::clone(&self.shared);
        let state = shared.read_state();
        let (names, scratch) = (&mut self.names, &mut self.scratch);
        let mut log = LogView { state: &state, names, scratch };
        let next = group.events.last().map_or(self.next, |(_, placed)| placed.position.next());
        let decided = group.decide(append, &mut log, next, now);
        drop(state);
        match decided {
            Ok(count) => group.taken.push(super::group::Taken { count, completion }),
            Err(answer) => {
                match &answer {
                    Ok(_) => self.shared.count_duplicate(),
                    Err(_) => self.shared.count_failures(1),
                }
                completion.complete(answer);
            }
        }
    }

    /// Writes the events of a group, and syncs them where that is promised.
    fn write(&mut self, group: &Group) -> Result<(), Failure> {
        self.check_epoch()?;
        self.buffer.clear();
        self.frames.clear();
        self.builder.clear();
        let mut rest = group.events.as_slice();
        for taken in &group.taken {
            let (own, after) = rest.split_at_checked(taken.count).unwrap_or_default();
            rest = after;
            self.add(own)?;
        }
        self.finish_frame()?;
        self.flush()?;
        if self.shared.config.durability == Durability::Sync {
            self.sync_active()?;
        }
        Ok(())
    }

    /// Adds the events of one request to the frame being built: all of them, or a new frame is begun.
    fn add(&mut self, own: &[(NewEvent, Placed)]) -> Result<(), Failure> {
        let sizes = own.iter().map(|(event, _)| event.size_bytes());
        let size = sizes.fold(self.builder.raw_bytes(), usize::saturating_add);
        if !self.builder.is_empty() && size > FRAME_BYTES_MAX {
            self.finish_frame()?;
        }
        for (event, placed) in own {
            // The limits of a batch are below those of a frame, so that it is whole or absent.
            self.builder.push(event, *placed).expect("a batch fits an empty frame");
        }
        Ok(())
    }

    /// Ends the frame being built, in a new segment if it does not fit the active one.
    fn finish_frame(&mut self) -> Result<(), Failure> {
        if self.builder.is_empty() {
            return Ok(());
        }
        let bound = blocks(self.builder.raw_bytes());
        let end = self.active.offset.saturating_add(self.buffer.len() as u64);
        if end.saturating_add(bound) > self.active.length {
            self.roll(bound)?;
        }
        let offset = self.active.offset.saturating_add(self.buffer.len() as u64);
        let stamp = self.stamp();
        let written = self.builder.finish(&stamp, &mut self.buffer);
        self.active.chain = written.chain;
        let segment = self.active.header.first;
        self.frames.push(GroupFrame { segment, offset, written });
        Ok(())
    }

    /// Goes on in a new segment with room for a frame of `bytes`.
    fn roll(&mut self, bytes: u64) -> Result<(), Failure> {
        let spare = self.spare(bytes);
        let spare = spare.map_err(|error| self.failure(error))?;
        self.flush()?;
        self.sync_active()?;
        let end = self.frames.last().map_or(self.next, |frame| frame.written.end);
        let before = &self.active;
        let header = SegmentHeader {
            sealed: false,
            log_id: before.header.log_id,
            generation: before.header.generation.wrapping_add(1),
            epoch: epoch_number(self.epoch),
            first: end,
            predecessor: Some(Predecessor { first: before.header.first, end, chain: before.chain }),
            created: self.shared.time.timestamp(),
        };
        let length = spare.length;
        let file = spare.become_segment(&self.directory, &header, &[]).map_err(Failure::Unknown)?;
        self.shared.count_syncs(2);
        let segment = Segment {
            header,
            file: Arc::clone(&file),
            path: self.directory.segment(header.first),
            index: Arc::default(),
            is_indexed: false,
            sealed: None,
            used_bytes: SEGMENT_HEADER_BYTES as u64,
            file_bytes: length,
        };
        self.shared.write_state().segments.insert(header.first, segment);
        self.active = Active::new(file, header, length);
        self.shared.want_spare();
        self.shared.tell_full();
        Ok(())
    }

    /// A spare with room for a frame of `bytes`: the one made ahead, or one made now.
    fn spare(&mut self, bytes: u64) -> io::Result<Spare> {
        let need = bytes.saturating_add(SEGMENT_HEADER_BYTES as u64);
        let length = self.shared.config.segment_bytes.max(need);
        if let Some(spare) = self.shared.take_spare() {
            if spare.length >= length {
                return Ok(spare);
            }
            spare.discard(&self.directory);
        }
        self.spares_made = self.spares_made.saturating_add(1);
        // Even numbers are this thread's, odd ones those of the thread that makes spares ahead.
        Spare::make(&self.directory, self.spares_made.saturating_mul(2), length)
    }

    /// Hands what is encoded to the storage.
    fn flush(&mut self) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.active.file.pwrite(&self.buffer, self.active.offset);
        written.map_err(Failure::Unknown)?;
        let bytes = self.buffer.len() as u64;
        self.active.offset = self.active.offset.saturating_add(bytes);
        self.active.events_end = (self.active.offset, self.active.chain);
        self.buffer.clear();
        self.unsynced = true;
        self.marked = false;
        Ok(())
    }

    fn sync_active(&mut self) -> Result<(), Failure> {
        if !self.unsynced {
            return Ok(());
        }
        self.active.file.datasync().map_err(Failure::Unknown)?;
        self.shared.count_syncs(1);
        self.unsynced = false;
        let end = self.frames.last().map_or(self.next, |frame| frame.written.end);
        self.durable = end.max(self.next).previous();
        Ok(())
    }

    /// Fails if the log was opened for writing again.
    fn check_epoch(&mut self) -> Result<(), Failure> {
        match self.writer_file.read() {
            Ok(Some(record)) if record.epoch > self.epoch => Err(Failure::Fenced(record.epoch)),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Untouched(error)),
        }
    }

    fn stamp(&self) -> FrameStamp {
        FrameStamp {
            log_id: self.active.header.log_id,
            generation: self.active.header.generation,
            epoch: epoch_number(self.epoch),
            durable: self.durable,
            previous: self.active.chain,
        }
    }

    /// Whether anything of the group was written when something failed.
    fn failure(&self, error: io::Error) -> Failure {
        if self.frames.is_empty() { Failure::Untouched(error) } else { Failure::Unknown(error) }
    }

    /// Lets readers see a group, then answers it.
    fn publish(&mut self, mut group: Group) {
        self.next = group.events.last().map_or(self.next, |(_, placed)| placed.position.next());
        let mut answers = Vec::with_capacity(group.taken.len());
        let wakers = {
            let mut state = self.shared.write_state();
            publish::publish(&mut state, &self.frames, &group.events, self.durable);
            let taken = u64::try_from(group.taken.len()).unwrap_or(u64::MAX);
            let statistics = &mut state.statistics;
            statistics.appends_total = statistics.appends_total.saturating_add(taken);
            let mut events = group.events.drain(..);
            for taken in group.taken.drain(..) {
                let mut places = Vec::with_capacity(taken.count);
                for (event, placed) in events.by_ref().take(taken.count) {
                    places.push(placed);
                    state.push_tail(event.placed(placed));
                }
                answers.push((taken.completion, places));
            }
            state.take_wakers()
        };
        for (completion, places) in answers {
            completion.complete(Ok(Appended { places: Places::from(places), duplicate: false }));
        }
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// Answers a group that failed, and stops if it must.
    fn fail(&mut self, mut group: Group, failure: Failure) {
        let taken = u64::try_from(group.taken.len()).unwrap_or(u64::MAX);
        self.shared.count_failures(taken);
        let events_of = |own: Vec<(NewEvent, Placed)>| own.into_iter().map(|(event, _)| event);
        match failure {
            Failure::Untouched(error) => {
                let cause: Cause = Arc::new(error);
                group.answer(|own| {
                    let cause = Arc::clone(&cause);
                    Err(AppendError::Unavailable { cause, events: events_of(own).collect() })
                });
            }
            Failure::Unknown(error) => {
                let cause: Cause = Arc::new(error);
                // INV-LOG-2: nothing is written or synced after a write or sync has failed.
                self.stopped = Some(Stopped::Poisoned(Arc::clone(&cause)));
                group.answer(|own| {
                    let cause = Arc::clone(&cause);
                    Err(AppendError::CommitUnknown { cause, events: events_of(own).collect() })
                });
            }
            Failure::Fenced(current) => {
                self.stopped = Some(Stopped::Fenced(current));
                group.answer(|own| {
                    Err(AppendError::Fenced { current, events: events_of(own).collect() })
                });
            }
        }
    }

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
        if self.marked && !(clean_close && self.idle_mark) {
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
            (self.marked, self.idle_mark) = (true, false);
            return Ok(());
        }
        self.buffer.clear();
        let events_end = self.active.events_end;
        let written = self.stamp().mark(self.next, clean_close, &mut self.buffer);
        self.active.chain = written.chain;
        self.flush()?;
        self.active.events_end = events_end;
        self.sync_active()?;
        (self.marked, self.idle_mark) = (true, !clean_close);
        let first = self.active.header.first;
        if let Some(segment) = self.shared.write_state().segments.get_mut(&first) {
            segment.used_bytes = self.active.offset;
        }
        Ok(())
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
                self.shared.write_state().durable = self.durable;
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

impl Stopped {
    fn error(&self, events: Vec<NewEvent>) -> AppendError {
        match self {
            Self::Poisoned(cause) => AppendError::Poisoned { cause: Arc::clone(cause), events },
            Self::Fenced(current) => AppendError::Fenced { current: *current, events },
        }
    }
}

/// A length in whole blocks.
fn blocks(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes.checked_next_multiple_of(BLOCK_BYTES as u64).unwrap_or(u64::MAX)
}

/// The epoch as frames carry it.
pub(super) fn epoch_number(epoch: Epoch) -> u32 {
    u32::try_from(epoch.get()).unwrap_or(u32::MAX)
}
