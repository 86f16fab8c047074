//! Sealed segments answer as the ones they were made of.

use std::ops::ControlFlow;
use std::time::Duration;

use steadfast_base::CorrelationId;
use steadfast_base::storage::Persist;
use steadfast_eventlog::format::cold::{COLD_TRAILER_BYTES, ColdHead, ColdPart, ColdTrailer};
use steadfast_eventlog::{DamageKind, Expected, Position, ReadError, Seq};

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

/// Where the parts of the first segment lie, and the length of its file.
fn layout(storage: &SimulatedStorage) -> (ColdHead, u64) {
    let file = storage.contents(&segment(1)).unwrap();
    let trailer = ColdTrailer::decode(&file, file.len() as u64).unwrap();
    let start = usize::try_from(trailer.envelopes_offset).unwrap();
    let length = usize::try_from(ColdHead::bytes(&trailer)).unwrap();
    let head = file[start..start + length].to_vec();
    (ColdHead::parse(trailer, &head.into()).unwrap(), file.len() as u64)
}

#[test]
fn damage_to_what_opening_needs_of_a_sealed_segment_is_found_by_opening() {
    let (storage, _events) = unsealed();
    close(sealed(&storage));
    let (head, length) = layout(&storage);
    let (actors, bytes) = head.place(ColdPart::Actors);
    let beginning = head.trailer().envelopes_offset;
    let trailer = length - COLD_TRAILER_BYTES as u64;
    let places = [beginning, beginning + 50, actors - 1, actors, actors + u64::from(bytes) - 1];
    for at in places.into_iter().chain([trailer, trailer + 40, trailer + 70, length - 3]) {
        let disk = storage.crash(|_, _| Persist::All);
        disk.flip_bit(&segment(1), at * 8);
        let error = try_open(&disk).unwrap_err();
        assert!(
            matches!(error, OpenError::Damaged(ReadError::Corruption { segment, .. }) if segment == Position::FIRST),
            "{at}: {error:?}"
        );
    }
    for cut in [1, 60, 128, 129, 1_000] {
        let disk = storage.crash(|_, _| Persist::All);
        let mut file = disk.contents(&segment(1)).unwrap();
        file.truncate(file.len() - cut);
        disk.put(&segment(1), file);
        try_open(&disk).unwrap_err();
    }
}

