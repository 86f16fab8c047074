//! The writer: takes groups of requests, writes them as frames, syncs once, and tells everybody.
//!
//! It belongs to one thread at a time: the writer's, or that of a caller who blocks and finds nobody before
//! him. Everything it decides is in [`Group`] and the format; what is here is the
//! order of writes and syncs, on which all promises rest:
//!
//! 1. decide, encode, write, sync, only then publish and answer;
//! 2. a failed write or sync is never repeated: the log is poisoned until it is opened again;
//! 3. a new segment has its header synced before it gets its name, its name before its first frame,
//!    and everything before it synced before that.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::Durability;
use super::directory::{Directory, WriterFile};
use super::group::{Group, Now, Pieces, Reply, Request};
use super::known::LogView;
use super::pieces::PIECE_BYTES;
use super::segment_file::{Active, Spare};
use super::shared::Shared;
use super::state::Segment;
use crate::append::{Append, AppendError, Appended, Cause, Epoch};
use crate::event::{NewEvent, Position};
use crate::format::frame::{FRAME_BYTES_MAX, FrameBuilder, FrameStamp, Names, Written};
use crate::format::{BLOCK_BYTES, Predecessor, SEGMENT_HEADER_BYTES, Scratch, SegmentHeader};

/// What the events of a frame weigh at most: beside them there is its header.
const EVENTS_BYTES_MAX: usize = FRAME_BYTES_MAX - BLOCK_BYTES;

/// A frame of the group under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupFrame {
    pub(super) segment: Position,
    pub(super) offset: u64,
    pub(super) written: Written,
    /// The earliest and the latest time of its events, in microseconds.
    pub(super) times: (i64, i64),
}

/// The requests of a group whose events are in the frame being built, and their places.
#[derive(Clone, Debug, Default)]
struct InFrame {
    taken: Range<usize>,
    places: Range<usize>,
}

/// Why nothing more is written.
#[derive(Clone, Debug)]
pub(super) enum Stopped {
    Poisoned(Cause),
    Fenced(Epoch),
}

