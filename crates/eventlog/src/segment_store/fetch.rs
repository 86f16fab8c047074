//! Reading frames from segment files.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use steadfast_base::storage::StorageFile;

use super::ahead::{Ahead, ReadAhead, Slot};
use super::state::Segment;
use crate::event::Position;
use crate::format::FormatError;
use crate::format::frame::{FrameHeader, check_frame};
use crate::read::{DamageKind, ReadError};

/// How much is read at once where frames lie next to each other.
const READ_BYTES: u64 = 1 << 20;

/// Where a frame lies.
#[derive(Clone, Debug)]
pub(super) struct FrameAt {
    file: Arc<dyn StorageFile>,
    segment: Position,
    pub(super) offset: u64,
    /// Where the next frame with events begins, or the segment ends: never before this one ends.
    end: u64,
    pub(super) first: Position,
    /// The position behind its last event.
    pub(super) next: Position,
}

impl FrameAt {
    /// The place of a frame of a segment, by its number.
    pub(super) fn of(segment: &Segment, number: u32) -> Option<Self> {
        let number = usize::try_from(number).ok()?;
        let frames = segment.index.frames();
        let frame = frames.get(number)?;
        let after = frames.get(number.saturating_add(1));
        Some(Self {
            file: Arc::clone(&segment.file),
            segment: segment.header.first,
            offset: frame.offset,
            end: after.map_or(segment.used_bytes, |after| after.offset),
            first: frame.first,
            next: frame.end(),
        })
    }

    fn error(&self, damage: DamageKind) -> ReadError {
        ReadError::Corruption {
            segment: self.segment,
            offset: self.offset,
            position: self.first,
            damage,
        }
    }

    /// Whether its bytes, in a piece that begins at an offset, are whole and unchanged.
    pub(super) fn is_whole_in(&self, piece: &[u8], start: u64) -> bool {
        let from = usize::try_from(self.offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let to = usize::try_from(self.end.saturating_sub(start)).unwrap_or(usize::MAX);
        let Some(bytes) = piece.get(from..to) else { return false };
        let header = FrameHeader::decode(bytes).ok().flatten();
        header.is_some_and(|header| check_frame(bytes, &header).is_ok())
    }

    fn is_followed_by(&self, next: &Self) -> bool {
        self.segment == next.segment && self.end == next.offset
    }
}

/// The bytes of a frame, and where they come from.
#[derive(Debug)]
pub(super) struct FetchedFrame<'a, B> {
    at: &'a FrameAt,
    pub(super) bytes: B,
    /// Whether its body was found to be whole and unchanged when it was read.
    pub(super) is_whole: bool,
}

impl<B: AsRef<[u8]>> FetchedFrame<'_, B> {
    /// That it is the frame the index speaks of.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        let header = FrameHeader::decode(self.bytes.as_ref());
        match header.map_err(|error| self.damaged(error))? {
            Some(header) if header.first == self.at.first && header.end() == self.at.next => Ok(()),
            Some(_) => Err(self.at.error(DamageKind::Misplaced)),
            None => Err(self.at.error(DamageKind::LostSector)),
        }
    }

    pub(super) fn damaged(&self, error: FormatError) -> ReadError {
        self.at.error(error.kind())
    }

    /// Where it lies, as the segment and the offset.
    pub(super) fn place(&self) -> (Position, u64) {
        (self.at.segment, self.at.offset)
    }
}

/// The piece of a segment that was read last: frames next to each other, of which none ever changes.
#[derive(Debug, Default)]
pub(super) struct Piece {
    segment: Position,
    start: u64,
    bytes: Bytes,
    /// Where the frames end that were found to be whole when it was read.
    whole_to: u64,
    /// The piece that is being read ahead.
    following: Option<Following>,
    /// Memory of a piece before.
    spare: Option<BytesMut>,
}

#[derive(Debug)]
struct Following {
    segment: Position,
    start: u64,
    end: u64,
    slot: Arc<Slot>,
}

