//! Events for the tests of formats: fixed ones, seeded ones, and any.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;

use steadfast_base::{CorrelationId, EventId, Seed, Stream, Timestamp};

use crate::append::Placed;
use crate::event::{CodecId, EventKind, NewEvent, Payload, Position, Seq};

/// Events with their places, as a writer would put them into one frame.
pub(crate) type PlacedEvents = Vec<(NewEvent, Placed)>;

/// Two events that use every field, the same for ever: golden bytes are made of them.
pub(crate) fn golden() -> PlacedEvents {
    let first = NewEvent::new(
        EventId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
        "acc-42",
        EventKind::StateChanged,
        Payload::new(CodecId::JSON, "bank.Deposited", 2, "{\"cents\":500}"),
    )
    .with_correlation(CorrelationId::from_u128(0xC0))
    .with_turn(9);
    let second = NewEvent::new(
        EventId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002),
        "ä/../x",
        EventKind::application("audit"),
        Payload::raw("note", "hi"),
    )
    .with_causation(first.id);
    let place = |position: u64, seq: u64, micros: u64| Placed {
        position: Position::new(position),
        seq: Seq::new(seq),
        at: Timestamp::from_unix_nanos(micros * 1_000),
    };
    vec![(first, place(7, 3, 1_700_000_000_000_000)), (second, place(8, 1, 1_699_999_999_000_000))]
}

/// `count` seeded events of 20 actors in flows, about 250 bytes each, from `first` on.
pub(crate) fn seeded(seed: u64, first: u64, count: u64) -> PlacedEvents {
    let mut stream = Seed::new(seed).stream("events");
    let mut seqs = [0_u64; 20];
    let mut last: [Option<EventId>; 8] = [None; 8];
    let mut at = 1_750_000_000_000_000;
    (0..count)
        .map(|index| {
            at += stream.below(2_000);
            let actor = below(&mut stream, 20);
            let flow = below(&mut stream, 8);
            let millis = u128::from(at / 1_000);
            let random = u128::from(stream.next_u64() >> 2);
            let id = EventId::from_u128(millis << 80 | 7 << 76 | 2 << 62 | random);
            let text = format!(
                "{{\"order\":{},\"state\":\"shipped\",\"note\":\"{:016x}\",\"city\":\"Berlin\"}}",
                stream.below(100_000),
                stream.next_u64()
            );
            let kind = EventKind::BUILT_IN[below(&mut stream, 7)].clone();
            let payload = Payload::new(CodecId::JSON, "shop.Order", 1, text);
            let mut event = NewEvent::new(id, format!("order-{actor:04}"), kind, payload)
                .with_correlation(CorrelationId::from_u128(0xF000 + flow as u128))
                .with_turn(index);
            event.causation = last[flow].replace(id);
            seqs[actor] += 1;
            let placed = Placed {
                position: Position::new(first + index),
                seq: Seq::new(seqs[actor]),
                at: Timestamp::from_unix_nanos(at * 1_000),
            };
            (event, placed)
        })
        .collect()
}

fn below(stream: &mut Stream, bound: u64) -> usize {
    usize::try_from(stream.below(bound)).expect("the bounds are small")
}

/// Any events that fit a frame.
pub(crate) fn any_events(most: usize) -> impl Strategy<Value = PlacedEvents> {
    let kind = prop_oneof![
        (0..7_usize).prop_map(|index| EventKind::BUILT_IN[index].clone()),
        "[a-zä/]{1,12}".prop_map(EventKind::application),
    ];
    let payload = (any::<u8>(), "[a-z.]{1,10}", any::<u16>(), vec(any::<u8>(), 0..300)).prop_map(
        |(codec, name, version, bytes)| Payload::new(CodecId::new(codec), name, version, bytes),
    );
    let event =
        (1..u128::MAX, "\\PC{1,20}", kind, payload, any::<[Option<u64>; 2]>(), any::<u64>())
            .prop_map(|(id, actor, kind, payload, [correlation, causation], turn)| {
                let mut event = NewEvent::new(EventId::from_u128(id), actor, kind, payload);
                event.correlation = correlation.map(|id| CorrelationId::from_u128(u128::from(id)));
                event.causation = causation.map(|id| EventId::from_u128(u128::from(id)));
                event.with_turn(turn)
            });
    let placed = (1..u64::MAX, 0..u64::MAX / 1_000);
    (1..u64::MAX / 2, vec((event, placed), 1..=most)).prop_map(|(first, events)| {
        events
            .into_iter()
            .zip(first..)
            .map(|((event, (seq, micros)), position)| {
                let at = Timestamp::from_unix_nanos(micros * 1_000);
                (event, Placed { position: Position::new(position), seq: Seq::new(seq), at })
            })
            .collect()
    })
}
