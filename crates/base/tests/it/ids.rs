//! Ids: the layout, the order, and the same ids from the same seed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::{EventId, IdSource, Seed, SystemClock, Timestamp, VirtualClock};

fn source(clock: &VirtualClock, seed: u64) -> IdSource {
    IdSource::new(Arc::new(clock.clone()), Seed::new(seed).stream("ids"))
}

#[test]
fn the_same_clock_and_seed_give_the_same_ids() {
    let clock = VirtualClock::new();
    let ids = source(&clock, 42);
    let mut made = vec![ids.event().to_string(), ids.event().to_string()];
    clock.advance(Duration::from_millis(1));
    made.push(ids.correlation().to_string());
    assert_eq!(made, GOLDEN);
}

/// Computed by an independent implementation, and pinned: ids made by an older version must be made
/// again by a newer one when a run is repeated.
const GOLDEN: [&str; 3] = [
    "016f5e66-e800-7060-acd2-160acbce9bd2",
    "016f5e66-e800-7060-acd2-160b63f85efa",
    "016f5e66-e801-752f-93cf-227c2462150d",
];

#[test]
fn ids_have_version_and_variant_and_carry_their_time() {
    let clock = VirtualClock::new();
    let ids = source(&clock, 1);
    clock.advance(Duration::from_micros(123_999));
    for _ in 0..1_000 {
        let id = ids.event();
        assert_eq!(id.as_u128() >> 76 & 0xF, 7);
        assert_eq!(id.as_u128() >> 62 & 0b11, 0b10);
        assert_eq!(id.timestamp().unwrap().to_string(), "2020-01-01T00:00:00.123Z");
    }
}

#[test]
fn a_clock_that_steps_back_does_not_take_the_ids_along() {
    let clock = VirtualClock::new();
    let ids = source(&clock, 1);
    let before = ids.event();
    clock.set_timestamp(Timestamp::from_unix_nanos(5_000_000));
    let after = ids.event();
    assert!(after > before);
    assert_eq!(after.timestamp(), before.timestamp());
}

#[test]
fn different_streams_give_different_ids() {
    let clock = VirtualClock::new();
    assert_ne!(source(&clock, 1).event(), source(&clock, 2).event());
}

#[test]
fn ids_from_many_threads_are_distinct_and_grow_within_each() {
    let ids = IdSource::new(Arc::new(SystemClock::new()), Seed::new(9).stream("ids"));
    let per_thread: Vec<Vec<EventId>> = thread::scope(|scope| {
        let make = || (0..5_000).map(|_| ids.event()).collect();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(per_thread.iter().all(|made| made.is_sorted_by(|a, b| a < b)));
    let distinct: BTreeSet<EventId> = per_thread.into_iter().flatten().collect();
    assert_eq!(distinct.len(), 20_000);
}

proptest! {
    #[test]
    fn ids_grow_however_the_wall_clock_jumps(
        walls in prop::collection::vec(0..50_000_000_u64, 1..60),
        seed in any::<u64>(),
    ) {
        let clock = VirtualClock::new();
        let ids = source(&clock, seed);
        let mut last = 0;
        for wall in walls {
            clock.set_timestamp(Timestamp::from_unix_nanos(wall));
            for id in [ids.event().as_u128(), ids.correlation().as_u128()] {
                prop_assert!(id > last);
                last = id;
            }
        }
    }

    #[test]
    fn every_id_survives_its_text_and_json(bits in any::<u128>()) {
        let id = EventId::from_u128(bits);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(serde_json::from_str::<EventId>(&json).unwrap(), id);
    }
}

#[test]
fn what_is_no_hyphenated_uuid_is_refused() {
    for text in [
        "",
        "-",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f-",
        "017f22e2-79b0-7cc3-98c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "+17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c073\u{e9}8",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
    ] {
        assert!(text.parse::<EventId>().is_err(), "{text}");
    }
}
