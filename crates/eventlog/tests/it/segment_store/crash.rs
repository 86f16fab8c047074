//! Crashes after every call, with every subset of what was not synced.

use std::time::Duration;

use steadfast_base::storage::{Persist, SimulatedStorage};
use steadfast_base::{Seed, Timestamp, VirtualClock};
use steadfast_eventlog::format::cold::COLD_TRAILER_BYTES;
use steadfast_eventlog::format::frame::{FrameBuilder, FrameHeader, FrameStamp};
use steadfast_eventlog::format::{Compression, SegmentHeader};
use steadfast_eventlog::{Placed, Seq};

use super::*;

/// Beyond this many unsynced items, subsets are drawn instead of counted through.
const EXHAUSTIVE_ITEMS: usize = 12;
const DRAWN_SUBSETS: u64 = 64;

/// The batches that are appended, as first number and count.
const BATCHES: [(u64, u64); 6] = [(1, 1), (2, 3), (5, 40), (45, 2), (47, 40), (87, 1)];

#[derive(Default)]
struct History {
    acked: usize,
    submitted: usize,
}

/// Appends batch after batch until one fails.
fn append_batches(storage: &SimulatedStorage, from: usize) -> History {
    let mut history = History { acked: from, submitted: from };
    let Ok(store) = try_open(storage) else { return history };
    for (first, count) in &BATCHES[from..] {
        history.submitted += 1;
        if append(&store, *first, *count).is_err() {
            break;
        }
        history.acked += 1;
    }
    history
}

/// How many batches a disk holds, checked to be whole ones, in order, each once.
fn batches_on(storage: &SimulatedStorage, context: &str) -> usize {
    let store = try_open(storage).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    let found = numbers(&store);
    let ends: Vec<usize> = (0..=BATCHES.len())
        .map(|count| {
            BATCHES[..count].iter().map(|(_, count)| usize::try_from(*count).unwrap()).sum()
        })
        .collect();
    let expected: Vec<u64> = (1..=u64::try_from(found.len()).unwrap()).collect();
    assert_eq!(found, expected, "{context}");
    let batches = ends.iter().position(|end| *end == found.len());
    // The log takes more, behind what is there.
    append(&store, 1_000, 2).unwrap();
    assert_eq!(numbers(&store).len(), found.len() + 2, "{context}");
    close(store);
    let again = open(storage);
    assert_eq!(numbers(&again).len(), found.len() + 2, "{context}");
    batches.unwrap_or_else(|| panic!("{context}: half a batch among {} events", found.len()))
}

fn check(storage: &SimulatedStorage, history: &History, context: &str) {
    let recovered = batches_on(storage, context);
    assert!(
        (history.acked..=history.submitted).contains(&recovered),
        "{context}: {recovered} batches recovered, {} acknowledged, {} submitted",
        history.acked,
        history.submitted
    );
}

/// The outcomes to look at: all of them, or as many as are affordable.
fn subsets(items: usize, seed: u64) -> Vec<u64> {
    if items <= EXHAUSTIVE_ITEMS {
        return (0..1 << items).collect();
    }
    let mut stream = Seed::new(seed).stream("subsets");
    let ends = [0, u64::MAX];
    ends.into_iter().chain((0..DRAWN_SUBSETS).map(|_| stream.next_u64())).collect()
}

fn crash(storage: &SimulatedStorage, subset: u64) -> SimulatedStorage {
    storage.crash(
        |item, _| {
            if subset >> (item % 64) & 1 == 1 { Persist::All } else { Persist::Nothing }
        },
    )
}

#[test]
fn s19_a_crash_after_any_call_keeps_what_was_acknowledged_whatever_else_survives() {
    let mut outcomes = 0;
    // Ends when the power is cut behind the last call.
    for steps in 0.. {
        let storage = SimulatedStorage::new();
        storage.crash_after(steps);
        let history = append_batches(&storage, 0);
        for subset in subsets(storage.unsynced().len(), steps) {
            let context = format!("crash after {steps} calls, subset {subset:b}");
            check(&crash(&storage, subset), &history, &context);
            outcomes += 1;
        }
        if !storage.is_crashed() {
            break;
        }
    }
    assert!(outcomes > 100, "{outcomes} outcomes");
}

