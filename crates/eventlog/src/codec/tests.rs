//! Codecs keep their bytes and refuse others; upcasters go one version at a time.

use std::error::Error as _;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::event::{Event, EventKind, NewEvent, Position, Seq};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Change {
    Opened { owner: String },
    Moved(i64, Option<u16>),
    Closed,
}

const CODECS: [CodecId; 3] = [CodecId::BINCODE, CodecId::NAMED, CodecId::JSON];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[test]
fn every_codec_keeps_its_bytes() {
    let value = Change::Moved(-2, Some(7));
    let bytes = |codec| hex(Payload::encode(codec, "t", 1, &value).expect("encodes").bytes());
    assert_eq!(bytes(CodecId::BINCODE), "01000000feffffffffffffff010700");
    assert_eq!(bytes(CodecId::NAMED), "81a54d6f76656492fe07");
    assert_eq!(bytes(CodecId::JSON), hex(br#"{"Moved":[-2,7]}"#));
    let opened = Change::Opened { owner: "ada".into() };
    let named = Payload::encode(CodecId::NAMED, "t", 1, &opened).expect("encodes");
    assert_eq!(hex(named.bytes()), "81a64f70656e656481a56f776e6572a3616461", "names are in there");
}

#[test]
fn a_cut_or_longer_value_is_refused() {
    for codec in CODECS {
        let payload = Payload::encode(codec, "t", 1, &Change::Opened { owner: "ada".into() });
        let payload = payload.expect("encodes");
        for length in 0..payload.bytes().len() {
            let cut = Payload::new(codec, "t", 1, payload.bytes().slice(..length));
            assert!(cut.decode::<Change>().is_err(), "{codec} cut at {length}");
        }
        let mut longer = payload.bytes().to_vec();
        longer.push(1);
        assert!(Payload::new(codec, "t", 1, longer).decode::<Change>().is_err(), "{codec}");
    }
}

#[test]
fn a_declared_length_beyond_the_limit_is_refused_before_anything_is_allocated() {
    let huge = u64::MAX.to_le_bytes().to_vec();
    assert!(Payload::new(CodecId::BINCODE, "t", 1, huge).decode::<Vec<u8>>().is_err());
    let huge = vec![0xdd, 0xff, 0xff, 0xff, 0xff];
    assert!(Payload::new(CodecId::NAMED, "t", 1, huge).decode::<Vec<u8>>().is_err());
}

#[test]
fn bytes_without_a_codec_are_no_value() {
    for codec in [CodecId::RAW, CodecId::new(0), CodecId::new(200)] {
        let error = Payload::new(codec, "t", 1, "x").decode::<String>().expect_err("no codec");
        assert!(matches!(error, CodecError::UnknownCodec(found) if found == codec));
        assert!(Payload::encode(codec, "t", 1, "x").is_err());
    }
}

#[derive(Serialize, Deserialize)]
struct V1 {
    euros: u64,
}

#[derive(Serialize, Deserialize)]
struct V2 {
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct V3 {
    cents: u64,
    currency: String,
}

fn upcasters() -> Upcasters {
    Upcasters::new()
        .current("bank.Deposited", 3)
        .current("bank.Noted", 1)
        .step("bank.Deposited", 1, |old: V1| vec![V2 { cents: old.euros * 100 }])
        .step("bank.Deposited", 2, |old: V2| vec![V3 { cents: old.cents, currency: "EUR".into() }])
}

#[test]
fn s53_the_first_version_becomes_the_third_through_the_second() {
    for codec in CODECS {
        let old = Payload::encode(codec, "bank.Deposited", 1, &V1 { euros: 5 }).expect("encodes");
        let native = V3 { cents: 500, currency: "EUR".into() };
        let native = Payload::encode(codec, "bank.Deposited", 3, &native).expect("encodes");
        let native = vec![native];
        assert_eq!(upcasters().upcast(old).expect("known"), native);
        assert_eq!(upcasters().upcast(native[0].clone()).expect("current"), native);
    }
}

#[test]
fn s53_an_unknown_type_or_version_is_an_error_that_names_both() {
    for (type_name, version) in [("bank.Deposited", 4), ("bank.Deposited", 0), ("bank.Gone", 1)] {
        let payload = Payload::new(CodecId::JSON, type_name, version, "{}");
        let error = upcasters().upcast(payload).expect_err("unknown");
        let text = error.to_string();
        assert_eq!(text, format!("version {version} of type {type_name} is not known"));
    }
}

#[test]
fn s53_a_split_keeps_its_order() {
    let split =
        Upcasters::new().current("list.Added", 3).step("list.Added", 1, |old: Vec<u32>| old);
    let split = split.step("list.Added", 2, |old: u32| vec![old * 10, old * 10 + 1]);
    let old = Payload::encode(CodecId::JSON, "list.Added", 1, &vec![1, 2, 3]).expect("encodes");
    let event =
        NewEvent::new(steadfast_base::EventId::from_u128(1), "a", EventKind::StateChanged, old);
    let placed = crate::append::Placed {
        position: Position::new(5),
        seq: Seq::new(2),
        at: steadfast_base::Timestamp::UNIX_EPOCH,
    };
    let events: Vec<Event> = split.apply(event.placed(placed)).expect("known");
    let values: Vec<u32> = events.iter().map(|event| event.payload.decode().unwrap()).collect();
    assert_eq!(values, [10, 11, 20, 21, 30, 31]);
    assert!(events.iter().all(|event| event.seq == Seq::new(2) && event.payload.version() == 3));
}

#[test]
fn a_step_that_leaps_multiplies_or_fails_is_an_error() {
    let leap = Upcasters::new().current("t", 3).step_payload("t", 1, |old| {
        Ok(vec![Payload::new(old.codec(), "t", 3, old.bytes().clone())])
    });
    let payload = || Payload::new(CodecId::JSON, "t", 1, "7");
    assert!(matches!(leap.upcast(payload()), Err(UpcastError::Leap { version: 1, .. })));
    let many = Upcasters::new().current("t", 2).step("t", 1, |_: u8| vec![0_u8; 5_000]);
    assert!(matches!(many.upcast(payload()), Err(UpcastError::TooMany)));
    let fails = Upcasters::new().current("t", 2).step("t", 1, |old: String| vec![old]);
    let error = fails.upcast(payload()).expect_err("7 is no text");
    assert!(error.source().is_some_and(|cause| cause.source().is_some()));
}

proptest! {
    #[test]
    fn any_value_comes_back_through_every_codec(owner in ".*", moved in any::<(i64, Option<u16>)>()) {
        for codec in CODECS {
            for value in [Change::Opened { owner: owner.clone() }, Change::Moved(moved.0, moved.1), Change::Closed] {
                let payload = Payload::encode(codec, "t", 1, &value).unwrap();
                prop_assert_eq!(payload.decode::<Change>().unwrap(), value);
            }
        }
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for codec in CODECS {
            let _read = Payload::new(codec, "t", 1, bytes.clone()).decode::<Vec<Change>>();
        }
    }
}
