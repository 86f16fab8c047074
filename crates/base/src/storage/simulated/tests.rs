//! The simulated disk keeps its own rules.

use crate::time::VirtualClock;

use super::*;

const A: &str = "a";

fn disk_with(contents: &[u8]) -> (SimulatedStorage, Arc<dyn StorageFile>) {
    let storage = SimulatedStorage::new();
    storage.put(Path::new(A), contents);
    let file = storage.open(Path::new(A), OpenMode::Write).unwrap();
    (storage, file)
}

fn contents(storage: &SimulatedStorage) -> Vec<u8> {
    storage.contents(Path::new(A)).unwrap()
}

#[test]
fn a_crash_leaves_every_chosen_subset_of_unsynced_writes() {
    let (storage, file) = disk_with(b"....");
    for (at, letter) in [b"a", b"b", b"c"].into_iter().enumerate() {
        file.pwrite(letter, at as u64).unwrap();
    }
    assert_eq!(storage.unsynced().len(), 3);
    let mut outcomes = BTreeSet::new();
    for subset in 0..8 {
        let after = storage
            .crash(|item, _| if subset >> item & 1 == 1 { Persist::All } else { Persist::Nothing });
        outcomes.insert(contents(&after));
    }
    assert_eq!(outcomes.len(), 8);
    assert!(outcomes.contains(b"a.c.".as_slice()));
    assert_eq!(contents(&storage), b"abc.");
}

#[test]
fn what_was_synced_survives_whatever_is_chosen() {
    let (storage, file) = disk_with(b"");
    file.pwrite(b"kept", 0).unwrap();
    file.datasync().unwrap();
    assert_eq!(storage.unsynced(), []);
    assert_eq!(contents(&storage.crash(|_, _| Persist::Nothing)), b"kept");
}

