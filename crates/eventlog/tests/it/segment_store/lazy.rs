//! `Durability::Os` and `Memory`: packed frames, the buffer, and what a crash may take.

use steadfast_base::Seed;
use steadfast_base::storage::Persist;
use steadfast_eventlog::StoreError;
use steadfast_eventlog::segment_store::Durability;

use super::*;

/// The batches that are appended, as first number and count; every second one is synced.
const BATCHES: [(u64, u64); 8] =
    [(1, 1), (2, 3), (5, 1), (6, 40), (46, 1), (47, 2), (49, 30), (79, 1)];
const SUBSETS: u64 = 12;

fn lazy_config(durability: Durability) -> Config {
    config().with_durability(durability).with_seal_level(None)
}

fn try_open_lazy(
    storage: &SimulatedStorage,
    durability: Durability,
) -> Result<SegmentStore, OpenError> {
    SegmentStore::open_on(Arc::new(storage.clone()), lazy_config(durability), Time::system())
}

fn open_lazy(storage: &SimulatedStorage, durability: Durability) -> SegmentStore {
    try_open_lazy(storage, durability).unwrap()
}

/// Appends until something fails; says how many batches were synced and how many were submitted.
fn append_batches(storage: &SimulatedStorage, durability: Durability) -> (usize, usize) {
    let (mut synced, mut submitted) = (0, 0);
    let Ok(store) = try_open_lazy(storage, durability) else { return (0, 0) };
    for (first, count) in BATCHES {
        submitted += 1;
        if store.append_blocking(batch(first, count)).is_err() {
            break;
        }
        if submitted % 2 == 0 {
            if block_on(store.sync()).is_err() {
                break;
            }
            synced = submitted;
        }
    }
    (synced, submitted)
}

/// How many events the first batches have.
fn events_of(batches: usize) -> u64 {
    BATCHES[..batches].iter().map(|(_, count)| count).sum()
}

#[test]
fn s19_a_crash_keeps_what_was_synced_and_whole_batches_at_any_durability() {
    for durability in [Durability::Os, Durability::Memory] {
        // Ends when the power is cut behind the last call.
        for steps in 0.. {
            let storage = SimulatedStorage::new();
            storage.crash_after(steps);
            let (synced, submitted) = append_batches(&storage, durability);
            let mut stream = Seed::new(steps).stream("subsets");
            for round in 0..SUBSETS {
                let disk = storage.crash(|_, _| match (round, stream.below(3)) {
                    (0, _) | (2.., 0) => Persist::Nothing,
                    (1, _) | (2.., 1) => Persist::All,
                    _ => Persist::Sectors(
                        u128::from(stream.next_u64()) << 64 | u128::from(stream.next_u64()),
                    ),
                });
                let context = format!("{durability:?}, {steps} calls, round {round}");
                let store = try_open_lazy(&disk, durability);
                let store = store.unwrap_or_else(|error| panic!("{context}: {error:?}"));
                let found = numbers(&store);
                let wanted: Vec<u64> = (1..=found.len() as u64).collect();
                assert_eq!(found, wanted, "{context}");
                let whole =
                    (0..=BATCHES.len()).any(|count| events_of(count) == wanted.len() as u64);
                assert!(whole, "{context}: half a batch among {} events", found.len());
                let kept = events_of(synced)..=events_of(submitted);
                assert!(kept.contains(&(found.len() as u64)), "{context}: {}", found.len());
                append(&store, 1_000, 2).unwrap();
                close(store);
                let again = numbers(&open_lazy(&disk, durability));
                assert_eq!(again.len(), found.len() + 2, "{context}");
            }
            if !storage.is_crashed() {
                break;
            }
        }
    }
}

#[test]
fn what_os_acknowledged_survives_the_process_and_memory_leaves_a_beginning() {
    for durability in [Durability::Os, Durability::Memory] {
        let storage = SimulatedStorage::new();
        let store = open_lazy(&storage, durability);
        for (first, count) in BATCHES {
            store.append_blocking(batch(first, count)).unwrap();
        }
        storage.kill();
        drop(store);
        let found = numbers(&open_lazy(&storage, durability));
        let wanted: Vec<u64> = (1..=found.len() as u64).collect();
        assert_eq!(found, wanted);
        assert!(durability == Durability::Memory || found.len() as u64 == events_of(BATCHES.len()));
    }
}

#[test]
fn what_is_only_in_the_buffer_is_read_like_anything_else() {
    let storage = SimulatedStorage::new();
    let config = lazy_config(Durability::Memory).with_tail_events(0);
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap();
    for number in 1..=30 {
        store.append_blocking(batch(number, 1)).unwrap();
        assert_eq!(numbers(&store).len() as u64, number);
    }
    let own = block_on(store.read(Query::actor("actor 2")).all()).unwrap();
    assert_eq!(own.iter().map(number).collect::<Vec<_>>(), [2, 5, 8, 11, 14, 17, 20, 23, 26, 29]);
    assert!(block_on(store.verify()).unwrap().is_sound());
    assert!(store.append_blocking(batch(7, 1)).unwrap().duplicate);
    close(store);
    assert_eq!(numbers(&open_lazy(&storage, Durability::Memory)).len(), 30);
}

