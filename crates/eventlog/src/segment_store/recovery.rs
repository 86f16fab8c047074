//! Reading a log's directory: which segments there are, how they link, and where the log ends.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;

use bytes::Bytes;

use steadfast_base::storage::{OpenMode, StorageFile};

use super::OpenError;
use super::catalog::Catalog;
use super::directory::{ClosedAt, Directory, Survey, WriterRecord, index_name};
use super::known_frames::scan_behind;
use super::loaded::Loaded;
use super::scan::{Damage, Scanned, Until, scan};
use super::sealed::{Sealed, open_sealed};
use super::state::{Segment, State};
use crate::append::Epoch;
use crate::event::Position;
use crate::format::{IndexOf, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentIndex};
use crate::read::DamageKind;

/// What a directory holds, unchanged by looking at it.
#[derive(Debug)]
pub(super) struct Recovered {
    /// Everything but the last segment.
    pub(super) state: State,
    /// The last segment, whose end is not proven.
    pub(super) last: Option<Scanned>,
    pub(super) catalog: Catalog,
    /// The id of the log and the highest epoch met; `None` for an empty directory.
    pub(super) writer: Option<WriterRecord>,
    /// Files of no more use.
    pub(super) leftovers: Vec<String>,
}

/// Whether the indexes beside segments are believed where they fit, or every frame is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Indexes {
    Use,
    Ignore,
}

/// A segment file whose header was read.
struct Found {
    header: SegmentHeader,
    file: Arc<dyn StorageFile>,
    /// Whether an index lies beside it that may be used.
    has_index: bool,
}

/// Reads a log. Damage is noted in the state.
pub(super) fn recover(
    directory: &Directory,
    tail_events: usize,
    scan_threads: usize,
    indexes: Indexes,
) -> Result<Recovered, OpenError> {
    let Survey { segments: names, indexes: indexed, mut leftovers } = directory.survey()?;
    let writer = directory.writer_record()?;
    let mut state = State::new(tail_events);
    let catalog = read_catalog(directory, writer, &mut state)?;
    let names = left_by_retention(&names, catalog.low_water, &mut leftovers);
    let mut found = open_all(directory, &names, writer, &mut state)?;
    let is_in_use = |first: &Position| names.binary_search(first).is_ok();
    leftovers.extend(indexed.iter().filter(|first| !is_in_use(first)).map(|one| index_name(*one)));
    for found in &mut found {
        let has_index = indexed.binary_search(&found.header.first).is_ok();
        found.has_index = has_index && indexes == Indexes::Use;
        if has_index && found.header.sealed {
            leftovers.push(index_name(found.header.first));
        }
    }
    check_links(&found, catalog.low_water, &mut state);
    let log_id = writer.map(|writer| writer.log_id);
    let log_id = log_id.or_else(|| found.first().map(|found| found.header.log_id));
    let closed_at = writer.and_then(|writer| writer.closed_at);
    check_end(&names, closed_at, catalog.low_water, &mut state);
    let look = Look { directory, loaded: &state.loaded, closed_at, indexes };
    let looked_at = look_at_all(&look, &found, scan_threads)?;
    let epochs = found.iter().map(|found| u64::from(found.header.epoch));
    let mut epoch = epochs.max().unwrap_or(0);
    let mut last = None;
    for (number, looked_at) in looked_at.into_iter().enumerate() {
        let is_last = number.saturating_add(1) == found.len();
        match looked_at {
            LookedAt::Damaged(damage) => {
                state.damage.insert(damage.position, damage);
                state.next = damage.next;
            }
            LookedAt::Sealed(segment) => {
                state.next = segment.header.first.plus(segment.events());
                let mut segment = *segment;
                segment.path = directory.segment(segment.header.first);
                state.add_segment(segment);
            }
            LookedAt::Scanned(scanned) => {
                epoch = epoch.max(u64::from(scanned.epoch));
                for damage in &scanned.damage {
                    state.damage.insert(damage.position, *damage);
                }
                state.next = scanned.next;
                if is_last {
                    last = Some(*scanned);
                } else {
                    let path = directory.segment(scanned.header.first);
                    state.add_segment(Segment::new(*scanned, path));
                }
            }
        }
    }
    let epoch = writer.map_or(Epoch::ZERO, |writer| writer.epoch).max(Epoch::new(epoch));
    state.learn(&catalog);
    let durable = last.as_ref().map_or(state.next.previous(), |last| last.durable);
    state.durable = durable.min(state.next.previous());
    let writer = log_id.map(|log_id| WriterRecord { log_id, epoch, closed_at: None });
    Ok(Recovered { state, last, catalog, writer, leftovers })
}

