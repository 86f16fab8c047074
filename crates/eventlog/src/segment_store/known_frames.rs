//! Opening a segment by the index beside it: only what lies behind the frames it knows of is read.
//!
//! The index is no evidence about the log. It is believed if it meets the frames where it says it ends,
//! and if a frame or mark behind that says that everything before is durable: then nothing it knows of can
//! be torn. Otherwise every frame is read as if there were none.

use std::io;
use std::sync::Arc;

use steadfast_base::storage::StorageFile;

use super::directory::ClosedAt;
use super::scan::{Scan, Scanned, Until};
use crate::format::{IndexOf, SegmentHeader, SegmentIndex};

/// How much of what an index knows of the newest segment is read and checked all the same: damage to
/// what was written last, the likeliest, is found before it is built upon.
const CHECKED_BYTES: u64 = 4 << 20;

/// Reads what an index does not know of; `None` if it cannot be believed.
pub(super) fn scan_behind(
    file: &Arc<dyn StorageFile>,
    header: SegmentHeader,
    until: Option<Until>,
    closed_at: Option<ClosedAt>,
    of: &IndexOf,
    index: SegmentIndex,
) -> io::Result<Option<Scanned>> {
    let mut scan = Scan::new(Arc::clone(file), header)?;
    if scan.found.length < of.offset {
        return Ok(None);
    }
    let reaches = Until { end: of.end, chain: of.chain };
    if until.is_some() {
        if until != Some(reaches) {
            return Ok(None);
        }
        scan.begin_behind(of, index);
        scan.found.is_indexed = true;
        return Ok(Some(scan.found));
    }
    if !check_newest(&mut scan, &index, of.offset, reaches)? {
        return Ok(None);
    }
    scan.begin_behind(of, index);
    scan.closed_at = closed_at;
    scan.run(None)?;
    let proven = scan.found.durable >= of.end.previous();
    Ok(proven.then_some(scan.found))
}

/// Whether the newest frames that an index knows of are whole and end where it says.
fn check_newest(
    scan: &mut Scan,
    index: &SegmentIndex,
    offset: u64,
    reaches: Until,
) -> io::Result<bool> {
    let from = offset.saturating_sub(CHECKED_BYTES);
    let start = index.frames().partition_point(|frame| frame.offset < from);
    if start > 0 {
        let Some(frame) = index.frames().get(start) else { return Ok(true) };
        let Some(header) = scan.header_at(frame.offset)? else { return Ok(false) };
        scan.found.offset = frame.offset;
        scan.found.next = frame.first;
        scan.found.chain = header.previous;
    }
    scan.checks_only = true;
    let fault = scan.follow(Some(reaches))?;
    scan.checks_only = false;
    Ok(fault.is_none() && scan.found.offset == offset)
}
