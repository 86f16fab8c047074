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

/// A part of the file as it lies there.
fn part_of(file: &Bytes, (offset, length): (u64, u32)) -> Result<Bytes, FormatError> {
    let start = usize::try_from(offset).unwrap();
    let bytes = file.get(start..start + length as usize);
    bytes.map(|bytes| file.slice_ref(bytes)).ok_or(FormatError::truncated("test"))
}

fn open_with(file: &Bytes, parts: &[ColdPart]) -> Result<ColdView, FormatError> {
    let trailer = ColdTrailer::decode(file, file.len() as u64)?;
    let head = part_of(file, (trailer.envelopes_offset, ColdHead::bytes(&trailer)))?;
    let head = ColdHead::parse(trailer, &head)?;
    let actors = part_of(file, head.place(ColdPart::Actors))?;
    let view = ColdView::open(head, &actors)?;
    for part in parts {
        assert!(*part == ColdPart::Actors || !view.has(*part));
        let bytes = part_of(file, view.place(*part))?;
        assert_eq!(view.check(*part, &bytes), view.load(*part, &bytes));
        view.load(*part, &bytes)?;
        assert!(view.has(*part));
    }
    Ok(view)
}

fn open(file: &Bytes) -> Result<ColdView, FormatError> {
    open_with(file, &ColdPart::ALL)
}

fn hex_rows(bytes: &[u8]) -> String {
    let rows = bytes.chunks(16);
    let rows =
        rows.map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "));
    rows.collect::<Vec<_>>().join("\n")
}

/// The golden events as the first version of the format had them.
fn golden_1() -> Bytes {
    let mut file = SegmentHeader { sealed: true, ..header(&golden()) }.encode().to_vec();
    let digits = include_str!("fixtures/sealed-v1.hex").split_whitespace();
    file.extend(digits.map(|digits| u8::from_str_radix(digits, 16).expect("hexadecimal")));
    file.into()
}

#[test]
fn the_golden_sealed_segment_keeps_its_bytes() {
    let file = seal(&golden(), 3).expect("sound");
    assert_eq!(file[..4_096], SegmentHeader { sealed: true, ..header(&golden()) }.encode());
    insta::assert_snapshot!("sealed", hex_rows(&file[crate::format::SEGMENT_HEADER_BYTES..]));
}

#[test]
fn a_segment_of_version_1_is_read_and_its_damage_found() {
    let file = golden_1();
    let view = open(&file).expect("sound");
    assert_eq!(view.trailer().layout, ColdLayout::Whole);
    let rows = view.rows().expect("loaded").in_order().expect("sound");
    assert!(read(&file, &view, &rows) == Ok(stored(&golden())));
    assert_eq!(view.trailer().verify_file(&file), Ok(()));
    for bit in (4_096 * 8..file.len() * 8).step_by(7) {
        let mut damaged = file.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let damaged = Bytes::from(damaged);
        let found = open(&damaged).and_then(|view| read(&damaged, &view, &[0, 1]));
        assert!(found.is_err(), "bit {bit}");
    }
}

#[test]
fn a_part_that_was_not_loaded_is_missed_and_never_guessed() {
    let events = seeded(15, 1, 500);
    let file = Bytes::from(seal(&events, 3).expect("sound events"));
    let view = open_with(&file, &[]).expect("sound");
    let known = &events[7].0;
    assert_eq!(view.may_contain(known.id), None);
    assert_eq!(view.rows_of_correlation(CorrelationId::from_u128(0xF000)), None);
    assert!(view.rows().is_none() && view.blocks().is_none());
    assert!(view.actor(known.actor.as_str()).is_some(), "actors are there from the beginning");
    let opening = ColdHead::bytes(view.trailer()) + view.place(ColdPart::Actors).1;
    assert!(opening < view.trailer().envelopes_len / 10, "{opening} bytes to open it");
}

#[test]
fn the_part_of_another_segment_is_refused() {
    let [one, other] =
        [16, 17].map(|seed| Bytes::from(seal(&seeded(seed, 1, 300), 3).expect("sound events")));
    let (view, foreign) = (open(&one).expect("sound"), open(&other).expect("sound"));
    for part in ColdPart::ALL {
        let bytes = part_of(&other, foreign.place(part)).expect("whole");
        let same = part_of(&one, view.place(part)).expect("whole") == bytes;
        assert_eq!(view.load(part, &bytes).is_ok(), same, "{part:?}");
        assert!(view.load(part, &bytes.slice(..bytes.len() - 1)).is_err(), "{part:?} cut");
    }
}