#[test]
fn single_events_that_nobody_syncs_share_blocks() {
    let storage = SimulatedStorage::new();
    let store = open_lazy(&storage, Durability::Os);
    for number in 1..=60 {
        store.append_blocking(batch(number, 1)).unwrap();
    }
    // Each one in a block of its own would take eight segments.
    assert!(segments(&storage).len() <= 2, "{} segments", segments(&storage).len());
    let file = storage.contents(&segment(1)).unwrap();
    let frames =
        |step| (4_096..file.len()).step_by(step).filter(|at| file[*at..].starts_with(b"SFFR"));
    assert!(frames(16).count() > 4 * frames(4_096).count());
    close(store);
    // Damage to one is found, and what lies behind it in the same block is not lost with it.
    let second =
        (4_112..file.len()).step_by(16).find(|at| file[*at..].starts_with(b"SFFR")).unwrap();
    storage.take(&segment(1).with_extension("idx"));
    storage.flip_bit(&segment(1), (second as u64 + 90) * 8);
    let disk = Arc::new(storage.clone());
    let store = SegmentStore::open_read_only(disk, config(), Time::system()).unwrap();
    let mut events = store.read(Query::all());
    let mut found: Vec<u64> = block_on(events.next()).unwrap().iter().map(number).collect();
    block_on(events.next()).unwrap_err();
    found.extend(block_on(events.next()).unwrap().iter().map(number));
    assert_eq!(found, (1..=60).filter(|number| *number != 2).collect::<Vec<_>>());
}

/// Appends events of a megabyte each.
fn append_large(store: &SegmentStore, numbers: std::ops::Range<u64>) -> Result<(), AppendError> {
    for number in numbers {
        let mut large = event(number);
        large.payload = Payload::raw("test.Noted", vec![7; 1_000_000]);
        store.append_blocking(Append::one(large))?;
    }
    Ok(())
}

/// A log whose second segment holds eleven of them; the first, which an opening makes, holds one.
fn open_large(storage: &SimulatedStorage, durability: Durability) -> SegmentStore {
    let config = lazy_config(durability).with_segment_bytes(12 << 20);
    SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap()
}

#[test]
fn what_nobody_syncs_is_synced_in_pieces_and_survives_the_machine_so_far() {
    for durability in [Durability::Os, Durability::Memory] {
        let storage = SimulatedStorage::new();
        let store = open_large(&storage, durability);
        let durable = || block_on(store.extent()).unwrap().durable.get();
        append_large(&store, 1..11).unwrap();
        while durable() <= 1 {
            std::thread::yield_now();
        }
        let durable = durable();
        // What is written behind a piece takes nothing of it along.
        append_large(&store, 11..12).unwrap();
        let disk = storage.crash(|_, _| Persist::Sectors(0x5555_5555));
        let found = numbers(&open_large(&disk, durability));
        let wanted: Vec<u64> = (1..=found.len() as u64).collect();
        assert_eq!(found, wanted, "{durability:?}");
        assert!(found.len() as u64 >= durable, "{durability:?}: {} of {durable}", found.len());
    }
}

/// Whoever rolls while a spare is being made makes one of his own, and asks for the next.
#[test]
fn a_log_that_rolls_while_a_spare_is_made_leaves_none_behind() {
    for round in 0..15 {
        let storage = SimulatedStorage::new();
        let store = open_large(&storage, Durability::Os);
        append_large(&store, 1..3).unwrap();
        wait_for_spare(&storage);
        close(store);
        let is_spare = |path: &Path| path.extension().is_some_and(|suffix| suffix == "spare");
        assert!(!storage.files().iter().any(|(path, _)| is_spare(path)), "round {round}");
    }
}

#[test]
fn a_piece_that_cannot_be_synced_poisons_the_log() {
    let storage = SimulatedStorage::new();
    let store = open_large(&storage, Durability::Os);
    append_large(&store, 1..3).unwrap();
    wait_for_spare(&storage);
    storage.fail_sync(0);
    append_large(&store, 3..11).unwrap();
    // Ends once the failure has come round: nothing else asks for a sync.
    let is_poisoned = |error: &AppendError| matches!(error, AppendError::Poisoned { .. });
    while !store.append_blocking(batch(11, 1)).as_ref().is_err_and(is_poisoned) {
        std::thread::yield_now();
    }
    let syncs = storage.calls().datasync;
    assert!(matches!(block_on(store.sync()), Err(StoreError::Poisoned(_))));
    assert!(numbers(&store).len() >= 10, "what was acknowledged is still read");
    drop(store);
    assert_eq!(storage.calls().datasync, syncs, "nothing is synced after a failure");
}