impl Piece {
    /// The bytes of a frame, if they are here, and whether they were found to be whole.
    fn get(&self, at: &FrameAt) -> Option<(Bytes, bool)> {
        let from = usize::try_from(at.offset.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(at.end.checked_sub(self.start)?).ok()?;
        let holds = self.segment == at.segment && from < to && to <= self.bytes.len();
        holds.then(|| (self.bytes.slice(from..to), at.end <= self.whole_to))
    }

    /// Reads frames that lie next to each other, and asks for those behind them if they follow on what was
    /// here before.
    fn read(&mut self, frames: &[FrameAt], ahead: Option<&Ahead>) -> Result<(), ReadError> {
        let length = run_length(frames);
        let (run, rest) = frames.split_at_checked(length).unwrap_or((frames, &[]));
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let before = self.start.saturating_add(self.bytes.len() as u64);
        let goes_on =
            (first.segment == self.segment && first.offset == before) || self.following.is_some();
        let following = self.following.take().filter(|following| {
            (following.segment, following.start, following.end)
                == (first.segment, first.offset, last.end)
        });
        let read = following.and_then(|following| following.slot.wait());
        // The memory of the piece before is used again if nobody keeps an event of it.
        let old = std::mem::take(&mut self.bytes).try_into_mut().ok();
        (self.segment, self.start) = (first.segment, first.offset);
        if let Some(ReadAhead { bytes, whole }) = read {
            let whole_to = whole.checked_sub(1).and_then(|whole| run.get(whole));
            self.whole_to = whole_to.map_or(0, |last| last.end);
            self.bytes = bytes;
            self.spare = old.or(self.spare.take());
        } else {
            self.whole_to = 0;
            let buffer = old.or_else(|| self.spare.take()).unwrap_or_default();
            let read = read_run(run, buffer);
            self.bytes = read.map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
        }
        if let Some(ahead) = ahead.filter(|_ahead| goes_on) {
            self.ask(rest, ahead);
        }
        Ok(())
    }

    /// Asks for the next piece.
    fn ask(&mut self, rest: &[FrameAt], ahead: &Ahead) {
        let run = rest.get(..run_length(rest)).unwrap_or(rest);
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        let buffer = self.spare.take().unwrap_or_default();
        let slot = ahead.ask(run, buffer);
        let (segment, start, end) = (first.segment, first.offset, last.end);
        self.following = slot.map(|slot| Following { segment, start, end, slot });
    }
}

/// Reads frames that lie next to each other, into memory that may be there.
pub(super) fn read_run(run: &[FrameAt], mut buffer: BytesMut) -> io::Result<Bytes> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(Bytes::new()) };
    let length = usize::try_from(last.end.saturating_sub(first.offset)).unwrap_or(0);
    buffer.resize(length, 0);
    let read = first.file.pread(&mut buffer, first.offset)?;
    buffer.truncate(read);
    Ok(buffer.freeze())
}

/// Reads frames, those next to each other in one go, and hands each to `visit` until that has enough.
///
/// # Errors
///
/// The first error met, and the frame it was met at.
pub(super) fn fetch<'a>(
    frames: &'a [FrameAt],
    piece: &mut Piece,
    ahead: Option<&Ahead>,
    mut visit: impl FnMut(&FetchedFrame<'_, Bytes>) -> Result<ControlFlow<()>, ReadError>,
) -> Result<(), (ReadError, &'a FrameAt)> {
    for (number, at) in frames.iter().enumerate() {
        if piece.get(at).is_none() {
            let rest = frames.get(number..).unwrap_or_default();
            piece.read(rest, ahead).map_err(|error| (error, at))?;
        }
        let (bytes, is_whole) =
            piece.get(at).ok_or_else(|| (at.error(DamageKind::Truncated), at))?;
        let frame = FetchedFrame { at, bytes, is_whole };
        if visit(&frame).map_err(|error| (error, at))?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// The same for whoever keeps nothing of a frame: the memory of `buffer` is used again and again.
///
/// # Errors
///
/// The first error met, and the frame it was met at.
pub(super) fn fetch_borrowed<'a>(
    frames: &'a [FrameAt],
    buffer: &mut Vec<u8>,
    mut visit: impl FnMut(&FetchedFrame<'_, &[u8]>) -> Result<ControlFlow<()>, ReadError>,
) -> Result<(), (ReadError, &'a FrameAt)> {
    let mut number = 0_usize;
    // Every round reads at least one frame.
    while let Some(rest) = frames.get(number..).filter(|rest| !rest.is_empty()) {
        let run = rest.get(..run_length(rest)).unwrap_or(rest);
        let (Some(first), Some(last)) = (run.first(), run.last()) else { break };
        let length = usize::try_from(last.end.saturating_sub(first.offset)).unwrap_or(0);
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        let bytes = buffer.get_mut(..length).unwrap_or_default();
        let read = first.file.pread(bytes, first.offset);
        let read = read.map_err(|error| (ReadError::Unavailable(Arc::new(error)), first))?;
        let bytes = bytes.get(..read).unwrap_or_default();
        for at in run {
            let from = usize::try_from(at.offset.saturating_sub(first.offset));
            let to = usize::try_from(at.end.saturating_sub(first.offset));
            let range = from.unwrap_or(usize::MAX)..to.unwrap_or(usize::MAX).min(bytes.len());
            let bytes = bytes.get(range).filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or_else(|| (at.error(DamageKind::Truncated), at))?;
            if visit(&FetchedFrame { at, bytes, is_whole: false })
                .map_err(|error| (error, at))?
                .is_break()
            {
                return Ok(());
            }
            number = number.saturating_add(1);
        }
    }
    Ok(())
}

/// How many frames from the first one on lie next to each other, within what is read at once.
fn run_length(frames: &[FrameAt]) -> usize {
    let start = frames.first().map_or(0, |frame| frame.offset);
    let fits = |next: &FrameAt| next.end.saturating_sub(start) <= READ_BYTES;
    let pairs = frames.iter().zip(frames.iter().skip(1));
    pairs.take_while(|(one, next)| one.is_followed_by(next) && fits(next)).count().saturating_add(1)
}
