//! What is in memory of sealed segments is bounded, and no answer depends on it.

use steadfast_base::CorrelationId;
use steadfast_eventlog::{Expected, Seq};

use super::*;

const EVENTS: u64 = 1_000;

/// A log of many sealed segments, with this much room for their indexes.
fn sealed(room: u64) -> (SegmentStore, Vec<Event>) {
    let storage = SimulatedStorage::new();
    let config = config().with_sealed_index_bytes(room).with_segment_bytes(64 << 10);
    let store = SegmentStore::open_on(Arc::new(storage), config, Time::system()).unwrap();
    for first in (1..=EVENTS).step_by(10) {
        let flow = |number| {
            event(number).with_correlation(CorrelationId::from_u128(u128::from(number / 20 + 1)))
        };
        store.append(Append::new((first..first + 10).map(flow).collect())).wait().unwrap();
    }
    while block_on(store.statistics()).unwrap().segments_unsealed > 1 {
        std::thread::yield_now();
    }
    let events = all(&store);
    (store, events)
}

fn in_memory(store: &SegmentStore) -> u64 {
    block_on(store.statistics()).unwrap().sealed_index_bytes
}

fn queries(events: &[Event]) -> Vec<Query> {
    vec![
        Query::all(),
        Query::all().limit(900).backward(),
        Query::actor("actor 1"),
        Query::actor("actor 2").seqs(Seq::new(20)..=Seq::new(290)).backward(),
        Query::correlation(CorrelationId::from_u128(5)),
        Query::correlation(CorrelationId::from_u128(500)),
        Query::event(events[77].id),
        Query::between(events[20].at, events[700].at),
    ]
}

fn check(store: &SegmentStore, events: &[Event]) {
    for query in queries(events) {
        let mut expected: Vec<&Event> =
            events.iter().filter(|event| query.matches(event)).collect();
        if query.direction == steadfast_eventlog::Direction::Backward {
            expected.reverse();
        }
        expected.truncate(query.limit.map_or(usize::MAX, |limit| limit.try_into().unwrap()));
        let found = block_on(store.read(query.clone()).all()).unwrap();
        assert!(found.iter().eq(expected), "{query:?}");
    }
}

#[test]
fn the_indexes_of_sealed_segments_stay_within_their_room() {
    let (store, events) = sealed(1 << 20);
    let segments = block_on(store.statistics()).unwrap().segments;
    assert!(segments > 5, "{segments}");
    check(&store, &events);
    let all_of_them = in_memory(&store);
    let largest = all_of_them / (segments - 1) * 2;
    assert!(all_of_them > 0);
    for room in [all_of_them / 3, all_of_them / 10, 0] {
        let (store, events) = sealed(room);
        for _ in 0..2 {
            check(&store, &events);
            for number in [1, 500, EVENTS] {
                let retry = Append::one(event(number)).expecting(Expected::Any);
                assert!(store.append(retry).wait().unwrap().duplicate);
            }
            // Beside the room there is what the last read has used.
            let most = room + largest;
            assert!(in_memory(&store) <= most, "{} of {most}", in_memory(&store));
        }
        assert!(block_on(store.verify()).unwrap().is_sound());
    }
}

#[test]
fn readers_at_once_come_to_their_ends_without_any_room() {
    let (store, events) = sealed(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| check(&store, &events));
        }
    });
}
