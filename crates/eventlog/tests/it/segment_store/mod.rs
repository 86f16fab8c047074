//! The embedded store: the contract, crashes, faults, damage, and processes that are killed.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what fails here is a failed test, helpers included"
)]

mod ahead;
mod conformance;
mod crash;
mod damage;
mod faults;
mod forgetting;
mod indexes;
mod kill;
mod lazy;
mod leading;
mod model;
mod room;
mod sealing;
mod segments;
mod taken_over;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast_base::storage::{SimulatedStorage, Unsynced, UnsyncedKind};
use steadfast_base::{EventId, Time};
use steadfast_eventlog::segment_store::{Config, OpenError, SegmentStore};
use steadfast_eventlog::{
    Append, AppendError, Appended, Event, EventKind, EventStore, NewEvent, Payload, Query, block_on,
};

/// A log of small segments that marks only when it is closed: no call depends on the time.
fn config() -> Config {
    Config::new("log").with_segment_bytes(32 << 10).with_mark_after(None)
}

fn try_open(storage: &SimulatedStorage) -> Result<SegmentStore, OpenError> {
    SegmentStore::open_on(Arc::new(storage.clone()), config(), Time::system())
}

fn open(storage: &SimulatedStorage) -> SegmentStore {
    try_open(storage).unwrap()
}

/// A log whose full segments stay as they are: no file changes but by what the test does.
fn open_unsealed(storage: &SimulatedStorage) -> SegmentStore {
    let config = config().with_seal_level(None);
    SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap()
}

fn event(number: u64) -> NewEvent {
    let id = EventId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number));
    let payload = Payload::raw("test.Noted", format!("payload {number}"));
    NewEvent::new(id, format!("actor {}", number % 3), EventKind::StateChanged, payload)
}

/// Events with the numbers from `first` on, as one request.
fn batch(first: u64, count: u64) -> Append {
    Append::new((first..first + count).map(event).collect())
}

fn append(store: &SegmentStore, first: u64, count: u64) -> Result<Appended, AppendError> {
    store.append(batch(first, count)).wait()
}

fn all(store: &SegmentStore) -> Vec<Event> {
    block_on(store.read(Query::all()).all()).unwrap()
}

/// The numbers of all events, in their order.
fn numbers(store: &SegmentStore) -> Vec<u64> {
    all(store).iter().map(number).collect()
}

fn number(event: &Event) -> u64 {
    u64::try_from(event.id.as_u128() & 0xFFFF_FFFF).unwrap()
}

fn close(store: SegmentStore) {
    block_on(store.close()).unwrap();
    drop(store);
}

fn segment(first: u64) -> PathBuf {
    Path::new("log").join(format!("{first:020}.seg"))
}

/// The segment files, by their first positions.
fn segments(storage: &SimulatedStorage) -> Vec<(PathBuf, Vec<u8>)> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "seg");
    storage.files().into_iter().filter(|(path, _)| is_segment(path)).collect()
}

/// Waits until the segment that is made ahead is there and synced.
fn wait_for_spare(storage: &SimulatedStorage) {
    wait_for_spare_of(1, storage);
}

/// The same for one of several pieces: each is synced on its own, so the length tells the last.
fn wait_for_spare_of(bytes: usize, storage: &SimulatedStorage) {
    let is_spare = |path: &Path| path.extension().is_some_and(|suffix| suffix == "spare");
    while !storage.files().iter().any(|(path, file)| is_spare(path) && file.len() >= bytes) {
        std::thread::yield_now();
    }
    let written = |item: &Unsynced| is_spare(&item.path) && item.kind != UnsyncedKind::Entry;
    while storage.unsynced().iter().any(written) {
        std::thread::yield_now();
    }
}