#[test]
fn s19_torn_writes_and_crashes_while_opening_lose_nothing_either() {
    let seed = Seed::from_entropy();
    let seed = std::env::var("STEADFAST_CRASH_SEED").map_or(seed, |seed| seed.parse().unwrap());
    let rounds: u64 =
        std::env::var("STEADFAST_CRASH_ROUNDS").map_or(60, |text| text.parse().unwrap());
    let mut stream = seed.stream("crashes");
    for round in 0..rounds {
        let mut storage = SimulatedStorage::new();
        let mut history = History::default();
        // Several lives, each cut short.
        for life in 0..3 {
            storage.crash_after(stream.below(60));
            let known = history.acked;
            let now = append_batches(&storage, known);
            history.acked = history.acked.max(now.acked);
            history.submitted = history.submitted.max(now.submitted);
            let mut tear = stream.fork(&format!("{round} {life}"));
            storage = storage.crash(|_, _| match tear.below(3) {
                0 => Persist::Nothing,
                1 => Persist::All,
                _ => Persist::Sectors(
                    u128::from(tear.next_u64()) << 64 | u128::from(tear.next_u64()),
                ),
            });
            let context = format!("seed {seed}, round {round}, life {life}");
            let copy = storage.crash(|_, _| Persist::All);
            let recovered = batches_on(&copy, &context);
            assert!(
                (history.acked..=history.submitted).contains(&recovered),
                "{context}: {recovered} of {} to {}",
                history.acked,
                history.submitted
            );
            history = History { acked: recovered, submitted: recovered };
        }
    }
}

#[test]
fn s25_a_hole_in_what_was_not_synced_ends_the_log_and_what_follows_stays_invisible() {
    let storage = SimulatedStorage::new();
    let store = SegmentStore::open_on(
        Arc::new(storage.clone()),
        config().with_segment_bytes(16 << 20).with_seal_level(None),
        Time::system(),
    )
    .unwrap();
    append(&store, 1, 2).unwrap();
    wait_for_spare_of(16 << 20, &storage);
    block_on(store.begin_segment()).unwrap();
    wait_for_spare_of(16 << 20, &storage);
    let clock = VirtualClock::new();
    storage.slow_syncs(clock.time(), Duration::from_millis(1));
    let wait_for_sync = || {
        while clock.pending() == 0 {
            std::thread::yield_now();
        }
    };
    let large = |number: u64| {
        let mut event = event(number);
        event.payload = Payload::raw("test.Large", vec![7; 900 << 10]);
        event
    };
    // While a group is being synced two requests come: one group of two frames, as both together are
    // too large for one.
    let before = store.append(batch(3, 1));
    wait_for_sync();
    let one = store.append(Append::new(vec![large(4), large(5), large(6)]));
    let two = store.append(Append::new(vec![large(7), large(8), large(9)]));
    clock.advance(Duration::from_millis(1));
    before.wait().unwrap();
    wait_for_sync();
    storage.fail_sync(0);
    clock.advance(Duration::from_millis(1));
    for answer in [one.wait(), two.wait()] {
        assert!(matches!(answer, Err(AppendError::CommitUnknown { .. })), "{answer:?}");
    }
    drop(store);
    let everything = storage.crash(|_, _| Persist::All);
    let mut file = everything.contents(&segment(3)).unwrap();
    let starts: Vec<usize> =
        (4_096..file.len()).step_by(4_096).filter(|at| file[*at..].starts_with(b"SFFR")).collect();
    let [_before, first, _second] = starts.as_slice() else { panic!("frames at {starts:?}") };
    file[*first..*first + 4_096].fill(0);
    everything.put(&segment(3), file);
    let store = open(&everything);
    assert_eq!(numbers(&store), [1, 2, 3]);
    assert_eq!(append(&store, 20, 1).unwrap().first().unwrap().position.get(), 4);
    assert_eq!(numbers(&store), [1, 2, 3, 20]);
    close(store);
    assert_eq!(numbers(&open(&everything)), [1, 2, 3, 20]);
}