fn read_catalog(
    directory: &Directory,
    writer: Option<WriterRecord>,
    state: &mut State,
) -> Result<Catalog, OpenError> {
    let Some(bytes) = directory.read(Catalog::NAME)? else { return Ok(Catalog::default()) };
    let kind = match Catalog::decode(&bytes) {
        // That of another log would have segments removed that are none of its.
        Some(catalog) if writer.is_some_and(|writer| writer.log_id != catalog.log_id) => {
            DamageKind::Misplaced
        }
        Some(catalog) => return Ok(catalog),
        None => DamageKind::Checksum,
    };
    let zero = Position::ZERO;
    let damage = Damage { segment: zero, offset: 0, position: zero, next: zero, kind };
    state.damage.insert(zero, damage);
    Ok(Catalog::default())
}

/// The segments that are still in use; older ones are left over by a retention that was cut short.
fn left_by_retention(
    names: &[Position],
    low_water: Position,
    leftovers: &mut Vec<String>,
) -> Vec<Position> {
    let kept = names.iter().rposition(|first| *first <= low_water).unwrap_or(0);
    let (gone, kept) = names.split_at_checked(kept).unwrap_or_default();
    leftovers.extend(gone.iter().map(|first| format!("{:020}.seg", first.get())));
    kept.to_vec()
}

fn open_all(
    directory: &Directory,
    names: &[Position],
    writer: Option<WriterRecord>,
    state: &mut State,
) -> io::Result<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let file = directory.storage.open(&directory.segment(*name), OpenMode::Read)?;
        let mut bytes = vec![0; SEGMENT_HEADER_BYTES];
        let read = file.pread(&mut bytes, 0)?;
        bytes.truncate(read);
        let log_id = writer.map(|writer| writer.log_id);
        let log_id = log_id.or_else(|| found.first().map(|found| found.header.log_id));
        let kind = match SegmentHeader::decode(&bytes) {
            Ok(header) if header.first != *name => DamageKind::Misplaced,
            Ok(header) if log_id.is_some_and(|log_id| log_id != header.log_id) => {
                DamageKind::Misplaced
            }
            Ok(header) => {
                found.push(Found { header, file, has_index: false });
                continue;
            }
            Err(_) if bytes.iter().all(|byte| *byte == 0) => DamageKind::LostSector,
            Err(error) => error.kind(),
        };
        let next = names.get(number.saturating_add(1)).copied().unwrap_or(name.next());
        let damage = Damage { segment: *name, offset: 0, position: *name, next, kind };
        state.damage.insert(*name, damage);
    }
    Ok(found)
}

/// Notes the segments that others speak of and that are not there.
fn check_links(found: &[Found], low_water: Position, state: &mut State) {
    let mut before: Option<&SegmentHeader> = None;
    for Found { header, .. } in found {
        if let Some(predecessor) = header.predecessor {
            let known = before.map(|before| before.first);
            let retired = before.is_none() && header.first <= low_water;
            if known != Some(predecessor.first) && !retired {
                let damage = Damage::missing(predecessor.first, header.first);
                state.damage.entry(predecessor.first).or_insert(damage);
            }
        }
        before = Some(header);
    }
}

