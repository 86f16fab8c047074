//! Reading frames from segment files.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use steadfast_base::storage::StorageFile;

use super::state::Segment;
use crate::event::{Event, Position};
use crate::format::frame::{FrameHeader, Names, decode_events};
use crate::format::{FormatError, Scratch};
use crate::read::{DamageKind, Query, ReadError};

/// How much is read at once where frames lie next to each other.
const READ_BYTES: u64 = 1 << 20;

/// Where a frame lies.
#[derive(Clone, Debug)]
pub(super) struct FrameAt {
    file: Arc<dyn StorageFile>,
    segment: Position,
    offset: u64,
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

    fn is_followed_by(&self, next: &Self) -> bool {
        self.segment == next.segment && self.end == next.offset
    }
}

/// The bytes of a frame, and where they come from.
#[derive(Debug)]
pub(super) struct FetchedFrame<'a> {
    at: &'a FrameAt,
    pub(super) bytes: Bytes,
}

impl FetchedFrame<'_> {
    /// The events that meet the conditions of a query, in the order of their positions.
    pub(super) fn select(
        &self,
        query: &Query,
        names: &mut Names,
        scratch: &mut Scratch,
    ) -> Result<Vec<Event>, ReadError> {
        self.check()?;
        let events = decode_events(&self.bytes, query, names, scratch);
        events.map_err(|error| self.damaged(error))
    }

    /// That it is the frame the index speaks of.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        let header = FrameHeader::decode(&self.bytes).map_err(|error| self.damaged(error))?;
        match header {
            Some(header) if header.first == self.at.first && header.end() == self.at.next => Ok(()),
            Some(_) => Err(self.at.error(DamageKind::Misplaced)),
            None => Err(self.at.error(DamageKind::LostSector)),
        }
    }

    pub(super) fn damaged(&self, error: FormatError) -> ReadError {
        self.at.error(error.kind())
    }
}

/// Reads frames, those next to each other in one go, and hands each to `visit` until that has enough.
///
/// # Errors
///
/// The first error met, and the frame it was met at.
pub(super) fn fetch(
    frames: &[FrameAt],
    mut visit: impl FnMut(&FetchedFrame<'_>) -> Result<ControlFlow<()>, ReadError>,
) -> Result<(), (ReadError, &FrameAt)> {
    let mut number = 0_usize;
    // Every round reads at least one frame.
    while let Some(rest) = frames.get(number..).filter(|rest| !rest.is_empty()) {
        let run = rest.get(..run_length(rest)).unwrap_or(rest);
        let Some(first) = run.first() else { break };
        let bytes = read_run(run).map_err(|error| (error, first))?;
        for at in run {
            let from = usize::try_from(at.offset.saturating_sub(first.offset));
            let to = usize::try_from(at.end.saturating_sub(first.offset));
            let (from, to) = (from.unwrap_or(usize::MAX), to.unwrap_or(usize::MAX));
            let to = to.min(bytes.len());
            if from >= to {
                return Err((at.error(DamageKind::Truncated), at));
            }
            let frame = FetchedFrame { at, bytes: bytes.slice(from..to) };
            if visit(&frame).map_err(|error| (error, at))?.is_break() {
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

fn read_run(run: &[FrameAt]) -> Result<Bytes, ReadError> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(Bytes::new()) };
    let length = usize::try_from(last.end.saturating_sub(first.offset)).unwrap_or(0);
    let mut bytes = vec![0; length];
    let read = first.file.pread(&mut bytes, first.offset);
    let read = read.map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
    bytes.truncate(read);
    Ok(bytes.into())
}
