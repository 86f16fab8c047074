//! Sealing in the background: full segments are rewritten small, in order of age.
//!
//! The sealed file replaces the one it was made of by rename: a crash leaves the one or the other. Until
//! the swap readers use the old one, and those under way keep it open.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use steadfast_base::storage::OpenMode;

use super::fetch::{FrameAt, fetch_borrowed};
use super::sealed::open_sealed;
use super::shared::Shared;
use super::state::Segment;
use crate::event::Position;
use crate::format::cold::ColdBuilder;
use crate::format::frame::FrameView;
use crate::format::{FormatError, Scratch, SegmentHeader};
use crate::read::ReadError;

/// What is needed of a segment to seal it.
struct Full {
    header: SegmentHeader,
    frames: Vec<FrameAt>,
    /// The chain value of its last frame.
    chain: u32,
    /// How many segments wait for it, itself included.
    backlog: u32,
}

/// A segment is sealed once there was no commit for so long,
const SEAL_QUIET: Duration = Duration::from_millis(5);

/// or after so long, divided by the number of those that wait: so a log that never rests is sealed too.
const SEAL_PATIENCE: Duration = Duration::from_secs(5);

/// Seals full segments whenever there may be some, until the log ends.
///
/// One that cannot be sealed (no space, or damaged) stays as it is, and is tried again at the next opening.
pub(super) fn seal_all(shared: &Shared, level: i32) {
    let mut after = Position::ZERO;
    // Ends with the log.
    while shared.wait_for_full() {
        while let Some(full) = oldest_unsealed(shared, after) {
            after = full.header.first;
            // A second of a processor's work per segment: not while it is needed for appends, if that can wait.
            let patience = SEAL_PATIENCE.checked_div(full.backlog).unwrap_or(SEAL_PATIENCE);
            shared.wait_while_busy(SEAL_QUIET, patience);
            if shared.is_ended() {
                return;
            }
            // Nothing is lost by a failure: see above.
            seal(shared, &full, level).ok();
        }
    }
}

fn oldest_unsealed(shared: &Shared, after: Position) -> Option<Full> {
    let state = shared.read_state();
    let segments: Vec<&Segment> =
        state.segments.range(after.next()..).map(|(_, one)| one).collect();
    let mut pairs = segments.iter().zip(segments.iter().skip(1));
    let waits = |one: &&&Segment| one.sealed.is_none() && !one.index.frames().is_empty();
    // The last one is being written.
    let backlog = segments.iter().rev().skip(1).filter(waits).count();
    let (segment, next) =
        pairs.find(|(one, _)| one.sealed.is_none() && !one.index.frames().is_empty())?;
    let predecessor = next.header.predecessor?;
    let numbers = 0..u32::try_from(segment.index.frames().len()).unwrap_or(u32::MAX);
    let frames: Vec<FrameAt> = numbers.filter_map(|number| FrameAt::of(segment, number)).collect();
    let whole = frames.last().is_some_and(|last| last.next == predecessor.end);
    let (header, chain) = (segment.header, predecessor.chain);
    let backlog = u32::try_from(backlog).unwrap_or(u32::MAX);
    whole.then_some(Full { header, frames, chain, backlog })
}

/// Why a segment was not sealed.
#[derive(Debug)]
enum SealError {
    Read,
    Format,
    Storage,
}

impl From<io::Error> for SealError {
    fn from(_error: io::Error) -> Self {
        Self::Storage
    }
}

impl From<FormatError> for SealError {
    fn from(_error: FormatError) -> Self {
        Self::Format
    }
}

impl From<ReadError> for SealError {
    fn from(_error: ReadError) -> Self {
        Self::Read
    }
}

fn seal(shared: &Shared, full: &Full, level: i32) -> Result<(), SealError> {
    let contents = build(full, level)?;
    // No retention runs while the file is replaced.
    let catalog = shared.lock_catalog();
    let first = full.header.first;
    if !shared.read_state().segments.contains_key(&first) {
        return Ok(());
    }
    // Who has taken over may have cut the segment meanwhile.
    if shared.check_writer().is_err() {
        return Err(SealError::Storage);
    }
    let path = shared.directory.segment(first);
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(SealError::Storage)?;
    shared.directory.replace(name, &contents)?;
    let file = shared.directory.storage.open(&path, OpenMode::Read)?;
    let header = SegmentHeader { sealed: true, ..full.header };
    let sealed = open_sealed(Arc::clone(&file), &header, &shared.loaded)??;
    sealed.check()?.map_err(|(_, error)| error)?;
    let segment = Segment::sealed(header, file, path, sealed, contents.len() as u64);
    shared.write_state().segments.insert(first, segment);
    // One that stays is removed at the next opening.
    shared.directory.storage.remove(&shared.directory.index(first)).ok();
    drop(catalog);
    Ok(())
}

fn build(full: &Full, level: i32) -> Result<Vec<u8>, SealError> {
    let mut builder = ColdBuilder::new();
    let mut scratch = Scratch::new();
    let mut refused = false;
    let fetched = fetch_borrowed(&full.frames, &mut Vec::new(), |frame| {
        frame.check()?;
        let view = FrameView::open(frame.bytes, &mut scratch);
        if let Some(view) = view.map_err(|error| frame.damaged(error))? {
            refused |= view.events().any(|event| builder.push(&event).is_err());
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    fetched.map_err(|(error, _)| error)?;
    if refused {
        return Err(SealError::Format);
    }
    builder.finish(&full.header, full.chain, level).map_err(|_fault| SealError::Format)
}
