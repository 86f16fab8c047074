//! The index finds what is there, comes back as it was, and is dropped when it is damaged.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::format::frame::{EventRef, FrameBuilder, FrameStamp, FrameView};
use crate::format::test_events::{PlacedEvents, any_events, golden, seeded};
use crate::format::{Compression, Scratch};

const STAMP: FrameStamp = FrameStamp {
    log_id: 1,
    generation: 1,
    epoch: 1,
    durable: Position::ZERO,
    previous: 0,
    packed: false,
};

/// A file of frames of `per_frame` events, and the index of it.
fn indexed(events: &PlacedEvents, per_frame: usize) -> (Vec<u8>, SegmentIndex) {
    let mut file = vec![0; 4_096];
    let mut index = SegmentIndex::new();
    for chunk in events.chunks(per_frame) {
        let mut builder = FrameBuilder::new(Compression::None);
        for (event, placed) in chunk {
            builder.push(event, *placed).expect("fits");
        }
        let offset = file.len();
        builder.finish(&STAMP, &mut file);
        let mut scratch = Scratch::new();
        let view = FrameView::open(&file[offset..], &mut scratch).expect("sound").expect("written");
        index.add_frame(offset as u64, &view);
    }
    (file, index)
}

fn of(events: &PlacedEvents, file: &[u8]) -> IndexOf {
    let first = events[0].1.position;
    let end = first.plus(events.len() as u64);
    IndexOf { log_id: 1, generation: 1, first, end, offset: file.len() as u64, chain: 5 }
}

fn decode(bytes: &[u8]) -> Result<(IndexOf, SegmentIndex), crate::format::FormatError> {
    SegmentIndex::decode(&Bytes::copy_from_slice(bytes))
}

/// The numbers of the frames that hold an event for which `wanted` holds, by looking.
fn frames_with(
    file: &[u8],
    index: &SegmentIndex,
    wanted: impl Fn(&EventRef<'_>) -> bool,
) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for (number, frame) in index.frames().iter().enumerate() {
        let mut scratch = Scratch::new();
        let bytes = &file[usize::try_from(frame.offset).unwrap()..];
        let view = FrameView::open(bytes, &mut scratch).expect("sound").expect("written");
        if view.events().any(|event| wanted(&event)) {
            found.insert(number);
        }
    }
    found
}

#[test]
fn the_index_names_the_frames_that_hold_what_is_asked_for() {
    let events = seeded(7, 100, 400);
    let (file, grown) = indexed(&events, 9);
    let known = of(&events, &file);
    let (read, loaded) = decode(&grown.encode(&known)).expect("sound");
    assert_eq!(read, known);
    // One of which a file knew the first part, and one that went too far and was cut.
    let half = &events[..9 * 20].to_vec();
    let (half_file, half_grown) = indexed(half, 9);
    let (_, mut resumed) = decode(&half_grown.encode(&of(half, &half_file))).expect("sound");
    for frame in &grown.frames()[20..] {
        let mut scratch = Scratch::new();
        let bytes = &file[usize::try_from(frame.offset).unwrap()..];
        let view = FrameView::open(bytes, &mut scratch).expect("sound").expect("written");
        resumed.add_frame(frame.offset, &view);
    }
    assert_eq!(resumed.encode(&known), grown.encode(&known));
    let mut cut = resumed.clone();
    cut.cut(30);
    for frame in &grown.frames()[30..] {
        let mut scratch = Scratch::new();
        let bytes = &file[usize::try_from(frame.offset).unwrap()..];
        let view = FrameView::open(bytes, &mut scratch).expect("sound").expect("written");
        cut.add_frame(frame.offset, &view);
    }
    assert_eq!(cut.encode(&known), grown.encode(&known));
    let set = |frames: &[u32]| frames.iter().map(|frame| *frame as usize).collect::<BTreeSet<_>>();
    for index in [&grown, &loaded, &resumed, &cut] {
        let actor = "order-0007";
        let (from, to) = (Seq::new(4), Seq::new(11));
        let expected = frames_with(&file, index, |event| {
            event.actor == actor && (from..=to).contains(&event.seq)
        });
        assert_eq!(set(&index.frames_of_actor(actor, from, to)), expected);
        let id = CorrelationId::from_u128(0xF003);
        let expected = frames_with(&file, index, |event| event.correlation == Some(id));
        assert_eq!(set(&index.frames_of_correlation(id)), expected);
        let (from, before) = (events[50].1.at, events[90].1.at);
        let expected = frames_with(&file, index, |event| event.at >= from && event.at < before);
        let during: BTreeSet<usize> = index.frames_during(from, Some(before)).collect();
        assert!(during.is_superset(&expected) && during.len() <= expected.len() + 1);
        for (event, placed) in &events {
            assert!(index.may_contain(event.id));
            let frame = index.frame_at(placed.position).map(|number| index.frames()[number]);
            assert!(
                frame.is_some_and(|frame| (frame.first..frame.end()).contains(&placed.position))
            );
        }
        assert_eq!(index.frame_at(Position::new(99)), None);
        assert_eq!(index.frame_at(Position::new(500)), None);
        assert!(index.frames_of_actor("nobody", Seq::ZERO, Seq::MAX).is_empty());
        assert!(index.frames_of_correlation(CorrelationId::from_u128(9)).is_empty());
    }
}

#[test]
fn the_golden_index_keeps_its_bytes() {
    let (file, index) = indexed(&golden(), 1);
    let bytes = index.encode(&of(&golden(), &file));
    let rows: Vec<String> = bytes
        .chunks(16)
        .map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!("index", rows.join("\n"));
}

#[test]
fn an_index_is_small_beside_what_it_finds() {
    let events = seeded(8, 1, 5_000);
    let (file, index) = indexed(&events, 500);
    let bytes = index.encode(&of(&events, &file)).len();
    assert!(bytes < 5_000 * 5, "{bytes} bytes for 5,000 events");
}

#[test]
fn every_flipped_bit_and_every_cut_of_an_index_is_found() {
    let events = seeded(9, 1, 12);
    let (file, index) = indexed(&events, 5);
    let bytes = index.encode(&of(&events, &file));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&damaged).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
    }
    assert!(decode(&[0; 4_096]).is_err(), "zeros");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_with_a_good_checksum_are_read_without_a_panic(
        events in any_events(5), at in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        // Actors may repeat with numbers that are no run here: only the reading is looked at.
        let (file, index) = indexed(&events, 2);
        let mut bytes = index.encode(&of(&events, &file));
        let end = bytes.len() - 4;
        bytes[at.index(end)] = value;
        let crc = crate::format::checksum(&bytes[..end]).to_le_bytes();
        bytes[end..].copy_from_slice(&crc);
        if let Ok((of, index)) = decode(&bytes) {
            let frames = index.frames().len();
            let actors: Vec<String> = index.actors().map(|(actor, ..)| actor.to_owned()).collect();
            for actor in actors {
                let found = index.frames_of_actor(&actor, Seq::ZERO, Seq::MAX);
                prop_assert!(found.iter().all(|frame| (*frame as usize) < frames));
            }
            prop_assert!(decode(&index.encode(&of)).is_ok());
        }
    }
}