#[test]
fn s27_whole_frames_of_an_older_generation_behind_the_tail_are_ignored() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    append(&store, 1, 2).unwrap();
    block_on(store.begin_segment()).unwrap();
    append(&store, 3, 2).unwrap();
    // Killed, so that no mark ends the log.
    let disk = storage.crash(|_, _| Persist::All);
    drop(store);
    let file = disk.contents(&segment(3)).unwrap();
    let header = SegmentHeader::decode(&file).unwrap();
    assert!(header.generation > 1);
    let last = FrameHeader::decode(&file[4_096..]).unwrap().unwrap();
    let end = 4_096 + last.frame_bytes();
    // What the space may hold from an earlier use: a frame that fits in every way but its generation.
    let left_over = |generation: u32| {
        let mut builder = FrameBuilder::new(Compression::None);
        let at = Timestamp::UNIX_EPOCH;
        let (position, seq) = (last.end(), Seq::new(2));
        builder.push(&event(50), Placed { position, seq, at }).unwrap();
        let stamp = FrameStamp {
            log_id: header.log_id,
            generation,
            epoch: last.epoch,
            durable: last.end().previous(),
            previous: last.chain(),
            packed: false,
        };
        let mut frame = Vec::new();
        builder.finish(&stamp, &mut frame);
        let mut file = file.clone();
        file[end..end + frame.len()].copy_from_slice(&frame);
        let disk = disk.crash(|_, _| Persist::All);
        disk.put(&segment(3), file);
        disk
    };
    let disk = left_over(header.generation - 1);
    let store = open_unsealed(&disk);
    assert_eq!(numbers(&store), [1, 2, 3, 4]);
    assert_eq!(append(&store, 9, 1).unwrap().first().unwrap().position, last.end());
    close(store);
    assert_eq!(numbers(&open(&disk)), [1, 2, 3, 4, 9]);
    // It is the generation that tells: the same frame of this one is taken for what it says.
    assert_eq!(numbers(&open(&left_over(header.generation))), [1, 2, 3, 4, 50]);
}

#[test]
fn s20_a_last_frame_cut_anywhere_is_dropped_and_its_positions_are_given_again() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 3).unwrap();
    append(&store, 4, 2).unwrap();
    let whole = storage.contents(&segment(1)).unwrap();
    let frame = 2 * 4_096;
    assert!(whole[frame..].starts_with(b"SFFR"));
    let used = whole[..frame + 4_096].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in (frame..used).chain((used..frame + 4_096).step_by(61)) {
        let disk = storage.crash(|_, _| Persist::All);
        disk.put(&segment(1), &whole[..cut]);
        let store = open_unsealed(&disk);
        assert_eq!(numbers(&store), [1, 2, 3], "cut at {cut}");
        let placed = append(&store, 6, 1).unwrap().first().unwrap();
        assert_eq!(placed.position.get(), 4, "cut at {cut}");
        close(store);
        let first = segments(&disk);
        close(open_unsealed(&disk));
        assert!(segments(&disk) == first, "cut at {cut}");
    }
}

#[test]
fn s21_zeros_behind_the_last_frame_are_a_clean_end() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 3).unwrap();
    close(store);
    let before = segments(&storage);
    let store = open(&storage);
    assert_eq!(numbers(&store), [1, 2, 3]);
    close(store);
    assert!(segments(&storage) == before);
}

#[test]
fn s22_garbage_behind_the_end_changes_nothing() {
    let mut stream = Seed::new(22).stream("garbage");
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 3).unwrap();
    close(store);
    let frame = storage.contents(&segment(1)).unwrap()[4_096..4_176].to_vec();
    let footer = footer();
    for round in 0..15 {
        let (path, mut file) = segments(&storage).pop().unwrap();
        let end = file.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let end = end.next_multiple_of(4_096);
        let mut garbage = vec![0; 28];
        stream.fill_bytes(&mut garbage);
        let garbage = match round % 3 {
            0 => garbage,
            1 => frame.clone(),
            _ => footer.clone(),
        };
        file.resize(file.len().max(end + 4_096), 0);
        file[end..end + garbage.len()].copy_from_slice(&garbage);
        storage.put(&path, file);
        for _ in 0..if round < 12 { 1 } else { 10 } {
            let store = open(&storage);
            assert_eq!(numbers(&store), [1, 2, 3], "round {round}");
            close(store);
        }
    }
}

/// What ends a sealed segment.
fn footer() -> Vec<u8> {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 40).unwrap();
    block_on(store.begin_segment()).unwrap();
    while block_on(store.statistics()).unwrap().segments_unsealed > 1 {
        std::thread::yield_now();
    }
    close(store);
    let file = storage.contents(&segment(1)).unwrap();
    file[file.len() - COLD_TRAILER_BYTES..].to_vec()
}
