//! Reading a segment file frame by frame: what is whole, where it stops, and what witnesses there are.

use std::io;
use std::sync::Arc;

use steadfast_base::storage::StorageFile;

use super::directory::ClosedAt;
use crate::event::Position;
use crate::format::frame::{FrameHeader, FrameView, check_frame};
use crate::format::{
    BLOCK_BYTES, FormatError, IndexOf, SEGMENT_HEADER_BYTES, Scratch, SegmentHeader, SegmentIndex,
};
use crate::read::{DamageKind, ReadError};

/// How much is read at once.
const WINDOW_BYTES: usize = 1 << 20;
const BLOCK: u64 = 4_096;
const PACKED_UNIT: u64 = 16;
const SECTOR_BYTES: usize = 512;
const HEADER_BYTES: usize = crate::format::frame::FRAME_HEADER_BYTES;

/// A stretch of a segment that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) segment: Position,
    pub(super) offset: u64,
    /// The first position that is lost.
    pub(super) position: Position,
    /// The first position behind it that is not.
    pub(super) next: Position,
    pub(super) kind: DamageKind,
}

impl Damage {
    /// A whole segment is not there.
    pub(super) fn missing(first: Position, next: Position) -> Self {
        let kind = DamageKind::Truncated;
        Self { segment: Position::ZERO, offset: 0, position: first, next, kind }
    }

    pub(super) fn error(&self) -> ReadError {
        if self.segment == Position::ZERO && self.position > Position::ZERO {
            return ReadError::MissingSegment { first: self.position, next: self.next };
        }
        ReadError::Corruption {
            segment: self.segment,
            offset: self.offset,
            position: self.position,
            damage: self.kind,
        }
    }
}

/// A frame with events that follows on the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) offset: u64,
    pub(super) header: FrameHeader,
}

/// What a segment file holds.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) header: SegmentHeader,
    pub(super) file: Arc<dyn StorageFile>,
    pub(super) index: SegmentIndex,
    pub(super) links: Vec<Link>,
    pub(super) damage: Vec<Damage>,
    /// The position behind the last event.
    pub(super) next: Position,
    /// Where the next frame would begin.
    pub(super) offset: u64,
    /// The chain value of the last frame, or of the segment header.
    pub(super) chain: u32,
    /// The highest position that is known to have been synced.
    pub(super) durable: Position,
    /// The highest epoch met.
    pub(super) epoch: u32,
    /// Where a mark stands that says that everything before it is durable, if one is the last frame.
    pub(super) mark: Option<u64>,
    /// The bytes of the file.
    pub(super) length: u64,
    /// Whether the last frame is followed by something that is no frame.
    pub(super) torn: bool,
    /// Where the last frame with events ends, and its chain value.
    pub(super) events_end: (u64, u32),
    /// Whether the index came from a file that knows of all frames.
    pub(super) is_indexed: bool,
}

/// Up to where the successor of a segment says it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Until {
    pub(super) end: Position,
    pub(super) chain: u32,
}

/// Reads a whole segment. `until` tells where it ends; without, it is the last one, and ends where
/// nothing whole follows and no witness says that there was more. `closed_at` is where the log was closed, if
/// it was.
pub(super) fn scan(
    file: Arc<dyn StorageFile>,
    header: SegmentHeader,
    until: Option<Until>,
    closed_at: Option<ClosedAt>,
) -> io::Result<Scanned> {
    let mut scan = Scan::new(file, header)?;
    scan.closed_at = closed_at;
    scan.run(until)?;
    Ok(scan.found)
}

/// Why the next frame is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    EndOfFile,
    Zeros,
    Misplaced,
    Format(FormatError),
}

/// A segment being read.
pub(super) struct Scan {
    pub(super) found: Scanned,
    /// Whether frames are only checked: the index knows of them.
    pub(super) checks_only: bool,
    /// Where the log was closed, if it was and nobody has written since.
    pub(super) closed_at: Option<ClosedAt>,
    window: Window,
    scratch: Scratch,
}

impl Scan {
    pub(super) fn new(file: Arc<dyn StorageFile>, header: SegmentHeader) -> io::Result<Self> {
        let length = file.length()?;
        let window = Window { file: Arc::clone(&file), bytes: Vec::new(), start: 0, length };
        let (offset, chain) = (SEGMENT_HEADER_BYTES as u64, header.chain());
        let found = Scanned {
            header,
            file,
            index: SegmentIndex::new(),
            links: Vec::new(),
            damage: Vec::new(),
            next: header.first,
            offset,
            chain,
            durable: header.first.previous(),
            epoch: header.epoch,
            mark: None,
            length,
            torn: false,
            events_end: (offset, chain),
            is_indexed: false,
        };
        Ok(Self { found, checks_only: false, closed_at: None, window, scratch: Scratch::new() })
    }

