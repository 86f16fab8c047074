//! The file: golden bytes, round trips and damage.

use proptest::prelude::*;

use super::*;

fn golden() -> Snapshot {
    let state = Payload::new(CodecId::JSON, "bank.Account", 2, "{\"cents\":500}");
    Snapshot::new("acc-42", Seq::new(15), Position::new(90), state)
        .with_at(Timestamp::from_unix_nanos(1_700_000_000_000_000_000))
        .with_event(EventId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
        .with_metadata("taken-by", "policy")
}

#[test]
fn the_golden_snapshot_keeps_its_bytes() {
    let bytes = encode(&golden());
    let rows: Vec<String> = bytes
        .chunks(16)
        .map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
    assert_eq!(decode(&Bytes::from(bytes), 1_000), Ok(golden()));
}

#[test]
fn a_file_cut_anywhere_or_longer_is_an_error() {
    let mut bytes = encode(&golden());
    for length in 0..bytes.len() {
        let cut = Bytes::copy_from_slice(&bytes[..length]);
        assert!(decode(&cut, 1_000).is_err(), "cut at {length}");
    }
    bytes.push(0);
    assert_eq!(decode(&Bytes::from(bytes), 1_000), Err(SnapshotDamage::Length));
}

proptest! {
    #[test]
    fn any_snapshot_comes_back_as_it_was(
        actor in "\\PC{1,30}", seq in any::<u64>(), micros in 0..u64::MAX / 1_000, event in any::<Option<u64>>(),
        state in prop::collection::vec(any::<u8>(), 0..2_000), version in any::<u16>(), codec in any::<u8>(),
        metadata in prop::collection::btree_map("\\PC{0,8}", "\\PC{0,8}", 0..5),
    ) {
        let state = Payload::new(CodecId::new(codec), "t", version, state);
        let mut snapshot = Snapshot::new(actor, Seq::new(seq), Position::new(seq ^ 1), state);
        snapshot.at = Some(Timestamp::from_unix_nanos(micros * 1_000));
        snapshot.event = event.filter(|id| *id != 0).map(|id| EventId::from_u128(u128::from(id)));
        snapshot.metadata = metadata;
        prop_assert_eq!(decode(&Bytes::from(encode(&snapshot)), 2_000), Ok(snapshot));
    }

    #[test]
    fn a_forged_header_with_a_good_checksum_never_panics(at in 16..160_usize, value in any::<u8>()) {
        let mut bytes = encode(&golden());
        let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
        let at = at.min(length - 1);
        bytes[at] = value;
        bytes[12..16].fill(0);
        let crc = crc32c::crc32c(&bytes[..length]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        let _read = decode(&Bytes::from(bytes), 1_000);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&Bytes::from(bytes), 1_000).is_err());
    }
}
