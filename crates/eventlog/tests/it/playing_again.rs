//! Replay, export and import.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use steadfast_base::{EventId, Timestamp, VirtualClock};
use steadfast_eventlog::{
    Append, CodecId, Event, EventKind, EventStore, ImportError, MemoryStore, NewEvent, Numbering,
    Payload, Query, Seq, Speed, block_on, export_jsonl, import_jsonl, replay_events,
};

fn at(micros: u64) -> Timestamp {
    Timestamp::from_unix_nanos((1_600_000_000_000_000 + micros) * 1_000)
}

fn store_with(times: &[u64]) -> MemoryStore {
    let store = MemoryStore::default();
    for (number, micros) in (1_u128..).zip(times) {
        let payload = Payload::raw("n", vec![number.to_le_bytes()[0]; 3]);
        let event =
            NewEvent::new(EventId::from_u128(number), "P", EventKind::StateChanged, payload);
        store.append(Append::one(event.with_at(at(*micros)))).wait().expect("stored");
    }
    store
}

fn all(store: &MemoryStore) -> Vec<Event> {
    block_on(store.read(Query::all()).all()).expect("readable")
}

#[test]
fn s56_ten_times_as_fast_is_a_tenth_of_each_gap_exactly() {
    let clock = Arc::new(VirtualClock::new());
    let time = clock.time();
    let start = time.now();
    let seen = Arc::new(Mutex::new(Vec::new()));
    // Gaps of 3 ms, 1 us, a step back, and 10 s.
    let store = store_with(&[0, 3_000, 3_001, 1_000, 10_001_000]);
    let replay = thread::spawn({
        let (time, seen) = (time.clone(), Arc::clone(&seen));
        move || {
            let speed = Speed::times(10.0).expect("a pace");
            let callback = |event: &Event| {
                seen.lock().expect("no panic").push((event.seq.get(), time.now() - start));
                ControlFlow::Continue(())
            };
            block_on(replay_events(&store, Query::all(), speed, &time, callback))
        }
    });
    while !replay.is_finished() {
        if !clock.advance_to_next() {
            thread::yield_now();
        }
    }
    assert_eq!(replay.join().expect("no panic").expect("readable").events, 5);
    let nanos = |n: u64| Duration::from_nanos(n);
    let expected = [
        (1, nanos(0)),
        (2, nanos(300_000)),
        (3, nanos(300_100)),
        (4, nanos(300_100)),
        (5, nanos(1_000_300_100)),
    ];
    assert_eq!(*seen.lock().expect("no panic"), expected);
}

#[test]
fn s56_as_fast_as_possible_waits_for_nothing_and_a_callback_can_stop() {
    let store = store_with(&[0, 1_000_000_000, 2_000_000_000]);
    let clock = VirtualClock::new();
    let mut seen = Vec::new();
    let replayed =
        block_on(replay_events(&store, Query::all(), Speed::FASTEST, &clock.time(), |event| {
            seen.push(event.seq.get());
            if event.seq == Seq::new(2) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }));
    let replayed = replayed.expect("readable");
    assert_eq!((replayed.events, replayed.stopped, seen), (2, true, vec![1, 2]));
    assert_eq!(clock.pending(), 0);
}

#[test]
fn a_wait_is_the_gap_divided_to_the_nanosecond() {
    let wait = |factor: f64, nanos: u64| {
        Speed::times(factor).expect("a pace").wait(Duration::from_nanos(nanos)).as_nanos()
    };
    assert_eq!(wait(0.0, u64::MAX), 0);
    assert_eq!(wait(1.0, 123_456_789_123), 123_456_789_123);
    assert_eq!(wait(10.0, 7_000), 700);
    assert_eq!(wait(0.5, 7_001), 14_002);
    for no_pace in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Speed::times(no_pace), None);
    }
}

#[test]
fn what_is_exported_and_imported_is_the_same_but_for_positions() {
    let store = store_with(&[5, 4, 3]);
    let binary = Payload::new(CodecId::NAMED, "bin", 3, vec![0_u8, 255, 10, 13]);
    let mut event =
        NewEvent::new(EventId::from_u128(90), "ä \"x\"\n", EventKind::application("audit"), binary);
    event.causation = Some(EventId::from_u128(1));
    store.append(Append::one(event.with_turn(4).with_at(at(9)))).wait().expect("stored");
    let mut lines = Vec::new();
    assert_eq!(block_on(export_jsonl(&store, Query::all(), &mut lines)).expect("written"), 4);
    let text = String::from_utf8(lines.clone()).expect("JSON is UTF-8");
    assert_eq!(text.lines().count(), 4);
    insta::assert_snapshot!(text.lines().last().expect("four lines"));
    let copy = MemoryStore::default();
    let import =
        |copy: &MemoryStore| block_on(import_jsonl(copy, &mut lines.as_slice(), Numbering::Keep));
    let imported = import(&copy).expect("stored");
    assert_eq!((imported.events, imported.duplicates), (4, 0));
    assert_eq!(all(&copy), all(&store));
    let again = import(&copy).expect("harmless");
    assert_eq!((again.events, again.duplicates), (0, 4));
    assert_eq!(all(&copy).len(), 4);
}

#[test]
fn a_file_without_its_beginning_is_imported_with_new_numbers_only() {
    let store = store_with(&[1, 2, 3]);
    block_on(store.delete_to(&"P".into(), Seq::new(1))).expect("deleted");
    let mut lines = Vec::new();
    block_on(export_jsonl(&store, Query::all(), &mut lines)).expect("written");
    let copy = MemoryStore::default();
    let kept = block_on(import_jsonl(&copy, &mut lines.as_slice(), Numbering::Keep));
    assert!(matches!(kept, Err(ImportError::Append { line: 1, .. })), "{kept:?}");
    let anew =
        block_on(import_jsonl(&copy, &mut lines.as_slice(), Numbering::Anew)).expect("stored");
    assert_eq!(anew.events, 2);
    assert_eq!(all(&copy).iter().map(|event| event.seq.get()).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_line_that_is_no_event_is_named() {
    let mut lines = Vec::new();
    block_on(export_jsonl(&store_with(&[1]), Query::all(), &mut lines)).expect("written");
    lines.extend_from_slice(b"\n{\"id\": 7}\n");
    let copy = MemoryStore::default();
    let error = block_on(import_jsonl(&copy, &mut lines.as_slice(), Numbering::Keep));
    assert!(matches!(error, Err(ImportError::Line { line: 3, .. })), "{error:?}");
    let endless = vec![b' '; steadfast_eventlog::LINE_BYTES_MAX + 2];
    let error = block_on(import_jsonl(&copy, &mut endless.as_slice(), Numbering::Keep));
    assert!(matches!(error, Err(ImportError::LineTooLong { line: 1 })), "{error:?}");
}