    /// Goes on behind what an index knows of.
    pub(super) fn begin_behind(&mut self, of: &IndexOf, index: SegmentIndex) {
        let found = &mut self.found;
        found.index = index;
        found.links.clear();
        found.mark = None;
        (found.next, found.offset, found.chain) = (of.end, of.offset, of.chain);
        found.events_end = (of.offset, of.chain);
    }

    /// Reads to the end, over damage.
    pub(super) fn run(&mut self, until: Option<Until>) -> io::Result<()> {
        // Each round either ends the scan or begins behind where the last one did.
        loop {
            let fault = self.follow(until)?;
            let Some(fault) = fault else { break };
            if until.is_none() && self.is_closed() {
                self.found.torn = fault != Fault::Zeros && fault != Fault::EndOfFile;
                break;
            }
            let known = until.map_or(self.found.durable, |until| until.end.previous());
            let witnessed = known.max(self.witness(self.found.offset)?);
            if until.is_none() {
                self.found.durable = witnessed;
            }
            let owed = until.map_or(witnessed.next(), |until| until.end);
            // INV-LOG-4: only what no witness calls durable is dropped as torn.
            if self.found.next >= owed && until.is_none() {
                self.found.torn = fault != Fault::Zeros && fault != Fault::EndOfFile;
                break;
            }
            if !self.resume(fault, owed)? {
                break;
            }
        }
        Ok(())
    }

    /// Whether the log was closed behind the last frame: then nothing was written behind it, and there is
    /// nobody to look for who knows of more.
    fn is_closed(&self) -> bool {
        let found = &self.found;
        let here = ClosedAt { segment: found.header.first, offset: found.offset };
        found.mark.is_some() && self.closed_at == Some(here)
    }

    /// Takes frames that link to each other, until the end (`None`) or something that is no such frame.
    pub(super) fn follow(&mut self, until: Option<Until>) -> io::Result<Option<Fault>> {
        // Every round moves at least a block on, or ends.
        loop {
            let found = &mut self.found;
            if until.is_some_and(|until| until.end == found.next && until.chain == found.chain) {
                return Ok(None);
            }
            let bytes = self.window.at(found.offset, HEADER_BYTES)?;
            if bytes.len() < HEADER_BYTES {
                return Ok(Some(Fault::EndOfFile));
            }
            let header = match FrameHeader::decode(bytes) {
                // Behind what was synced the next frame begins at the next block.
                Ok(None) if !found.offset.is_multiple_of(BLOCK) => {
                    found.offset = next_block(found.offset);
                    continue;
                }
                Ok(None) => return Ok(Some(Fault::Zeros)),
                Ok(Some(header)) => header,
                Err(error) => return Ok(Some(Fault::Format(error))),
            };
            let belongs = belongs(&header, &found.header)
                && header.previous == found.chain
                && header.first == found.next
                && header.epoch >= found.epoch;
            if !belongs || until.is_some_and(|until| header.end() > until.end) {
                return Ok(Some(Fault::Misplaced));
            }
            if let Err(fault) = self.take(&header)? {
                return Ok(Some(fault));
            }
        }
    }

    /// Takes the frame with this header, if its body is whole too.
    fn take(&mut self, header: &FrameHeader) -> io::Result<Result<(), Fault>> {
        let found = &mut self.found;
        let bytes = self.window.at(found.offset, header.frame_bytes())?;
        let opened = if self.checks_only {
            check_frame(bytes, header).map(|()| None)
        } else {
            FrameView::open(bytes, &mut self.scratch)
        };
        match opened {
            Ok(None) if self.checks_only => {}
            Ok(Some(view)) => found.index.add_frame(found.offset, &view),
            Ok(None) => return Ok(Err(Fault::Zeros)),
            Err(error) => return Ok(Err(Fault::Format(error))),
        }
        let proves = header.count == 0 && header.durable.next() == header.first;
        found.mark = proves.then_some(found.offset);
        if header.count > 0 {
            found.links.push(Link { offset: found.offset, header: *header });
        }
        found.durable = found.durable.max(header.durable);
        found.epoch = header.epoch;
        found.next = header.end();
        found.chain = header.chain();
        found.offset = found.offset.saturating_add(header.frame_bytes() as u64);
        if header.count > 0 {
            found.events_end = (found.offset, found.chain);
        }
        Ok(Ok(()))
    }