/// The events of these rows, each read through the block that holds it.
fn read(file: &Bytes, view: &ColdView, rows: &[u32]) -> Result<Vec<Event>, FormatError> {
    let wrong = FormatError::content("test");
    let (columns, blocks) = view.rows().zip(view.blocks()).ok_or(wrong)?;
    let mut names = Names::new();
    let mut events = Vec::new();
    for row in rows {
        let number = blocks.number_of(*row).ok_or(wrong)?;
        let block = blocks.get(number).ok_or(wrong)?;
        let stored = part_of(file, (block.offset, block.stored))?;
        let payloads = blocks.decode(&block, stored)?;
        let before = blocks.rows(number).take_while(|before| before < row);
        let start: usize = before.filter_map(|before| columns.payload_bytes(before)).sum();
        let length = columns.payload_bytes(*row).ok_or(wrong)?;
        let payload = payloads.get(start..start.saturating_add(length)).ok_or(wrong)?;
        let event = columns.event(*row, payload)?;
        events.push(event.to_event(&mut names, payloads.slice_ref(payload)));
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
    let rows = view.rows().expect("loaded").in_order().expect("sound");
    assert!(read(&file, &view, &rows) == Ok(stored(&events)));
}

#[test]
fn an_actor_a_correlation_and_an_id_are_found_without_a_scan() {
    let events = seeded(12, 1, 2_000);
    let all = stored(&events);
    let file = Bytes::from(seal(&events, 3).expect("sound events"));
    let view = open(&file).expect("sound");
    let (columns, blocks) = view.rows().zip(view.blocks()).expect("loaded");
    assert_eq!(view.actors().count(), 20);
    for run in view.actors() {
        let rows: Vec<u32> = run.rows.clone().collect();
        let expected: Vec<Event> =
            all.iter().filter(|event| event.actor == run.actor).cloned().collect();
        assert_eq!(view.actor(run.actor), Some(run));
        assert!(read(&file, &view, &rows) == Ok(expected), "{rows:?}");
        let blocks: BTreeSet<u32> = rows.iter().filter_map(|row| blocks.number_of(*row)).collect();
        assert!(blocks.len() <= 2, "an actor's hundred events lie in neighboring blocks");
    }
    for name in ["", "nobody", "order-0003x", "zz"] {
        assert_eq!(view.actor(name), None, "{name}");
    }
    for flow in 0..8 {
        let id = CorrelationId::from_u128(0xF000 + flow);
        let expected: Vec<Event> =
            all.iter().filter(|event| event.correlation == Some(id)).cloned().collect();
        let rows = view.rows_of_correlation(id).expect("loaded");
        assert!(read(&file, &view, &rows) == Ok(expected), "{id}");
    }
    assert_eq!(view.rows_of_correlation(CorrelationId::from_u128(1)), Some(Vec::new()));
    for event in all.iter().step_by(97) {
        assert_eq!(view.may_contain(event.id), Some(true));
        let row = columns.of_id(event.id).expect("it is there");
        assert_eq!(columns.position(row), Some(event.position));
    }
    assert_eq!(columns.of_id(EventId::from_u128(5)), None);
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
        let rows = view.rows().unwrap().in_order().unwrap();
        prop_assert_eq!(read(&file, &view, &rows), Ok(stored(&events)));
    }

    #[test]
    fn forged_envelopes_with_good_checksums_never_panic(
        first in any::<bool>(), at in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let file = if first { golden_1() } else { seal(&golden(), 3).unwrap().into() };
        let mut file = file.to_vec();
        let trailer = ColdTrailer::decode(&file, file.len() as u64).unwrap();
        let start = usize::try_from(trailer.envelopes_offset).unwrap();
        let end = start + trailer.envelopes_len as usize;
        file[start + at.index(end - start)] = value;
        let file = Bytes::from(reseal(file));
        if let Ok(view) = open(&file) {
            let columns = view.rows().unwrap();
            let rows = columns.in_order().unwrap_or_default();
            let _events = read(&file, &view, &rows);
            for (event, _) in golden() {
                let _rows = event.correlation.map(|id| view.rows_of_correlation(id));
                let _row = columns.of_id(event.id);
                let _run = view.actor(event.actor.as_str());
            }
        }
    }
}

/// A file with other envelopes and the checksums that fit them.
fn reseal(mut file: Vec<u8>) -> Vec<u8> {
    let mut trailer = ColdTrailer::decode(&file, file.len() as u64).unwrap();
    let start = usize::try_from(trailer.envelopes_offset).unwrap();
    let mut head = start..start + ColdHead::bytes(&trailer) as usize;
    if trailer.layout == ColdLayout::Parts {
        let lengths: Vec<usize> = file[head.start..head.start + 4 * envelopes::SECTIONS]
            .as_chunks::<4>()
            .0
            .iter()
            .map(|length| u32::from_le_bytes(*length) as usize)
            .collect();
        let mut at = head.end;
        for part in ColdPart::ALL {
            let length: usize = lengths[part.sections()].iter().sum();
            // A false length fits no file, and is refused before any checksum is.
            let crc =
                crate::format::checksum(file.get(at..at.saturating_add(length)).unwrap_or(&[]));
            at = at.saturating_add(length);
            let slot = head.start + 4 * (envelopes::SECTIONS + part.number());
            file[slot..slot + 4].copy_from_slice(&crc.to_le_bytes());
        }
    } else {
        head.end = start + trailer.envelopes_len as usize;
    }
    trailer.envelopes_crc = crate::format::checksum(&file[head]);
    let trailer_at = file.len() - COLD_TRAILER_BYTES;
    file[trailer_at..].copy_from_slice(&trailer.encode());
    file
}
