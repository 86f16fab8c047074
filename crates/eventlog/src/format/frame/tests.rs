//! Frames: golden bytes, round trips, and damage that is always found.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::event::{Event, Position};
use crate::format::test_events::{PlacedEvents, any_events, golden, seeded};
use crate::format::{BLOCK_BYTES, Compression, Scratch};
use crate::read::{DamageKind, Query};

const STAMP: FrameStamp = FrameStamp {
    log_id: 0x1122_3344_5566_7788,
    generation: 3,
    epoch: 2,
    durable: Position::ZERO,
    previous: 5,
    packed: false,
};

fn encode(events: &PlacedEvents, compression: Compression) -> (Vec<u8>, Written) {
    let mut builder = FrameBuilder::new(compression);
    for (event, placed) in events {
        builder.push(event, *placed).expect("the events fit");
    }
    let mut bytes = Vec::new();
    let written = builder.finish(&STAMP, &mut bytes);
    assert_eq!(written.bytes, bytes.len());
    (bytes, written)
}

fn stored(events: &PlacedEvents) -> Vec<Event> {
    events.iter().map(|(event, placed)| event.clone().placed(*placed)).collect()
}

fn decode(bytes: &[u8]) -> Vec<Event> {
    let bytes = Bytes::copy_from_slice(bytes);
    decode_events(&bytes, &Query::all(), &mut Names::new(), &mut Scratch::new()).expect("sound")
}

fn hex(bytes: &[u8]) -> String {
    let rows: Vec<String> = bytes
        .chunks(16)
        .map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    rows.join("\n")
}

#[test]
fn the_golden_frame_keeps_its_bytes() {
    let (bytes, _) = encode(&golden(), Compression::None);
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("not empty") + 1;
    assert_eq!(bytes.len(), BLOCK_BYTES);
    insta::assert_snapshot!("frame", hex(&bytes[..end.next_multiple_of(16)]));
    assert_eq!(decode(&bytes), stored(&golden()));
}

#[test]
fn the_golden_packed_frame_keeps_its_bytes_and_fills_no_block() {
    let mut builder = FrameBuilder::new(Compression::None);
    for (event, placed) in &golden() {
        builder.push(event, *placed).expect("the events fit");
    }
    let mut bytes = Vec::new();
    let written = builder.finish(&FrameStamp { packed: true, ..STAMP }, &mut bytes);
    assert_eq!((written.bytes, bytes.len() % PACKED_UNIT_BYTES), (bytes.len(), 0));
    insta::assert_snapshot!("packed", hex(&bytes));
    assert_eq!(decode(&bytes), stored(&golden()));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(FrameView::open(&damaged, &mut Scratch::new()).is_err(), "bit {bit}");
    }
}

#[test]
fn the_golden_mark_keeps_its_bytes() {
    let mut bytes = Vec::new();
    let stamp = FrameStamp { durable: Position::new(8), ..STAMP };
    let written = stamp.mark(Position::new(9), true, &mut bytes);
    assert_eq!(
        (written.bytes, written.first, written.end),
        (4_096, Position::new(9), Position::new(9))
    );
    insta::assert_snapshot!("mark", hex(&bytes[..80]));
    let mut scratch = Scratch::new();
    let view = FrameView::open(&bytes, &mut scratch).expect("sound").expect("written");
    assert_eq!(view.header().role, FrameRole::CleanClose);
    assert_eq!((view.header().durable, view.events().count()), (Position::new(8), 0));
    assert_eq!(view.header().chain(), written.chain);
}

#[test]
fn a_compressed_frame_is_smaller_and_reads_the_same() {
    let events = seeded(1, 1, 500);
    let (plain, _) = encode(&events, Compression::None);
    let (packed, _) = encode(&events, Compression::Zstd);
    assert!(packed.len() < plain.len() * 2 / 3, "{} of {}", packed.len(), plain.len());
    assert_eq!(decode(&packed), stored(&events));
    assert_eq!(decode(&plain), stored(&events));
}

#[test]
fn borrowed_events_are_the_owned_ones() {
    let events = seeded(2, 40, 300);
    for compression in [Compression::None, Compression::Zstd] {
        let (bytes, _) = encode(&events, compression);
        let mut scratch = Scratch::new();
        let view = FrameView::open(&bytes, &mut scratch).expect("sound").expect("written");
        let mut names = Names::new();
        let owned: Vec<Event> = view
            .events()
            .map(|event| event.to_event(&mut names, Bytes::copy_from_slice(event.payload)))
            .collect();
        assert_eq!(owned, stored(&events));
        let times =
            events.iter().map(|(_, placed)| placed.at.as_unix_nanos().cast_signed() / 1_000);
        let (earliest, latest) = (times.clone().min().unwrap(), times.max().unwrap());
        assert_eq!(view.time_micros(), Some((earliest, latest)));
    }
}