    /// The highest position that any whole frame header from an offset on knows to be durable.
    fn witness(&mut self, from: u64) -> io::Result<Position> {
        let mut highest = Position::ZERO;
        let mut offset = from;
        while offset < self.window.length {
            if let Some(header) = self.header_at(offset)? {
                highest = highest.max(header.durable);
            }
            offset = next_block(offset);
        }
        Ok(highest)
    }

    pub(super) fn header_at(&mut self, offset: u64) -> io::Result<Option<FrameHeader>> {
        let bytes = self.window.at(offset, HEADER_BYTES)?;
        let header = FrameHeader::decode(bytes).ok().flatten();
        Ok(header.filter(|header| belongs(header, &self.found.header)))
    }

    /// Notes damage and goes on at the next whole frame before `owed`; says whether there is one.
    fn resume(&mut self, fault: Fault, owed: Position) -> io::Result<bool> {
        let (offset, position) = (self.found.offset, self.found.next);
        let kind = self.kind_of(fault, offset)?;
        let mut at = offset.saturating_add(PACKED_UNIT);
        let mut resumed = None;
        while resumed.is_none() && at < self.window.length {
            if let Some(header) = self.header_at(at)? {
                let expected = header.first >= position && header.end() <= owed && header.count > 0;
                let bytes = self.window.at(at, header.frame_bytes())?;
                if expected && FrameView::open(bytes, &mut self.scratch).is_ok() {
                    resumed = Some((at, header));
                }
            }
            at = at.saturating_add(PACKED_UNIT);
        }
        let next = resumed.map_or(owed.max(position), |(_, header)| header.first);
        let segment = self.found.header.first;
        self.found.damage.push(Damage { segment, offset, position, next, kind });
        self.found.next = next;
        if let Some((at, header)) = resumed {
            self.found.offset = at;
            self.found.chain = header.previous;
        }
        Ok(resumed.is_some())
    }

    /// The sort of damage; a whole sector of zeros tells of a lost write (etcd's rule).
    fn kind_of(&mut self, fault: Fault, offset: u64) -> io::Result<DamageKind> {
        Ok(match fault {
            Fault::EndOfFile => DamageKind::Truncated,
            Fault::Zeros => DamageKind::LostSector,
            Fault::Misplaced => DamageKind::Misplaced,
            Fault::Format(error) if error.kind() == DamageKind::Checksum => {
                let block = self.window.at(offset, BLOCK_BYTES)?;
                let frame = FrameHeader::decode(block).ok().flatten();
                let length = frame.map_or(BLOCK_BYTES, |header| header.frame_bytes());
                let used = frame
                    .map_or(BLOCK_BYTES, |header| HEADER_BYTES.saturating_add(header.body_bytes()));
                let bytes = self.window.at(offset, length)?;
                let used = bytes.get(..used).unwrap_or(bytes);
                let mut sectors = used.chunks_exact(SECTOR_BYTES);
                if sectors.any(|sector| sector.iter().all(|byte| *byte == 0)) {
                    DamageKind::LostSector
                } else {
                    DamageKind::Checksum
                }
            }
            Fault::Format(error) => error.kind(),
        })
    }
}

/// Where the next block begins.
fn next_block(offset: u64) -> u64 {
    offset.saturating_add(1).next_multiple_of(BLOCK)
}

/// Whether a frame was written for this use of this segment.
fn belongs(frame: &FrameHeader, segment: &SegmentHeader) -> bool {
    frame.log_id == segment.log_id
        && frame.generation == segment.generation
        && frame.first >= segment.first
}

/// A piece of the file that was read ahead.
struct Window {
    file: Arc<dyn StorageFile>,
    bytes: Vec<u8>,
    start: u64,
    length: u64,
}

impl Window {
    /// Up to `want` bytes from an offset on; fewer at the end of the file.
    fn at(&mut self, offset: u64, want: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = want.min(left);
        let inside = usize::try_from(offset.wrapping_sub(self.start)).unwrap_or(usize::MAX);
        if offset < self.start || inside.saturating_add(want) > self.bytes.len() {
            let piece = want.max(WINDOW_BYTES).min(left);
            self.bytes.resize(piece, 0);
            let read = self.file.pread(&mut self.bytes, offset)?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let inside = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let rest = self.bytes.get(inside..).unwrap_or_default();
        Ok(rest.get(..want).unwrap_or(rest))
    }
}
