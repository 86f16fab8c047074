//! Opening a log for writing: from what was found on the disk to an engine that can go on.
//!
//! Where the last frame is a mark, everything before it is proven and writing goes on behind it, once the
//! mark itself has been written again and synced. Otherwise what is not proven (positions above the
//! watermark) is copied into a new segment and synced before anybody sees it: it may have been read from
//! pages that never reached the disk.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use steadfast_base::storage::{OpenMode, StorageLock};
use steadfast_base::{Seed, Time};

use super::OpenError;
use super::config::Config;
use super::directory::{Directory, WriterRecord};
use super::engine::{Engine, blocks, epoch_number};
use super::recovery::{Indexes, Recovered, recover};
use super::scan::{Scanned, scan};
use super::segment_file::{Active, Spare};
use super::shared::Shared;
use super::state::{Segment, State};
use crate::append::{Epoch, Placed};
use crate::event::{Event, NewEvent, Position};
use crate::format::frame::{
    FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FrameBuilder, FrameHeader, FrameStamp, Names,
    decode_events,
};
use crate::format::{
    BLOCK_BYTES, FormatError, Predecessor, SEGMENT_HEADER_BYTES, Scratch, SegmentHeader,
};
use crate::read::{Query, ReadError};

/// How much room the segment made at opening has beside the events it takes over; the next one, made
/// ahead in the background, is a full one.
const OPENING_BYTES: u64 = 1 << 20;

/// Opens a log for writing.
pub(super) fn open(
    directory: &Directory,
    config: Config,
    time: Time,
) -> Result<(Engine, Box<dyn StorageLock>), OpenError> {
    directory.storage.create_dir(&directory.path)?;
    let lock = match directory.storage.lock(&directory.at("LOCK")) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(OpenError::Locked),
        other => other?,
    };
    let mut recovered = recover_sound(directory, &config)?;
    for name in std::mem::take(&mut recovered.leftovers) {
        directory.storage.remove(&directory.at(&name))?;
    }
    let writer_file = directory.writer_file()?;
    let record = next_writer(recovered.writer);
    // Before anything else is written: whoever held the log is shut out from here on.
    writer_file.write(record)?;
    if has_grown(directory, &recovered)? {
        // Whoever lost the lock and did not know it has been answered meanwhile.
        recovered = recover_sound(directory, &config)?;
    }
    let Recovered { mut state, last, mut catalog, .. } = recovered;
    catalog.log_id = record.log_id;
    let opening = Opening { directory, config: &config, time: &time, record };
    let (active, marked) = match last {
        None => (opening.first_segment(&mut state)?, false),
        Some(last) if last.mark.is_some() => (opening.go_on(last, &mut state)?, true),
        Some(last) => (opening.take_over(last, &mut state)?, false),
    };
    let next = state.next;
    state.durable = next.previous();
    let epoch = Some(record.epoch);
    let shared = Shared::new(config, directory.clone(), time, state, catalog, epoch);
    // From here on: whatever the segment holds now is synced.
    let mut active = active;
    let (file, behind) = shared.config.write_behind(Arc::clone(&active.file));
    shared.set_behind(behind);
    if let Some(segment) = shared.write_state().segments.get_mut(&active.header.first) {
        segment.file = Arc::clone(&file);
    }
    active.file = file;
    let mut engine =
        Engine::new(Arc::new(shared), directory.clone(), writer_file, record.epoch, active, next);
    engine.marked = marked;
    Ok((engine, lock))
}

/// What a directory holds, if none of it is damaged.
fn recover_sound(directory: &Directory, config: &Config) -> Result<Recovered, OpenError> {
    let recovered = recover(directory, config.tail_events, config.scan_threads, Indexes::Use)?;
    match recovered.state.damage.values().next() {
        Some(damage) => Err(damage.error().into()),
        None => Ok(recovered),
    }
}

/// Whether there may be more now than was found; saying so of what is torn costs time, no more.
fn has_grown(directory: &Directory, recovered: &Recovered) -> io::Result<bool> {
    let newest = directory.survey()?.segments.pop();
    let Some(last) = &recovered.last else {
        return Ok(newest != recovered.state.segments.keys().next_back().copied());
    };
    let mut is_more = newest != Some(last.header.first);
    // The next frame begins right there, or at the next block.
    for offset in [last.offset, blocks(last.offset)] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let read = last.file.pread(&mut bytes, offset)?;
        let header = FrameHeader::decode(bytes.get(..read).unwrap_or_default());
        is_more |= header.ok().flatten().is_some_and(|header| header.first == last.next);
    }
    Ok(is_more)
}

/// The record of this writer, given the one before.
fn next_writer(before: Option<WriterRecord>) -> WriterRecord {
    let log_id = || Seed::from_entropy().stream("log id").next_u64();
    match before {
        Some(before) => WriterRecord { epoch: before.epoch.next(), closed_at: None, ..before },
        None => WriterRecord { log_id: log_id(), epoch: Epoch::new(1), closed_at: None },
    }
}

struct Opening<'a> {
    directory: &'a Directory,
    config: &'a Config,
    time: &'a Time,
    record: WriterRecord,
}

