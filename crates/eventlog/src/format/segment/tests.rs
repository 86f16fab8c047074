//! Segment headers: golden bytes, round trips and damage.

use proptest::prelude::*;

use super::*;

fn golden() -> SegmentHeader {
    SegmentHeader {
        sealed: false,
        log_id: 0x1122_3344_5566_7788,
        generation: 3,
        epoch: 2,
        first: Position::new(1_000),
        predecessor: Some(Predecessor {
            first: Position::new(1),
            end: Position::new(1_000),
            chain: 0xABCD_EF01,
        }),
        created: Timestamp::from_unix_nanos(1_700_000_000_000_000_000),
    }
}

#[test]
fn the_golden_header_keeps_its_bytes() {
    let bytes = golden().encode();
    let hex: Vec<String> = bytes[..64]
        .chunks(16)
        .map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!(hex.join("\n"));
    assert_eq!(SegmentHeader::decode(&bytes), Ok(golden()));
}

#[test]
fn every_flipped_bit_is_found() {
    let bytes = golden().encode();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(SegmentHeader::decode(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn a_header_cut_anywhere_is_an_error() {
    let bytes = golden().encode();
    for length in 0..bytes.len() {
        let error = SegmentHeader::decode(&bytes[..length]).expect_err("cut");
        assert_eq!(error.kind(), DamageKind::Truncated);
    }
}

#[test]
fn links_that_make_no_sense_are_refused() {
    let link = |first: u64, end: u64| SegmentHeader {
        predecessor: Some(Predecessor {
            first: Position::new(first),
            end: Position::new(end),
            chain: 1,
        }),
        ..golden()
    };
    for header in [
        link(5, 5),
        link(5, 1_001),
        SegmentHeader { first: Position::ZERO, predecessor: None, ..golden() },
    ] {
        let error = SegmentHeader::decode(&header.encode()).expect_err("no sense");
        assert_eq!(error.kind(), DamageKind::Content, "{header:?}");
    }
}

proptest! {
    #[test]
    fn any_header_comes_back_as_it_was(
        sealed in any::<bool>(), log_id in any::<u64>(), generation in any::<u32>(), epoch in any::<u32>(),
        link in any::<Option<(u16, u16, u32)>>(), first in 200_000..u64::MAX, micros in 0..u64::MAX / 1_000,
    ) {
        let predecessor = link.map(|(from, length, chain)| {
            let from = u64::from(from) + 1;
            let end = Position::new(from + u64::from(length) + 1);
            Predecessor { first: Position::new(from), end, chain }
        });
        let created = Timestamp::from_unix_nanos(micros * 1_000);
        let first = Position::new(first);
        let header = SegmentHeader { sealed, log_id, generation, epoch, first, predecessor, created };
        prop_assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
    }
}
