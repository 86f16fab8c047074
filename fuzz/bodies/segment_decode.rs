//! Reading any bytes as a part of a segment never panics, and never believes a size.
//!
//! The first byte chooses what the rest is. Where a checksum would turn nearly all inputs away, it is made
//! to match, so that what stands behind it is reached.

use bytes::Bytes;

use steadfast_base::{CorrelationId, EventId, Timestamp};
use steadfast_eventlog::format::cold::{ColdHead, ColdLayout, ColdPart, ColdTrailer, ColdView};
use steadfast_eventlog::format::frame::{FrameHeader, FrameRole, FrameView, Names, decode_events};
use steadfast_eventlog::format::{Scratch, SegmentHeader, SegmentIndex, checksum};
use steadfast_eventlog::{Position, Query, Seq};

/// Reads the input as it is, or as the columns of a frame, an index, or the envelopes of a sealed segment.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    match choice % 5 {
        0 => read_as_it_is(rest),
        1 => read_frame(rest, false),
        2 => read_frame(rest, true),
        3 => read_index(rest),
        _ => read_envelopes(rest),
    }
}

fn read_as_it_is(bytes: &[u8]) {
    let mut scratch = Scratch::new();
    let _header = SegmentHeader::decode(bytes);
    let _frame = FrameView::open(bytes, &mut scratch);
    let _index = SegmentIndex::decode(&Bytes::copy_from_slice(bytes));
    let _trailer = ColdTrailer::decode(bytes, bytes.len() as u64);
}

/// Count, length of the columns, sizes before compression, span of time; then columns and payloads.
fn read_frame(bytes: &[u8], compressed: bool) {
    let Some((fields, body)) = bytes.split_first_chunk::<20>() else { return };
    let (fields, _) = fields.as_chunks::<4>();
    let field = |index: usize| fields.get(index).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let meta_len = field(1).min(length);
    let payload_len = length.saturating_sub(meta_len);
    let header = FrameHeader {
        log_id: 1,
        generation: 1,
        epoch: 1,
        first: Position::new(1),
        count: field(0),
        durable: Position::ZERO,
        previous: 0,
        time_span: field(4),
        role: FrameRole::Events,
        packed: false,
        meta_compressed: compressed,
        payload_compressed: compressed,
        meta_len,
        meta_raw: if compressed { field(2) } else { meta_len },
        payload_len,
        payload_raw: if compressed { field(3) } else { payload_len },
        body_crc: checksum(body),
    };
    let mut frame = header.encode().to_vec();
    frame.extend_from_slice(body);
    frame.resize(header.frame_bytes(), 0);
    let mut scratch = Scratch::new();
    let Ok(Some(view)) = FrameView::open(&frame, &mut scratch) else { return };
    let count = view.events().count();
    assert_eq!(count, usize::try_from(header.count).unwrap_or(usize::MAX), "every event is there");
    let frame = Bytes::from(frame.clone());
    let events = decode_events(&frame, &Query::all(), &mut Names::new(), &mut Scratch::new());
    assert_eq!(events.map(|events| events.len()), Ok(count));
}

fn read_index(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    let crc = checksum(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    let Ok((of, index)) = SegmentIndex::decode(&Bytes::from(bytes)) else { return };
    let _frame = index.frame_at(of.first);
    let frames = index.frames().len();
    for (actor, ..) in index.actors() {
        let found = index.frames_of_actor(actor, Seq::ZERO, Seq::MAX);
        assert!(found.iter().all(|frame| (*frame as usize) < frames));
    }
    let _during = index.frames_during(Timestamp::UNIX_EPOCH, None).count();
    let _may = index.may_contain(EventId::from_u128(7));
    let again = Bytes::from(index.encode(&of));
    assert!(SegmentIndex::decode(&again).is_ok(), "what is written can be read");
}

fn read_envelopes(bytes: &[u8]) {
    let Some((count, rest)) = bytes.split_first_chunk::<4>() else { return };
    let Some((blocks, envelopes)) = rest.split_first_chunk::<4>() else { return };
    // One checksum covers all of them here, so that any change of a section is met with a good one.
    let trailer = ColdTrailer {
        layout: ColdLayout::Whole,
        log_id: 1,
        first: Position::new(1),
        count: u32::from_le_bytes(*count).max(1),
        chain: 0,
        envelopes_offset: 4_096 + u64::from(u32::from_le_bytes(*blocks)),
        envelopes_len: u32::try_from(envelopes.len()).unwrap_or(u32::MAX),
        envelopes_crc: checksum(envelopes),
        earliest: Timestamp::UNIX_EPOCH,
        latest: Timestamp::UNIX_EPOCH,
        sha256: [0; 32],
    };
    let parts = ColdTrailer { layout: ColdLayout::Parts, ..trailer };
    let length = usize::try_from(ColdHead::bytes(&parts)).unwrap_or(0);
    let beginning = envelopes.get(..length).unwrap_or_default();
    let parts = ColdTrailer { envelopes_crc: checksum(beginning), ..parts };
    if let Ok(head) = ColdHead::parse(parts, &Bytes::copy_from_slice(beginning)) {
        for part in ColdPart::ALL {
            let (offset, length) = head.place(part);
            assert!(offset >= parts.envelopes_offset && length <= parts.envelopes_len);
        }
    }
    let Ok(head) = ColdHead::parse(trailer, &Bytes::copy_from_slice(envelopes)) else { return };
    let Ok(view) = ColdView::open(head, &Bytes::new()) else { return };
    for part in ColdPart::ALL {
        let _loaded = view.load(part, &Bytes::new());
    }
    look_into(&view);
}

fn look_into(view: &ColdView) {
    if let Some(blocks) = view.blocks() {
        for number in 0..blocks.count().min(16) {
            let Some(block) = blocks.get(number) else { continue };
            let stored = usize::try_from(block.stored).unwrap_or(0).min(1 << 20);
            let _payloads = blocks.decode(&block, Bytes::from(vec![0; stored]));
            let _rows =
                blocks.rows(number).take(64).filter_map(|row| blocks.number_of(row)).count();
        }
    }
    let _may = view.may_contain(EventId::from_u128(7));
    let _rows = view.rows_of_correlation(CorrelationId::from_u128(7));
    let Some(columns) = view.rows() else { return };
    for run in view.actors().take(64) {
        let _run = view.actor(run.actor);
        for row in run.rows.clone().take(64) {
            let _event = columns.event_in(&run, row, &[]);
        }
    }
    let rows = columns.in_order().unwrap_or_default();
    for row in rows.into_iter().take(64) {
        if let Ok(event) = columns.event(row, &[]) {
            let _row = columns.of_id(event.id);
        }
    }
}