impl Opening<'_> {
    fn header(&self, first: Position, generation: u32) -> SegmentHeader {
        SegmentHeader {
            sealed: false,
            log_id: self.record.log_id,
            generation,
            epoch: epoch_number(self.record.epoch),
            first,
            predecessor: None,
            created: self.time.timestamp(),
        }
    }

    /// The first segment of a new log, or one behind a sealed one.
    fn first_segment(&self, state: &mut State) -> Result<Active, OpenError> {
        let mut header = self.header(state.next, 1);
        if let Some(before) = state.segments.values().next_back() {
            // The last segment is sealed: its successor was never written to and is lost.
            header.generation = before.header.generation.wrapping_add(1);
            header.predecessor = before.sealed.as_ref().map(|sealed| Predecessor {
                first: before.header.first,
                end: sealed.view.trailer().end(),
                chain: sealed.view.trailer().chain,
            });
        }
        self.new_segment(header, &[], state)
    }

    /// Goes on behind the mark that ends the last segment.
    fn go_on(&self, last: Scanned, state: &mut State) -> Result<Active, OpenError> {
        let path = self.directory.segment(last.header.first);
        let file = self.directory.storage.open(&path, OpenMode::Write)?;
        let offset = last.mark.unwrap_or(SEGMENT_HEADER_BYTES as u64);
        let mut mark = vec![0; BLOCK_BYTES];
        file.pread_exact(&mut mark, offset)?;
        file.pwrite(&mark, offset)?;
        file.datasync()?;
        let mut active = Active::new(file, last.header, last.length);
        active.offset = last.offset;
        active.chain = last.chain;
        active.events_end = last.events_end;
        state.add_segment(Segment::new(last, path));
        Ok(active)
    }

    /// Copies what is not proven into a new segment.
    fn take_over(&self, mut last: Scanned, state: &mut State) -> Result<Active, OpenError> {
        let proven = last.durable.next();
        let cut = last.links.iter().position(|link| link.header.end() > proven);
        let unproven = cut.and_then(|cut| last.links.get(cut..)).unwrap_or_default();
        let (end, chain, offset) =
            unproven.first().map_or((last.next, last.chain, last.offset), |link| {
                (link.header.first, link.header.previous, link.offset)
            });
        let mut events = Vec::new();
        let (mut names, mut scratch) = (Names::new(), Scratch::new());
        for link in unproven {
            let mut bytes = vec![0; link.header.frame_bytes()];
            last.file.pread_exact(&mut bytes, link.offset)?;
            let frame = Bytes::from(bytes);
            let decoded = decode_events(&frame, &Query::all(), &mut names, &mut scratch);
            let damaged = |error: FormatError| ReadError::Corruption {
                segment: last.header.first,
                offset: link.offset,
                position: link.header.first,
                damage: error.kind(),
            };
            events.push(decoded.map_err(damaged)?);
        }
        let mut header = self.header(end, last.header.generation.wrapping_add(1));
        if end == last.header.first {
            // Nothing of the last segment is proven: the new one takes its place, and its name.
            header.predecessor = last.header.predecessor;
            return self.new_segment(header, &events, state);
        }
        header.predecessor = Some(Predecessor { first: last.header.first, end, chain });
        let path = self.directory.segment(last.header.first);
        let kept = last.index.frames().len().saturating_sub(unproven.len());
        last.index.cut(kept);
        (last.next, last.chain, last.offset) = (end, chain, offset);
        state.add_segment(Segment::new(last, path.clone()));
        let active = self.new_segment(header, &events, state)?;
        // The successor is durable: what lies behind the cut is never read again.
        let before = self.directory.storage.open(&path, OpenMode::Write)?;
        before.set_length(blocks(offset))?;
        Ok(active)
    }

    /// Makes a segment with the events of an earlier one, in the same frames.
    fn new_segment(
        &self,
        header: SegmentHeader,
        events: &[Vec<Event>],
        state: &mut State,
    ) -> Result<Active, OpenError> {
        let mut builder = FrameBuilder::new(self.config.compression);
        let mut frames = Vec::new();
        let mut chain = header.chain();
        for frame in events {
            for event in frame {
                let (event, placed) = take_apart(event);
                builder.push(&event, placed).expect("what was one frame is one frame again");
            }
            let stamp = FrameStamp {
                log_id: header.log_id,
                generation: header.generation,
                epoch: header.epoch,
                durable: header.first.previous(),
                previous: chain,
                packed: false,
            };
            chain = builder.finish(&stamp, &mut frames).chain;
        }
        let taken = SEGMENT_HEADER_BYTES.saturating_add(frames.len()) as u64;
        let room = OPENING_BYTES.min(self.config.segment_bytes);
        let length = taken.saturating_add(room);
        let spare = Spare::make(self.directory, 0, length, self.config.fill())?;
        let length = spare.length;
        // INV-LOG-3: what was not proven to be synced is synced again before it is served.
        let file = spare.become_segment(self.directory, &header, &frames)?;
        let path = self.directory.segment(header.first);
        let scanned = scan(Arc::clone(&file), header, None, None)?;
        let mut active = Active::new(file, header, length);
        active.offset = scanned.offset;
        active.chain = scanned.chain;
        active.events_end = scanned.events_end;
        state.next = scanned.next;
        state.add_segment(Segment::new(scanned, path));
        Ok(active)
    }
}

/// A stored event as what was appended and where it was put.
fn take_apart(event: &Event) -> (NewEvent, Placed) {
    let placed = Placed { position: event.position, seq: event.seq, at: event.at };
    let new = NewEvent {
        id: event.id,
        kind: event.kind.clone(),
        actor: event.actor.clone(),
        at: Some(event.at),
        correlation: event.correlation,
        causation: event.causation,
        turn: event.turn,
        payload: event.payload.clone(),
    };
    (new, placed)
}

const _: () = assert!(FRAME_BYTES_MAX as u64 >= OPENING_BYTES);