/// Reads to the end, over errors; the events and how often which damage was met.
fn read_over(store: &SegmentStore, query: Query) -> (Vec<Event>, Vec<(Position, u64, DamageKind)>) {
    let mut reading = store.read(query);
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    // Ends at the end of the log: each error moves on.
    loop {
        match block_on(reading.next()) {
            Ok(batch) if batch.is_empty() => return (found, errors),
            Ok(batch) => found.extend(batch),
            Err(ReadError::Corruption { segment, offset, position, damage }) => {
                assert_eq!(segment, Position::FIRST);
                errors.push((position, offset, damage));
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn s23_damage_to_a_part_that_is_read_later_is_corruption_for_whoever_needs_it() {
    let (storage, events) = unsealed();
    close(sealed(&storage));
    let (head, _) = layout(&storage);
    let behind = head.trailer().end();
    let known = |query: &Query, from: Position| -> Vec<Event> {
        let found = events.iter().filter(|event| event.position >= from && query.matches(event));
        found.cloned().collect()
    };
    let events_need = [ColdPart::CorrelationIds, ColdPart::Blocks, ColdPart::Rows];
    let queries = [
        (Query::all(), None),
        (Query::all().limit(1_000), None),
        (Query::actor("actor 1"), None),
        (Query::event(events[2].id), Some(ColdPart::Bloom)),
        (Query::correlation(CorrelationId::from_u128(1)), Some(ColdPart::Correlations)),
    ];
    for part in ColdPart::ALL.into_iter().skip(1) {
        let (offset, bytes) = head.place(part);
        for at in [0, u64::from(bytes) / 2, u64::from(bytes) - 1] {
            let disk = storage.crash(|_, _| Persist::All);
            disk.flip_bit(&segment(1), (offset + at) * 8 + at % 8);
            let file = disk.contents(&segment(1)).unwrap();
            let store = sealed(&disk);
            for (query, more) in &queries {
                for query in [query.clone(), query.clone().backward()] {
                    let (mut found, errors) = read_over(&store, query.clone());
                    found.sort_by_key(|event| event.position);
                    let context = format!("{part:?} at {at}, {query:?}");
                    if events_need.contains(&part) || *more == Some(part) {
                        let damage = (Position::FIRST, offset, DamageKind::Checksum);
                        assert_eq!(errors, [damage], "{context}");
                        assert!(found == known(&query, behind), "{context}: {}", found.len());
                        assert_eq!(read_over(&store, query).1, errors, "{context}, again");
                    } else {
                        assert_eq!(errors, [], "{context}");
                        assert!(found == known(&query, Position::FIRST), "{context}");
                    }
                }
            }
            let shown = store.scan(&Query::all(), |_| ControlFlow::Continue(()));
            let is_needed = events_need.contains(&part);
            assert_eq!(matches!(shown, Err(ReadError::Corruption { .. })), is_needed, "{part:?}");
            assert!(!block_on(store.verify()).unwrap().is_sound(), "{part:?}");
            assert!(disk.contents(&segment(1)).unwrap() == file);
            close(store);
        }
    }
}

#[test]
fn an_append_that_cannot_tell_whether_it_is_a_retry_is_refused_and_gives_the_events_back() {
    let (storage, events) = unsealed();
    close(sealed(&storage));
    let (offset, _) = layout(&storage).0.place(ColdPart::Bloom);
    storage.flip_bit(&segment(1), (offset + 3) * 8);
    let store = sealed(&storage);
    for _ in 0..2 {
        let retry = Append::one(flow(number(&events[0]))).expecting(Expected::Any);
        match store.append(retry).wait() {
            Err(AppendError::Unavailable { events, .. }) => assert_eq!(events.len(), 1),
            other => panic!("{other:?}"),
        }
    }
    let exact = Append::one(flow(1_000))
        .expecting(Expected::Exact(block_on(store.actor(&flow(1_000).actor)).unwrap().highest));
    assert!(!store.append(exact).wait().unwrap().duplicate);
}

#[test]
fn look_ups_share_the_blocks_they_have_read_and_scans_and_verification_do_not() {
    let (storage, events) = unsealed();
    close(sealed(&storage));
    let store = sealed(&storage);
    let counts = || {
        let statistics = block_on(store.statistics()).unwrap();
        (statistics.block_hits_total, statistics.block_misses_total)
    };
    assert!(all(&store) == events);
    assert_eq!(counts(), (0, 0), "a scan passes by");
    let own = |actor: &str| block_on(store.read(Query::actor(actor)).all()).unwrap();
    let first = own("actor 1");
    let (_, misses) = counts();
    assert!(misses > 0);
    assert!(own("actor 1") == first);
    let (hits, still) = counts();
    assert!(hits > 0 && still == misses);
    // What is in memory stays readable; verification looks at the disk.
    let damaged = first[0].position;
    assert!(damaged < layout(&storage).0.trailer().end());
    storage.flip_bit(&segment(1), (4_096 + 50) * 8);
    assert!(own("actor 1") == first);
    assert!(!block_on(store.verify()).unwrap().is_sound());
    assert!(all_over(&store) < events.len());
    close(store);
    let config = config().with_tail_events(0).with_block_cache_bytes(0);
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap();
    for _ in 0..2 {
        block_on(store.read(Query::actor("actor 1")).next()).ok();
    }
    let statistics = block_on(store.statistics()).unwrap();
    assert!(statistics.block_hits_total == 0 && statistics.block_misses_total > 1);
}

/// How many events can be read, errors aside.
fn all_over(store: &SegmentStore) -> usize {
    read_over(store, Query::all()).0.len()
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
