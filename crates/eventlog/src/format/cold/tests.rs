//! Sealed segments: everything comes back, everything is found, and damage is noticed.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;

use steadfast_base::{CorrelationId, EventId, Timestamp};

use super::*;
use crate::event::{Event, Position};
use crate::format::frame::{FrameBuilder, FrameStamp, FrameView, Names};
use crate::format::test_events::{PlacedEvents, any_events, golden, seeded};
use crate::format::{Compression, FormatError, Scratch, SegmentHeader};

fn header(events: &PlacedEvents) -> SegmentHeader {
    SegmentHeader {
        sealed: false,
        log_id: 77,
        generation: 1,
        epoch: 1,
        first: events[0].1.position,
        predecessor: None,
        created: Timestamp::UNIX_EPOCH,
    }
}

fn seal(events: &PlacedEvents, level: i32) -> Result<Vec<u8>, ColdFault> {
    let mut sealing = ColdBuilder::new();
    for (event, placed) in events {
        let mut frame = FrameBuilder::new(Compression::None);
        frame.push(event, *placed).expect("fits");
        let mut bytes = Vec::new();
        let stamp = FrameStamp {
            log_id: 77,
            generation: 1,
            epoch: 1,
            durable: Position::ZERO,
            previous: 0,
            packed: false,
        };
        frame.finish(&stamp, &mut bytes);
        let mut scratch = Scratch::new();
        let view = FrameView::open(&bytes, &mut scratch).expect("sound").expect("written");
        view.events().try_for_each(|event| sealing.push(&event))?;
    }
    sealing.finish(&header(events), 0xC0DE, level)
}

fn open(file: &Bytes) -> Result<ColdView, FormatError> {
    let trailer = ColdTrailer::decode(file, file.len() as u64)?;
    let start = usize::try_from(trailer.envelopes_offset).unwrap();
    let end = start + trailer.envelopes_len as usize;
    ColdView::open(trailer, &file.slice(start..end))
}

#[test]
fn the_golden_sealed_segment_keeps_its_bytes() {
    let file = seal(&golden(), 3).expect("sound");
    let rows: Vec<String> = file[crate::format::SEGMENT_HEADER_BYTES..]
        .chunks(16)
        .map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(file[..4_096], SegmentHeader { sealed: true, ..header(&golden()) }.encode());
    insta::assert_snapshot!("sealed", rows.join("\n"));
}

/// The events of these rows, each read through the block that holds it.
fn read(file: &Bytes, view: &ColdView, rows: &[u32]) -> Result<Vec<Event>, FormatError> {
    let mut decoder = view.decoder()?;
    let mut names = Names::new();
    let mut events = Vec::new();
    for row in rows {
        let wrong = FormatError::content("test");
        let block = view.block_of(*row).ok_or(wrong)?;
        let start = usize::try_from(block.offset).unwrap();
        let stored = file.get(start..start + block.stored as usize).ok_or(wrong)?;
        let payloads = decoder.decode(&block, file.slice_ref(stored))?;
        let range = view.payloads(&block).find(|(found, _)| found == row).ok_or(wrong)?.1;
        let payload = payloads.get(range).ok_or(wrong)?;
        events.push(view.event(*row, payload)?.to_event(&mut names, payloads.slice_ref(payload)));
    }
    Ok(events)
}

fn stored(events: &PlacedEvents) -> Vec<Event> {
    events.iter().map(|(event, placed)| event.clone().placed(*placed)).collect()
}

#[test]
fn a_sealed_segment_gives_every_event_back_in_the_order_of_the_log() {
    let events = seeded(11, 500, 3_000);
    let file = Bytes::from(seal(&events, 3).expect("sound events"));
    let view = open(&file).expect("sound");
    assert_eq!(view.trailer().end(), Position::new(3_500));
    assert_eq!(view.trailer().chain, 0xC0DE);
    assert!(SegmentHeader::decode(&file).expect("sound").sealed);
    assert_eq!(view.trailer().verify_file(&file), Ok(()));
    let rows = view.rows_in_order().expect("sound");
    assert!(read(&file, &view, &rows) == Ok(stored(&events)));
}