#[test]
fn a_write_tears_at_sectors_of_the_file() {
    let (storage, file) = disk_with(&[0; 2_048]);
    file.pwrite(&[7; 1_024], 256).unwrap();
    let after = contents(&storage.crash(|_, _| Persist::Sectors(0b101)));
    assert!(after[256..512].iter().all(|byte| *byte == 7));
    assert!(after[512..1_024].iter().all(|byte| *byte == 0));
    assert!(after[1_024..1_280].iter().all(|byte| *byte == 7));
    assert!(after[1_280..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_file_without_a_synced_entry_may_be_gone_with_all_it_holds() {
    let storage = SimulatedStorage::new();
    let file = storage.open(Path::new(A), OpenMode::CreateNew).unwrap();
    file.pwrite(b"x", 0).unwrap();
    file.datasync().unwrap();
    assert_eq!(storage.crash(|_, _| Persist::Nothing).files().len(), 0);
    assert_eq!(storage.crash(|_, _| Persist::All).files().len(), 1);
    storage.sync_dir(Path::new("")).unwrap();
    assert_eq!(contents(&storage.crash(|_, _| Persist::Nothing)), b"x");
}

#[test]
fn an_unsynced_rename_or_removal_may_be_undone() {
    let (storage, _file) = disk_with(b"new");
    storage.put(Path::new("b"), b"old");
    storage.rename(Path::new(A), Path::new("b")).unwrap();
    let undone = storage.crash(|_, _| Persist::Nothing);
    assert_eq!(undone.contents(Path::new("b")).unwrap(), b"old");
    assert_eq!(contents(&undone), b"new");
    let done = storage.crash(|_, _| Persist::All);
    assert_eq!(done.contents(Path::new("b")).unwrap(), b"new");
    assert_eq!(done.contents(Path::new(A)), None);
    storage.remove(Path::new("b")).unwrap();
    assert_eq!(storage.contents(Path::new("b")), None);
    storage.sync_dir(Path::new("")).unwrap();
    assert_eq!(storage.crash(|_, _| Persist::Nothing).files().len(), 0);
}

#[test]
fn a_failed_sync_leaves_pages_that_read_back_and_are_never_written() {
    let (storage, file) = disk_with(b"old");
    storage.fail_sync(0);
    file.pwrite(b"new", 0).unwrap();
    file.datasync().unwrap_err();
    assert_eq!(contents(&storage), b"new");
    file.datasync().unwrap();
    assert_eq!(contents(&storage.crash(|_, _| Persist::Nothing)), b"old");
    assert_eq!(contents(&storage.crash(|_, _| Persist::All)), b"new");
    storage.drop_caches();
    assert_eq!(contents(&storage), b"old");
}

#[test]
fn what_is_written_after_a_failed_sync_wins_over_what_was_written_before() {
    let (storage, file) = disk_with(b"old");
    storage.fail_sync(0);
    file.pwrite(b"bad", 0).unwrap();
    file.datasync().unwrap_err();
    file.pwrite(b"new", 0).unwrap();
    file.datasync().unwrap();
    for persist in [Persist::All, Persist::Nothing] {
        assert_eq!(contents(&storage.crash(|_, _| persist)), b"new");
    }
}

#[test]
fn the_power_is_cut_after_the_step_that_was_asked_for() {
    let (storage, file) = disk_with(b"");
    storage.crash_after(2);
    file.pwrite(b"a", 0).unwrap();
    file.datasync().unwrap();
    file.pwrite(b"b", 0).unwrap_err();
    file.pread(&mut [0], 0).unwrap_err();
    assert!(storage.is_crashed());
    assert_eq!(contents(&storage.crash(|_, _| Persist::Nothing)), b"a");
}

#[test]
fn a_full_disk_writes_what_fits_and_says_so() {
    let (storage, file) = disk_with(b"1234");
    storage.set_capacity(Some(6));
    let error = file.pwrite(b"abcd", 4).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(contents(&storage), b"1234ab");
    file.pwrite(b"xxxxxx", 0).unwrap();
    storage.set_capacity(None);
    file.pwrite(b"abcd", 4).unwrap();
}

#[test]
fn writes_fail_are_lost_and_land_elsewhere_once() {
    let (storage, file) = disk_with(b"......");
    storage.fail_write(0, WriteFault::Error { kind: io::ErrorKind::Other, written: 1 });
    storage.fail_write(1, WriteFault::Lost);
    storage.fail_write(2, WriteFault::Misdirected { offset: 4 });
    file.pwrite(b"ab", 0).unwrap_err();
    file.pwrite(b"cd", 0).unwrap();
    file.pwrite(b"ef", 0).unwrap();
    file.pwrite(b"gh", 1).unwrap();
    assert_eq!(contents(&storage), b"agh.ef");
}

#[test]
fn a_flipped_bit_is_on_the_disk_and_in_the_cache() {
    let (storage, _file) = disk_with(b"\0\0");
    storage.flip_bit(Path::new(A), 9);
    assert_eq!(contents(&storage), [0, 2]);
    assert_eq!(contents(&storage.crash(|_, _| Persist::Nothing)), [0, 2]);
}

#[test]
fn a_slow_sync_ends_when_the_clock_has_moved() {
    let (storage, file) = disk_with(b"");
    let clock = VirtualClock::new();
    storage.slow_syncs(clock.time(), Duration::from_millis(1));
    std::thread::scope(|scope| {
        let syncing = scope.spawn(|| file.datasync());
        while clock.pending() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(storage.calls().datasync, 0);
        clock.advance(Duration::from_millis(1));
        syncing.join().unwrap().unwrap();
    });
    assert_eq!(storage.calls().datasync, 1);
}

#[test]
fn a_killed_process_loses_handles_and_locks_and_nothing_it_wrote() {
    let (storage, file) = disk_with(b"");
    let held = storage.lock(Path::new("lock")).unwrap();
    assert_eq!(storage.lock(Path::new("lock")).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    file.pwrite(b"cached", 0).unwrap();
    storage.kill();
    file.pwrite(b"late", 0).unwrap_err();
    let next = storage.lock(Path::new("lock")).unwrap();
    drop(held);
    storage.lock(Path::new("lock")).unwrap_err();
    drop(next);
    storage.lock(Path::new("lock")).unwrap();
    assert_eq!(contents(&storage), b"cached");
}

#[test]
fn calls_are_counted_and_modes_are_kept() {
    let (storage, file) = disk_with(b"x");
    file.datasync().unwrap();
    file.pread(&mut [0], 0).unwrap();
    let new = storage.open(Path::new(A), OpenMode::CreateNew).unwrap_err();
    assert_eq!(new.kind(), io::ErrorKind::AlreadyExists);
    let read_only = storage.open(Path::new(A), OpenMode::Read).unwrap();
    assert_eq!(read_only.pwrite(b"y", 0).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    let missing = storage.open(Path::new("no/b"), OpenMode::Create).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    let calls = storage.calls();
    assert_eq!((calls.open, calls.datasync, calls.pread, calls.pwrite), (4, 1, 1, 0));
    assert_eq!(calls.bytes_read, 1);
}

#[test]
fn a_failed_sync_of_a_directory_leaves_its_entries_in_doubt() {
    let storage = SimulatedStorage::new();
    storage.create_dir(Path::new("d")).unwrap();
    storage.open(Path::new("d/a"), OpenMode::CreateNew).unwrap();
    storage.fail_sync_dir(0);
    storage.sync_dir(Path::new("d")).unwrap_err();
    let left = |persist| storage.crash(|_, _| persist).contents(Path::new("d/a")).is_some();
    assert!(left(Persist::All) && !left(Persist::Nothing));
    storage.sync_dir(Path::new("d")).unwrap();
    assert!(left(Persist::Nothing));
}
