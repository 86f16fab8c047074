//! Sealed segments answer as the ones they were made of.

use std::ops::ControlFlow;
use std::time::Duration;

use steadfast_base::CorrelationId;
use steadfast_base::storage::Persist;
use steadfast_eventlog::{Expected, Position, ReadError, Seq};

use super::*;

const EVENTS: u64 = 400;

fn flow(number: u64) -> NewEvent {
    event(number).with_correlation(CorrelationId::from_u128(u128::from(number / 20 + 1)))
}

/// A log of several segments that are not sealed.
fn unsealed() -> (SimulatedStorage, Vec<Event>) {
    let storage = SimulatedStorage::new();
    let config = config().with_seal_level(None).with_segment_bytes(64 << 10);
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap();
    for first in (1..=EVENTS).step_by(10) {
        let events = (first..first + 10).map(flow).collect();
        store.append(Append::new(events)).wait().unwrap();
    }
    let events = all(&store);
    close(store);
    (storage, events)
}

/// The log opened without newest events at hand, once everything that can be is sealed.
fn sealed(storage: &SimulatedStorage) -> SegmentStore {
    let config = config().with_tail_events(0);
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap();
    while block_on(store.statistics()).unwrap().segments_unsealed > 1 {
        std::thread::yield_now();
    }
    store
}

#[test]
fn every_query_finds_the_same_before_and_after_sealing() {
    let (storage, events) = unsealed();
    let before: u64 = segments(&storage).iter().map(|(_, file)| file.len() as u64).sum();
    let store = sealed(&storage);
    let statistics = block_on(store.statistics()).unwrap();
    assert!(statistics.segments > 2 && statistics.bytes < before, "{statistics:?}");
    let time = events[150].at;
    let queries = [
        Query::all(),
        Query::all().limit(7),
        Query::all().positions(Position::new(33)..=Position::new(222)),
        Query::actor("actor 1"),
        Query::actor("actor 2").seqs(Seq::new(20)..=Seq::new(90)),
        Query::all().actors(["actor 0", "actor 2", "nobody"]),
        Query::correlation(CorrelationId::from_u128(5)),
        Query::correlation(CorrelationId::from_u128(500)),
        Query::event(events[77].id),
        Query::kind(EventKind::StateChanged).limit(50),
        Query::kind(EventKind::ActorCreated),
        Query::between(events[20].at, time + Duration::from_micros(1)),
    ];
    for query in queries {
        for query in [query.clone(), query.backward()] {
            let mut expected: Vec<Event> =
                events.iter().filter(|event| query.matches(event)).cloned().collect();
            if query.direction == steadfast_eventlog::Direction::Backward {
                expected.reverse();
            }
            expected.truncate(query.limit.map_or(usize::MAX, |limit| limit.try_into().unwrap()));
            let found = block_on(store.read(query.clone()).all()).unwrap();
            assert!(found == expected, "{query:?}: {} of {}", found.len(), expected.len());
        }
    }
    let mut shown = Vec::new();
    let scanned = store.scan(&Query::actor("actor 1"), |event| {
        shown.push(event.position);
        if shown.len() == 50 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    scanned.unwrap();
    let own = events.iter().filter(|event| event.actor == "actor 1");
    assert_eq!(shown, own.map(|event| event.position).take(50).collect::<Vec<_>>());
    assert!(block_on(store.verify()).unwrap().is_sound());
    close(store);
    let store = sealed(&storage);
    assert!(all(&store) == events);
    let last = append(&store, 1_000, 1).unwrap().first().unwrap();
    assert_eq!(last.position.get(), EVENTS + 1);
}

#[test]
fn a_retry_finds_its_events_in_sealed_segments() {
    let (storage, events) = unsealed();
    let store = sealed(&storage);
    let first_of = |actor: &str| events.iter().find(|event| event.actor == actor).unwrap();
    let known = first_of("actor 2");
    let retry = Append::one(flow(number(known)));
    for expected in [Expected::NoStream, Expected::Any] {
        let appended = store.append(retry.clone().expecting(expected)).wait().unwrap();
        assert!(appended.duplicate);
        assert_eq!(appended.first().unwrap().position, known.position);
    }
    block_on(store.delete_to(&"actor 2".into(), Seq::new(3))).unwrap();
    let left = block_on(store.read(Query::actor("actor 2")).all()).unwrap();
    assert_eq!(left[0].seq.get(), 4);
}

#[test]
fn a_damaged_block_loses_its_own_events_and_no_others() {
    let (storage, events) = unsealed();
    close(sealed(&storage));
    storage.flip_bit(&segment(1), (4_096 + 50) * 8);
    let store = sealed(&storage);
    let mut reading = store.read(Query::all());
    let (mut found, mut errors) = (Vec::new(), 0_usize);
    // Ends at the end of the log: each error moves on.
    loop {
        match block_on(reading.next()) {
            Ok(batch) if batch.is_empty() => break,
            Ok(batch) => found.extend(batch),
            Err(ReadError::Corruption { segment, .. }) => {
                assert_eq!(segment, Position::FIRST);
                errors += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(errors > 0);
    assert_eq!(found.len() + errors, events.len());
    assert!(!block_on(store.verify()).unwrap().is_sound());
}

#[test]
fn a_damaged_index_of_a_sealed_segment_is_found_when_the_log_is_opened() {
    let (storage, _events) = unsealed();
    close(sealed(&storage));
    let bytes = storage.contents(&segment(1)).unwrap().len() as u64;
    for from_end in [3_u64, 60, 100, 400] {
        let disk = storage.crash(|_, _| Persist::All);
        disk.flip_bit(&segment(1), (bytes - from_end) * 8);
        let error = try_open(&disk).unwrap_err();
        assert!(
            matches!(error, OpenError::Damaged(ReadError::Corruption { segment, .. }) if segment == Position::FIRST),
            "{from_end}: {error:?}"
        );
    }
}

#[test]
fn a_crash_while_sealing_leaves_the_one_form_or_the_other() {
    let (origin, events) = unsealed();
    for steps in (0..40).step_by(3) {
        let storage = origin.crash(|_, _| Persist::All);
        storage.crash_after(steps);
        if let Ok(store) = try_open(&storage) {
            // As far as the cut of power lets it come.
            while !storage.is_crashed()
                && block_on(store.statistics()).unwrap().segments_unsealed > 1
            {
                std::thread::yield_now();
            }
        }
        for subset in [0_u64, u64::MAX, 0x5555_5555, 0xAAAA_AAAA, 0x3333_3333] {
            let disk = storage.crash(|item, _| {
                if subset >> (item % 64) & 1 == 1 { Persist::All } else { Persist::Nothing }
            });
            assert!(all(&open(&disk)) == events, "after {steps} steps, subset {subset:x}");
        }
    }
}