/// Notes that the last segment is gone, where something else knows of it: the last one is never removed.
fn check_end(
    names: &[Position],
    closed_at: Option<ClosedAt>,
    low_water: Position,
    state: &mut State,
) {
    let last = closed_at.map_or(Position::ZERO, |at| at.segment).max(low_water);
    if last > names.last().copied().unwrap_or(Position::ZERO) {
        let damage = Damage::missing(last, last.next());
        state.damage.entry(last).or_insert(damage);
    }
}

/// What looking at a segment needs beside it.
#[derive(Debug)]
struct Look<'a> {
    directory: &'a Directory,
    loaded: &'a Arc<Loaded>,
    /// Where the log was closed, if it was and nobody has written since.
    closed_at: Option<ClosedAt>,
    indexes: Indexes,
}

/// What became of a segment.
enum LookedAt {
    Scanned(Box<Scanned>),
    Sealed(Box<Segment>),
    Damaged(Damage),
}

/// Reads all segments, several at once: frames one by one, sealed ones by what they say of themselves.
fn look_at_all(look: &Look<'_>, found: &[Found], scan_threads: usize) -> io::Result<Vec<LookedAt>> {
    let until = |number: usize| {
        let next = found.get(number.saturating_add(1))?.header.predecessor?;
        let follows = found.get(number)?.header.first == next.first;
        follows.then_some(Until { end: next.end, chain: next.chain })
    };
    let threads = scan_threads.min(found.len());
    if threads <= 1 {
        let all = found.iter().enumerate();
        return all.map(|(number, one)| look_at(look, one, until(number))).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // Ends when all numbers are given out.
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = found.get(number) else { break };
                    let looked_at = look_at(look, one, until(number));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, looked_at));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, looked_at)| looked_at).collect()
}

/// The index beside a segment, if it is sound and that segment's.
fn index_beside(directory: &Directory, header: &SegmentHeader) -> Option<(IndexOf, SegmentIndex)> {
    let bytes = directory.read(&index_name(header.first)).ok()??;
    let (of, index) = SegmentIndex::decode(&Bytes::from(bytes)).ok()?;
    let belongs = of.log_id == header.log_id
        && of.generation == header.generation
        && of.first == header.first;
    belongs.then_some((of, index))
}

fn look_at(look: &Look<'_>, found: &Found, until: Option<Until>) -> io::Result<LookedAt> {
    let file = Arc::clone(&found.file);
    if !found.header.sealed {
        let index =
            if found.has_index { index_beside(look.directory, &found.header) } else { None };
        let scanned = match index {
            Some((of, index)) => {
                scan_behind(&file, found.header, until, look.closed_at, &of, index)?
            }
            None => None,
        };
        // INV-LOG-6: an index that does not agree with the frames is dropped, and all of them are read.
        let scanned = match scanned {
            Some(scanned) => scanned,
            None => scan(file, found.header, until, look.closed_at)?,
        };
        return Ok(LookedAt::Scanned(Box::new(scanned)));
    }
    let (first, length) = (found.header.first, file.length()?);
    let opened = open_sealed(Arc::clone(&file), &found.header, look.loaded)?;
    let links = |sealed: &Sealed| {
        let trailer = sealed.view.trailer();
        until.is_none_or(|until| until.end == trailer.end() && until.chain == trailer.chain)
    };
    let mut offset = SEGMENT_HEADER_BYTES as u64;
    let checked = match opened {
        Ok(sealed) if look.indexes == Indexes::Ignore => match sealed.check()? {
            Ok(()) => Ok(sealed),
            Err((at, error)) => {
                offset = at;
                Err(error)
            }
        },
        opened => opened,
    };
    let kind = match checked {
        Ok(sealed) if links(&sealed) => {
            let path = std::path::PathBuf::new();
            let segment = Segment::sealed(found.header, file, path, sealed, length);
            return Ok(LookedAt::Sealed(Box::new(segment)));
        }
        Ok(_) => DamageKind::Misplaced,
        Err(error) => error.kind(),
    };
    let next = until.map_or(first.next(), |until| until.end);
    Ok(LookedAt::Damaged(Damage { segment: first, offset, position: first, next, kind }))
}
