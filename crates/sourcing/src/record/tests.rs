//! The bytes of recordings: pinned, read again, and refused where they are none.

use proptest::prelude::*;

use steadfast_actor_core::{
    TimerKey,
    tape::{OutputKind, Source},
};
use steadfast_base::{ActorId, CallContext, Instant, Timestamp};

use super::{
    Gap, GapReason, Sent, ValueHash,
    opened::{Opened, read_signal},
    turn::{Came, Reading, TurnEnding, TurnRecord},
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn turn() -> TurnRecord {
    TurnRecord {
        source: Source::Timer(TimerKey::Number(7)),
        began: Instant::from_nanos(300),
        began_wall: Timestamp::from_unix_nanos(1_000),
        words_drawn: 2,
        context: Some(
            CallContext::new().with_sender(ActorId::new(9)).with_deadline(Instant::from_nanos(500)),
        ),
        readings: vec![Reading::Now(Instant::from_nanos(305))],
        came: vec![(0, Came::Flag(true))],
        outputs: 1,
        input: vec![0xaa, 0xbb].into(),
        ..TurnRecord::default()
    }
}

#[test]
fn the_layouts_are_those_of_the_format_page() {
    let written = hex(&turn().write());
    assert_eq!(written, "02000501ac02e807020709020100f40301000a01000101".to_owned() + "0102aabb");
    let sent = Sent {
        kind: OutputKind::Tell,
        target: "/a".to_owned(),
        type_name: String::new(),
        hash: None,
    };
    assert_eq!(hex(&sent.write()), "00022f610000");
    let gap = Gap { turn: 3, turns: 1, reason: GapReason::TooLarge };
    assert_eq!(hex(&gap.write()), "030102");
    let opened = Opened {
        from_birth: true,
        build: "b".to_owned(),
        seed: 5,
        id: ActorId::new(6),
        incarnation: 0,
        words_drawn: 0,
        message_type: "M".to_owned(),
        state_type: "S".to_owned(),
        path: "/s/a".to_owned(),
    };
    assert_eq!(hex(&opened.write()), "010162050600".to_owned() + "00014d0153042f732f61");
    assert_eq!(Opened::read(opened.write().into()), Ok(opened));
    assert_eq!(Gap::read(gap.write().into()), Ok(gap));
    assert_eq!(Sent::read(sent.write().into()), Ok(sent));
}

proptest! {
    #[test]
    fn a_turn_is_read_as_it_was_written(
        words in any::<u64>(),
        began in any::<u64>(),
        now in any::<u64>(),
        text in ".{0,20}",
        value in prop::collection::vec(any::<u8>(), 0..40),
        hash in prop::option::of(any::<[u8; 32]>()),
    ) {
        let written = TurnRecord {
            ending: TurnEnding::Failed(text),
            began: Instant::from_nanos(began),
            words_drawn: words,
            readings: vec![Reading::Now(Instant::from_nanos(now))],
            came: vec![(3, Came::Value(value.clone().into())), (4, Came::Actor(ActorId::new(now)))],
            state: hash.map(ValueHash),
            input: value.into(),
            ..turn()
        };
        let mut read = TurnRecord::default();
        prop_assert_eq!(read.read(written.write().into()), Ok(()));
        prop_assert_eq!(format!("{written:?}"), format!("{read:?}"));
    }

    #[test]
    fn any_bytes_are_a_record_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = bytes::Bytes::from(bytes);
        let mut turn = TurnRecord::default();
        if turn.read(bytes.clone()).is_ok() {
            let mut again = TurnRecord::default();
            prop_assert_eq!(again.read(turn.write().into()), Ok(()));
        }
        drop((Sent::read(bytes.clone()), Opened::read(bytes.clone())));
        drop((Gap::read(bytes.clone()), read_signal(bytes)));
    }
}