#[test]
fn an_actor_a_correlation_and_an_id_are_found_without_a_scan() {
    let events = seeded(12, 1, 2_000);
    let all = stored(&events);
    let file = Bytes::from(seal(&events, 3).expect("sound events"));
    let view = open(&file).expect("sound");
    assert_eq!(view.actors().count(), 20);
    for run in view.actors() {
        let rows: Vec<u32> = run.rows.clone().collect();
        let expected: Vec<Event> =
            all.iter().filter(|event| event.actor == run.actor).cloned().collect();
        assert_eq!(view.actor(run.actor), Some(run));
        assert!(read(&file, &view, &rows) == Ok(expected), "{rows:?}");
        let blocks: BTreeSet<u32> =
            rows.iter().filter_map(|row| view.block_of(*row)).map(|block| block.number).collect();
        assert!(blocks.len() <= 2, "an actor's hundred events lie in neighboring blocks");
    }
    for name in ["", "nobody", "order-0003x", "zz"] {
        assert_eq!(view.actor(name), None, "{name}");
    }
    for flow in 0..8 {
        let id = CorrelationId::from_u128(0xF000 + flow);
        let expected: Vec<Event> =
            all.iter().filter(|event| event.correlation == Some(id)).cloned().collect();
        assert!(read(&file, &view, &view.rows_of_correlation(id)) == Ok(expected), "{id}");
    }
    assert!(view.rows_of_correlation(CorrelationId::from_u128(1)).is_empty());
    for event in all.iter().step_by(97) {
        assert!(view.may_contain(event.id));
        let row = view.row_of_id(event.id).expect("it is there");
        assert_eq!(view.position_of(row), Some(event.position));
    }
    assert_eq!(view.row_of_id(EventId::from_u128(5)), None);
}

#[test]
fn envelopes_of_a_busy_log_take_few_bytes() {
    let events = seeded(13, 1, 5_000);
    let file = Bytes::from(seal(&events, 3).expect("sound events"));
    let view = open(&file).expect("sound");
    let per_event = f64::from(view.trailer().envelopes_len) / 5_000.0;
    assert!(per_event < 25.0, "{per_event} bytes an event");
}

#[test]
fn every_flipped_bit_of_a_sealed_segment_is_found() {
    let file = seal(&golden(), 3).expect("sound events");
    for bit in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let damaged = Bytes::from(damaged);
        let found = SegmentHeader::decode(&damaged).is_err()
            || open(&damaged).and_then(|view| read(&damaged, &view, &[0, 1])).is_err();
        assert!(found, "bit {bit}");
    }
}

#[test]
fn a_sealed_segment_cut_anywhere_is_an_error() {
    let file = Bytes::from(seal(&golden(), 3).expect("sound events"));
    for length in 0..file.len() {
        assert!(open(&file.slice(..length)).is_err(), "cut at {length}");
    }
}

#[test]
fn events_that_do_not_follow_each_other_are_not_sealed() {
    let mut gap = seeded(14, 1, 10);
    gap.remove(4);
    assert_eq!(seal(&gap, 3), Err(ColdFault::Position(Position::new(6))));
    let mut twice = seeded(14, 1, 200);
    twice[150].1.seq = crate::event::Seq::new(1);
    assert_eq!(seal(&twice, 3), Err(ColdFault::Seq(Position::new(151))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_events_of_any_actors_come_back_as_they_were(mut events in any_events(12)) {
        // Each of an actor of its own, so that any number is its first.
        for (number, (event, _)) in events.iter_mut().enumerate() {
            event.actor = format!("{}{number}", event.actor).into();
        }
        let file = Bytes::from(seal(&events, 3).unwrap());
        let view = open(&file).unwrap();
        let rows = view.rows_in_order().unwrap();
        prop_assert_eq!(read(&file, &view, &rows), Ok(stored(&events)));
    }

    #[test]
    fn forged_envelopes_with_a_good_checksum_never_panic(
        at in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let mut file = seal(&golden(), 3).unwrap();
        let mut trailer = ColdTrailer::decode(&file, file.len() as u64).unwrap();
        let start = usize::try_from(trailer.envelopes_offset).unwrap();
        let end = start + trailer.envelopes_len as usize;
        file[start + at.index(end - start)] = value;
        trailer.envelopes_crc = crate::format::checksum(&file[start..end]);
        let trailer_at = file.len() - COLD_TRAILER_BYTES;
        file[trailer_at..].copy_from_slice(&trailer.encode());
        let file = Bytes::from(file);
        if let Ok(view) = open(&file) {
            let rows = view.rows_in_order().unwrap_or_default();
            let _events = read(&file, &view, &rows);
            for (event, _) in golden() {
                let _rows = event.correlation.map(|id| view.rows_of_correlation(id));
                let _row = view.row_of_id(event.id);
                let _run = view.actor(event.actor.as_str());
            }
        }
    }
}