/// How a group failed.
#[derive(Debug)]
pub(super) enum Failure {
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
    /// How much was written since a sync was asked for that nobody waits for.
    unasked_bytes: u64,
    /// How many syncs are not in the statistics yet.
    pub(super) syncs: u64,
    /// Whether the last frame says how far the log is durable, and that is up to itself.
    pub(super) marked: bool,
    pub(super) stopped: Option<Stopped>,
    /// The answer to the caller who does the work himself.
    pub(super) own_answer: Option<Result<Appended, AppendError>>,
    /// The memory of the group before.
    group: Option<Box<Group>>,
    builder: FrameBuilder,
    pub(super) buffer: Vec<u8>,
    pub(super) frames: Vec<GroupFrame>,
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
            unasked_bytes: 0,
            syncs: 0,
            marked: false,
            stopped: None,
            own_answer: None,
            group: None,
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
        let mut group = self.group.take().unwrap_or_default();
        group.clear();
        let shared = Arc::clone(&self.shared);
        let mut now = Now::new(&shared.time);
        for request in requests {
            self.take(request, &mut group, &mut now);
        }
        if !group.taken.is_empty() {
            self.shared.count_commit();
            match self.write(&group) {
                // INV-LOG-1: what a group holds is on the disk before anybody sees or is told of it.
                Ok(()) => self.publish(&mut group),
                Err(failure) => self.fail(&mut group, failure),
            }
        }
        // Whoever waits has been answered: what is left of the events goes now.
        group.taken.clear();
        self.group = Some(group);
    }

    /// Stores a request on the thread of its caller.
    pub(super) fn commit_here(&mut self, append: Append) -> Result<Appended, AppendError> {
        self.commit(std::iter::once(Request { append, reply: Reply::Here }));
        if self.shared.config.tick().is_some() && !self.shared.set_watched(true) {
            self.shared.queue.nudge();
        }
        self.own_answer.take().expect("a commit answers every request")
    }

    /// Decides a request; it is answered, or in the group.
    fn take(&mut self, request: Request, group: &mut Group, now: &mut Now<'_>) {
        if let Some(stopped) = &self.stopped {
            self.shared.count_failures(1);
            let error = stopped.error(request.append.events);
            self.reply(request.reply, Err(error));
            return;
        }
        let fence = request.append.fence.as_ref();
        if let Some(current) = fence.and_then(|fence| self.shared.newer_epoch(fence)) {
            self.shared.count_failures(1);
            let error = AppendError::Fenced { current, events: request.append.events };
            self.reply(request.reply, Err(error));
            return;
        }
        let next = group.end().unwrap_or(self.next);
        let decided = {
            let mut log = LogView::new(&self.shared, &mut self.names, &mut self.scratch);
            group.decide(request, &mut log, next, now)
        };
        if let Some((reply, answer)) = decided {
            match &answer {
                Ok(_) => self.shared.count_duplicate(),
                Err(_) => self.shared.count_failures(1),
            }
            self.reply(reply, answer);
        }
    }

    /// Writes the events of a group, and syncs them where that is promised.
    fn write(&mut self, group: &Group) -> Result<(), Failure> {
        if self.shared.is_check_due() {
            self.check_epoch()?;
        }
        self.buffer.clear();
        self.frames.clear();
        self.builder.clear();
        let mut frame = InFrame::default();
        // What the frame weighs at most.
        let mut bytes = 0_usize;
        for taken in &group.taken {
            // A request on its own is below the limit of a frame, whatever it weighs.
            let own = if group.taken.len() > 1 { taken.size_bytes() } else { 0 };
            if !frame.taken.is_empty() && bytes.saturating_add(own) > EVENTS_BYTES_MAX {
                self.write_frame(group, &frame)?;
                frame = InFrame {
                    taken: frame.taken.end..frame.taken.end,
                    places: frame.places.end..frame.places.end,
                };
                bytes = 0;
            }
            bytes = bytes.saturating_add(own);
            frame.taken.end = frame.taken.end.saturating_add(1);
            frame.places.end = frame.places.end.saturating_add(taken.events.len());
        }
        self.write_frame(group, &frame)?;
        self.flush()?;
        if self.shared.config.durability == Durability::Sync {
            self.sync_active()?;
        }
        Ok(())
    }

    /// Writes a frame, in a new segment if it does not fit the active one. The events of a request are in one
    /// frame: the limits of a batch are below those of a frame, so that it is whole or absent.
    fn write_frame(&mut self, group: &Group, frame: &InFrame) -> Result<(), Failure> {
        let taken = group.taken.get(frame.taken.clone()).unwrap_or_default();
        let places = group.places.get(frame.places.clone()).unwrap_or_default();
        let pieces = Pieces { taken, places };
        pieces.for_each(|event, place| {
            self.builder.look_at(event, place.placed, Some(place.actor));
        });
        let bound = blocks(self.builder.raw_bytes() as u64);
        let end = self.active.offset.saturating_add(self.buffer.len() as u64);
        if end.saturating_add(bound) > self.active.length {
            self.roll(bound)?;
        }
        let offset = self.active.offset.saturating_add(self.buffer.len() as u64);
        let stamp = self.stamp();
        let times = self.builder.times();
        let written = self.builder.write(&pieces, &stamp, &mut self.buffer);
        self.active.chain = written.chain;
        let segment = self.active.header.first;
        self.frames.push(GroupFrame { segment, offset, written, times });
        Ok(())
    }

    /// Goes on in a new segment with room for a frame of `bytes`.
    pub(super) fn roll(&mut self, bytes: u64) -> Result<(), Failure> {
        let spare = self.spare(bytes);
        let spare = spare.map_err(|error| self.failure(error))?;
        self.flush()?;
        self.sync_active()?;
        let end = self.frames.last().map_or(self.next, |frame| frame.written.end);
        let before = &self.active;
        let linked = Predecessor { first: before.header.first, end, chain: before.chain };
        // INV-LOG-8: one without an event has no name of its own left: the new one takes its place.
        let is_empty = before.header.first == end;
        let header = SegmentHeader {
            sealed: false,
            log_id: before.header.log_id,
            generation: before.header.generation.wrapping_add(1),
            epoch: epoch_number(self.epoch),
            first: end,
            predecessor: if is_empty { before.header.predecessor } else { Some(linked) },
            created: self.shared.time.timestamp(),
        };
        let length = spare.length;
        let file = spare.become_segment(&self.directory, &header, &[]).map_err(Failure::Unknown)?;
        self.syncs = self.syncs.saturating_add(2);
        let (file, behind) = self.shared.config.write_behind(file);
        self.shared.set_behind(behind);
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
        let fill = self.shared.config.fill();
        Spare::make(&self.directory, self.spares_made.saturating_mul(2), length, fill)
    }

    /// Hands what is encoded to the storage.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
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
        self.unasked_bytes = self.unasked_bytes.saturating_add(bytes);
        if self.unasked_bytes >= PIECE_BYTES && self.shared.config.durability != Durability::Sync {
            self.unasked_bytes = 0;
            self.shared.want_piece();
        }
        Ok(())
    }

    pub(super) fn sync_active(&mut self) -> Result<(), Failure> {
        if !self.unsynced {
            return Ok(());
        }
        self.await_piece()?;
        self.active.file.datasync().map_err(Failure::Unknown)?;
        self.unasked_bytes = 0;
        self.syncs = self.syncs.saturating_add(1);
        self.unsynced = false;
        // No sector that holds what is synced is written again.
        self.active.offset = blocks(self.active.offset);
        let end = self.frames.last().map_or(self.next, |frame| frame.written.end);
        self.durable = end.max(self.next).previous();
        Ok(())
    }

    /// Fails if the log was opened for writing again.
    pub(super) fn check_epoch(&mut self) -> Result<(), Failure> {
        match self.writer_file.read() {
            Ok(Some(record)) if record.epoch > self.epoch => Err(Failure::Fenced(record.epoch)),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Untouched(error)),
        }
    }

    pub(super) fn stamp(&self) -> FrameStamp {
        FrameStamp {
            log_id: self.active.header.log_id,
            generation: self.active.header.generation,
            epoch: epoch_number(self.epoch),
            durable: self.durable,
            previous: self.active.chain,
            packed: self.shared.config.durability != Durability::Sync,
        }
    }

    /// Whether anything of the group was written when something failed.
    fn failure(&self, error: io::Error) -> Failure {
        if self.frames.is_empty() { Failure::Untouched(error) } else { Failure::Unknown(error) }
    }
}

impl Stopped {
    pub(super) fn error(&self, events: Vec<NewEvent>) -> AppendError {
        match self {
            Self::Poisoned(cause) => AppendError::Poisoned { cause: Arc::clone(cause), events },
            Self::Fenced(current) => AppendError::Fenced { current: *current, events },
        }
    }
}

/// A length in whole blocks.
pub(super) fn blocks(bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(BLOCK_BYTES as u64).unwrap_or(u64::MAX)
}

/// The epoch as frames carry it.
pub(super) fn epoch_number(epoch: Epoch) -> u32 {
    u32::try_from(epoch.get()).unwrap_or(u32::MAX)
}
