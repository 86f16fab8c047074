//! Reading a log's directory: which segments there are, how they link, and where the log ends.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;

use steadfast_base::storage::{OpenMode, StorageFile};

use super::OpenError;
use super::catalog::Catalog;
use super::directory::{Directory, WriterRecord};
use super::scan::{Damage, Scanned, Until, scan};
use super::state::{Segment, State};
use crate::append::Epoch;
use crate::event::Position;
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
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

/// A segment file whose header was read.
struct Found {
    header: SegmentHeader,
    file: Arc<dyn StorageFile>,
}

/// Reads a log. Damage is noted in the state.
pub(super) fn recover(
    directory: &Directory,
    tail_events: usize,
    scan_threads: usize,
) -> Result<Recovered, OpenError> {
    let (names, mut leftovers) = directory.survey()?;
    let writer = directory.writer_record()?;
    let mut state = State::new(tail_events);
    let catalog = read_catalog(directory, &mut state)?;
    let names = left_by_retention(&names, catalog.low_water, &mut leftovers);
    let found = open_all(directory, &names, writer, &mut state)?;
    check_links(&found, catalog.low_water, &mut state);
    let log_id = writer.map(|writer| writer.log_id);
    let log_id = log_id.or_else(|| found.first().map(|found| found.header.log_id));
    let mut scanned = scan_all(&found, scan_threads)?;
    for scanned in &scanned {
        for damage in &scanned.damage {
            state.damage.insert(damage.position, *damage);
        }
    }
    let epoch = scanned.iter().map(|scanned| u64::from(scanned.epoch)).max().unwrap_or(0);
    let epoch = writer.map_or(Epoch::ZERO, |writer| writer.epoch).max(Epoch::new(epoch));
    let last = scanned.pop();
    for scanned in scanned {
        let path = directory.segment(scanned.header.first);
        state.add_segment(Segment::new(scanned, path));
    }
    state.learn(&catalog);
    if let Some(last) = &last {
        state.next = last.next;
        state.durable = last.durable.min(last.next.previous());
    }
    let writer = log_id.map(|log_id| WriterRecord { log_id, epoch });
    Ok(Recovered { state, last, catalog, writer, leftovers })
}

fn read_catalog(directory: &Directory, state: &mut State) -> Result<Catalog, OpenError> {
    let Some(bytes) = directory.read(Catalog::NAME)? else { return Ok(Catalog::default()) };
    if let Some(catalog) = Catalog::decode(&bytes) {
        return Ok(catalog);
    }
    let zero = Position::ZERO;
    let kind = DamageKind::Checksum;
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
                found.push(Found { header, file });
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

/// Reads all segments, several at once.
fn scan_all(found: &[Found], scan_threads: usize) -> io::Result<Vec<Scanned>> {
    let until = |number: usize| {
        let next = found.get(number.saturating_add(1))?.header.predecessor?;
        let follows = found.get(number)?.header.first == next.first;
        follows.then_some(Until { end: next.end, chain: next.chain })
    };
    let threads = scan_threads.min(found.len());
    if threads <= 1 {
        let scans = found.iter().enumerate();
        return scans
            .map(|(number, one)| scan(Arc::clone(&one.file), one.header, until(number)))
            .collect();
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
                    let scanned = scan(Arc::clone(&one.file), one.header, until(number));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, scanned));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, scanned)| scanned).collect()
}