#[test]
fn space_that_was_never_written_is_no_frame() {
    let zeros = vec![0; BLOCK_BYTES];
    assert_eq!(FrameHeader::decode(&zeros), Ok(None));
    assert!(FrameView::open(&zeros, &mut Scratch::new()).expect("no damage").is_none());
}

#[test]
fn every_flipped_bit_of_a_frame_is_found_padding_included() {
    let (bytes, _) = encode(&golden(), Compression::None);
    let mut scratch = Scratch::new();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(FrameView::open(&damaged, &mut scratch).is_err(), "bit {bit}");
    }
}

#[test]
fn a_frame_cut_anywhere_is_an_error() {
    let (bytes, _) = encode(&seeded(3, 1, 30), Compression::Zstd);
    let mut scratch = Scratch::new();
    for length in 0..bytes.len() {
        let error = FrameView::open(&bytes[..length], &mut scratch).expect_err("cut");
        assert_eq!(error.kind(), DamageKind::Truncated, "cut at {length}");
    }
}

#[test]
fn sizes_that_exceed_a_frame_are_refused_before_anything_is_allocated() {
    let (bytes, _) = encode(&golden(), Compression::None);
    let good = FrameHeader::decode(&bytes).expect("sound").expect("written");
    let huge = u32::MAX;
    let forged = [
        FrameHeader { payload_raw: huge, payload_len: huge, ..good },
        FrameHeader { payload_raw: huge, payload_compressed: true, ..good },
        FrameHeader { meta_raw: huge, meta_compressed: true, ..good },
        FrameHeader { count: 0, ..good },
        FrameHeader { role: FrameRole::Mark, ..good },
        FrameHeader { durable: good.first, ..good },
        FrameHeader { first: Position::MAX, durable: Position::ZERO, ..good },
    ];
    for header in forged {
        let error = FrameHeader::decode(&header.encode()).expect_err("forged");
        assert_eq!(error.kind(), DamageKind::Content, "{header:?}");
    }
    // One more event than the columns hold.
    let mut forged = bytes.clone();
    forged[..80].copy_from_slice(&FrameHeader { count: good.count + 1, ..good }.encode());
    assert!(FrameView::open(&forged, &mut Scratch::new()).is_err());
}

#[test]
fn a_frame_takes_events_until_it_is_full_and_is_as_it_was_then() {
    let mut builder = FrameBuilder::new(Compression::None);
    let big = seeded(4, 1, 10);
    let big: PlacedEvents = big
        .into_iter()
        .map(|(mut event, placed)| {
            event.payload = crate::event::Payload::raw("big", vec![1; 1_000_000]);
            (event, placed)
        })
        .collect();
    let taken =
        big.iter().take_while(|(event, placed)| builder.push(event, *placed).is_ok()).count();
    assert_eq!(taken, 4);
    assert!(!builder.fits(std::slice::from_ref(&big[4].0)));
    let mut bytes = Vec::new();
    builder.finish(&STAMP, &mut bytes);
    assert!(bytes.len() <= FRAME_BYTES_MAX);
    assert_eq!(decode(&bytes), stored(&big[..4].to_vec()));
    assert!(builder.push(&big[4].0, big[4].1).is_ok(), "the next frame takes it");
}

#[test]
fn a_query_filters_while_decoding() {
    let events = seeded(5, 1, 200);
    let (bytes, _) = encode(&events, Compression::None);
    let query = Query::actor("order-0003").positions(Position::new(50)..);
    let found = decode_events(&Bytes::from(bytes), &query, &mut Names::new(), &mut Scratch::new());
    let expected: Vec<Event> =
        stored(&events).into_iter().filter(|event| query.matches(event)).collect();
    assert!(!expected.is_empty());
    assert_eq!(found, Ok(expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_events_come_back_as_they_were(events in any_events(12), zstd in any::<bool>()) {
        let compression = if zstd { Compression::Zstd } else { Compression::None };
        let (bytes, written) = encode(&events, compression);
        prop_assert_eq!(bytes.len() % BLOCK_BYTES, 0);
        let header = FrameHeader::decode(&bytes).unwrap().unwrap();
        prop_assert_eq!(header.chain(), written.chain);
        prop_assert_eq!(header.end(), written.end);
        prop_assert_eq!(decode(&bytes), stored(&events));
    }

    #[test]
    fn any_change_of_any_frame_is_found(
        events in any_events(6), zstd in any::<bool>(), at in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let compression = if zstd { Compression::Zstd } else { Compression::None };
        let (mut bytes, _) = encode(&events, compression);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(FrameView::open(&bytes, &mut Scratch::new()).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut scratch = Scratch::new();
        prop_assert!(FrameView::open(&bytes, &mut scratch).map_or(true, |view| view.is_none()));
        bytes.resize(BLOCK_BYTES, 0);
        prop_assert!(FrameView::open(&bytes, &mut scratch).map_or(true, |view| view.is_none()));
    }
}
