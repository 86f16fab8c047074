//! Indexes beside segments: what opening believes of them, and what it does without.

use steadfast_base::CorrelationId;
use steadfast_base::storage::Persist;
use steadfast_eventlog::{DamageKind, Expected, Position, ReadError, Seq};

use super::*;

/// More than opening reads of a closed log: what it checks of the newest frames, windows of reading, and a
/// small segment whose index the background had no time for.
const READ_BYTES_MAX: u64 = 10 << 20;

fn index(first: u64) -> PathBuf {
    Path::new("log").join(format!("{first:020}.idx"))
}

fn flow(number: u64) -> NewEvent {
    event(number).with_correlation(CorrelationId::from_u128(u128::from(number / 10 + 1)))
}

/// A closed log of several unsealed segments, and its events.
fn closed_log() -> (SimulatedStorage, Vec<Event>) {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    for first in (1..=80).step_by(4) {
        store.append(Append::new((first..first + 4).map(flow).collect())).wait().unwrap();
    }
    let events = all(&store);
    // The thread that makes spares writes them; closing writes the last.
    while segments(&storage)
        .iter()
        .rev()
        .skip(1)
        .any(|(path, _)| storage.contents(&path.with_extension("idx")).is_none())
    {
        std::thread::yield_now();
    }
    close(store);
    (storage, events)
}

fn indexes(storage: &SimulatedStorage) -> Vec<PathBuf> {
    let is_index = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "idx");
    storage.files().into_keys().filter(is_index).collect()
}

fn check_answers(storage: &SimulatedStorage, events: &[Event], context: &str) {
    let config = config().with_seal_level(None).with_tail_events(0);
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap();
    let queries = [
        Query::all(),
        Query::actor("actor 1"),
        Query::actor("actor 2").seqs(Seq::new(5)..=Seq::new(11)),
        Query::correlation(CorrelationId::from_u128(3)),
        Query::correlation(CorrelationId::from_u128(99)),
        Query::event(events[40].id),
        Query::between(events[10].at, events[60].at),
        Query::all().positions(Position::new(20)..=Position::new(50)),
    ];
    for query in queries {
        let expected: Vec<Event> =
            events.iter().filter(|event| query.matches(event)).cloned().collect();
        let found = block_on(store.read(query.clone()).all()).unwrap();
        assert!(found == expected, "{context}, {query:?}: {} events", found.len());
    }
    for number in [1, 40, 80] {
        let retry = Append::one(flow(number)).expecting(Expected::Any);
        assert!(store.append(retry).wait().unwrap().duplicate, "{context}");
    }
    assert_eq!(block_on(store.actor(&"actor 0".into())).unwrap().highest, Seq::new(26));
    close(store);
}

#[test]
fn s33_indexes_that_are_missing_damaged_or_of_another_segment_change_no_answer() {
    let (origin, events) = closed_log();
    let paths = indexes(&origin);
    assert!(paths.len() > 2 && paths.len() == segments(&origin).len(), "{paths:?}");
    let before = segments(&origin);
    check_answers(&origin.crash(|_, _| Persist::All), &events, "with sound indexes");
    let other = origin.contents(&paths[1]).unwrap();
    for path in &paths {
        let sound = origin.contents(path).unwrap();
        let mut zeros = sound.clone();
        zeros.fill(0);
        let mut flipped = sound.clone();
        flipped[70] ^= 4;
        let foreign =
            if *path == paths[1] { origin.contents(&paths[0]).unwrap() } else { other.clone() };
        let damaged = [
            ("missing", None),
            ("empty", Some(Vec::new())),
            ("truncated", Some(sound[..sound.len() / 2].to_vec())),
            ("all zero", Some(zeros)),
            ("with a flipped bit", Some(flipped)),
            ("of another segment", Some(foreign)),
        ];
        for (what, contents) in damaged {
            let disk = origin.crash(|_, _| Persist::All);
            disk.take(path).unwrap();
            if let Some(contents) = contents {
                disk.put(path, contents);
            }
            check_answers(&disk, &events, &format!("{} {what}", path.display()));
            let after = segments(&disk);
            assert!(
                before.iter().all(|segment| after.contains(segment)),
                "{what}: log bytes changed"
            );
        }
    }
}

#[test]
fn s33_an_index_ahead_of_the_log_is_dropped() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    append(&store, 1, 2).unwrap();
    append(&store, 3, 2).unwrap();
    close(store);
    let ahead = storage.contents(&index(1)).unwrap();
    // The log as it was before the last frame, with the index of after it.
    let mut file = storage.contents(&segment(1)).unwrap();
    file[2 * 4_096..].fill(0);
    storage.put(&segment(1), file);
    storage.put(&index(1), ahead);
    let store = open_unsealed(&storage);
    assert_eq!(numbers(&store), [1, 2]);
    assert_eq!(append(&store, 9, 1).unwrap().first().unwrap().position.get(), 3);
    assert_eq!(numbers(&store), [1, 2, 9]);
}

#[test]
fn an_index_of_an_older_state_is_taken_up_where_it_ends() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    append(&store, 1, 3).unwrap();
    close(store);
    let store = open_unsealed(&storage);
    append(&store, 4, 2).unwrap();
    // Killed: the index beside the segment still ends before the last frame.
    let disk = storage.crash(|_, _| Persist::All);
    drop(store);
    let store = open_unsealed(&disk);
    assert_eq!(numbers(&store), [1, 2, 3, 4, 5]);
    let own = block_on(store.read(Query::actor("actor 1")).all()).unwrap();
    assert_eq!(own.iter().map(number).collect::<Vec<_>>(), [1, 4]);
    append(&store, 6, 2).unwrap();
    close(store);
    assert_eq!(numbers(&open(&disk)), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_log_that_was_closed_is_opened_without_reading_its_frames() {
    let storage = SimulatedStorage::new();
    let config = || config().with_segment_bytes(32 << 20).with_seal_level(None);
    let open =
        || SegmentStore::open_on(Arc::new(storage.clone()), config(), Time::system()).unwrap();
    let store = open();
    let large = |number| {
        let mut event = event(number);
        event.payload = Payload::raw("test.Large", vec![7; 512 << 10]);
        event
    };
    for number in 1..=40 {
        store.append(Append::one(large(number))).wait().unwrap();
    }
    close(store);
    // The second time nobody has written since.
    for _ in 0..2 {
        let before = storage.calls().bytes_read;
        let store = open();
        let read = storage.calls().bytes_read - before;
        assert!(read < READ_BYTES_MAX, "{read} bytes read");
        assert_eq!(block_on(store.extent()).unwrap().last.get(), 40);
        close(store);
    }
    // Damage to what was not read is found by whoever reads it, and says where.
    storage.flip_bit(&segment(1), (4_096 + 900) * 8);
    let bytes = storage.contents(&segment(1)).unwrap();
    let store = open();
    for _ in 0..2 {
        let error = block_on(store.read(Query::all()).next()).unwrap_err();
        assert!(
            matches!(error, ReadError::Corruption { segment, offset: 4_096, position, damage: DamageKind::Checksum }
                if segment == Position::FIRST && position == Position::FIRST),
            "{error:?}"
        );
    }
    assert!(!block_on(store.verify()).unwrap().is_sound());
    close(store);
    assert!(storage.contents(&segment(1)).unwrap() == bytes);
}
