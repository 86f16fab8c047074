//! The file store under damage, crashes and forgery.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use steadfast_base::Time;
use steadfast_base::storage::{
    OpenMode, Persist, SimulatedStorage, Storage, StorageFile, StorageLock,
};
use steadfast_eventlog::{Payload, Position, Seq, block_on};
use steadfast_snapshot::{
    Criteria, FileSnapshots, FileSnapshotsConfig, Loaded, Snapshot, SnapshotDamage, SnapshotError,
    SnapshotRetention, SnapshotStore,
};

fn open(storage: &SimulatedStorage) -> FileSnapshots {
    let storage: Arc<dyn Storage> = Arc::new(storage.clone());
    FileSnapshots::open(storage, "s", Time::system(), FileSnapshotsConfig::default())
        .expect("the directory opens")
}

fn snapshot(seq: u64, state: impl Into<Vec<u8>>) -> Snapshot {
    let state = Payload::raw("test.State", state.into());
    Snapshot::new("P", Seq::new(seq), Position::new(seq), state)
}

fn load(store: &FileSnapshots) -> Loaded {
    block_on(store.load(&"P".into(), &Criteria::latest())).expect("readable")
}

/// The files of the snapshots, by rising number.
fn files(storage: &SimulatedStorage) -> Vec<PathBuf> {
    storage
        .files()
        .into_keys()
        .filter(|path| path.extension().is_some_and(|e| e == "snap"))
        .collect()
}

#[test]
fn s43_a_damaged_snapshot_is_counted_and_an_older_one_is_used() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    for seq in 11..=15 {
        block_on(store.save(snapshot(seq, format!("state {seq}")))).expect("saved");
    }
    let paths = files(&storage);
    let last_bit = |path: &Path| storage.contents(path).expect("it is there").len() as u64 * 8 - 3;
    storage.flip_bit(&paths[4], last_bit(&paths[4]));
    let loaded = load(&store);
    assert_eq!(loaded.snapshot.map(|found| found.seq.get()), Some(14));
    let found: Vec<_> = loaded.damaged.iter().map(|one| (one.seq.get(), one.damage)).collect();
    assert_eq!(found, [(15, SnapshotDamage::Digest)]);
    assert_eq!(store.statistics().digest_mismatches_total, 1);
    assert!(matches!(
        block_on(store.verify(&"P".into(), Seq::new(15))),
        Err(SnapshotError::Damaged(SnapshotDamage::Digest))
    ));
    for path in &paths[2..4] {
        storage.flip_bit(path, last_bit(path));
    }
    let loaded = load(&store);
    assert_eq!((loaded.snapshot, loaded.damaged.len(), loaded.gave_up), (None, 3, true));
    assert_eq!(files(&storage).len(), 5, "damaged files are left alone");
}

#[test]
fn s43_every_flipped_bit_of_a_file_is_noticed() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    let with_metadata = snapshot(1, "a state ".repeat(40)).with_metadata("key", "value");
    block_on(store.save(with_metadata)).expect("saved");
    let path = files(&storage).remove(0);
    let bits = storage.contents(&path).expect("it is there").len() as u64 * 8;
    for bit in 0..bits {
        storage.flip_bit(&path, bit);
        let loaded = load(&store);
        assert_eq!((loaded.snapshot, loaded.damaged.len()), (None, 1), "bit {bit}");
        storage.flip_bit(&path, bit);
    }
    assert!(load(&store).snapshot.is_some());
}

#[test]
fn s44_a_crash_at_any_step_of_saving_leaves_the_old_one_or_the_new() {
    let steps = {
        let storage = SimulatedStorage::new();
        let store = open(&storage);
        block_on(store.save(snapshot(7, "old"))).expect("saved");
        let before = storage.steps();
        block_on(store.save(snapshot(7, "new state"))).expect("saved");
        storage.steps() - before
    };
    assert!(steps >= 4, "write, sync, rename, sync of the directory");
    for persisted in [Persist::Nothing, Persist::All] {
        for step in 0..=steps {
            let storage = SimulatedStorage::new();
            let store = open(&storage);
            block_on(store.save(snapshot(7, "old"))).expect("saved");
            storage.crash_after(step);
            let answered = block_on(store.save(snapshot(7, "new state"))).is_ok();
            drop(store);
            let after = storage.crash(|_, _| persisted);
            let reopened = open(&after);
            let state = load(&reopened).snapshot.expect("never neither").state;
            let new = state.bytes() == "new state";
            assert!(new || (state.bytes() == "old" && !answered), "crash after {step} steps");
            let is_leftover = |path: &PathBuf| path.extension().is_some_and(|e| e == "tmp");
            let leftovers = after.files().into_keys().filter(is_leftover).count();
            assert_eq!(leftovers, 0, "removed at opening");
        }
    }
}

#[test]
fn s44_a_failed_save_is_an_error_and_leaves_the_old_one() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    block_on(store.save(snapshot(7, "old"))).expect("saved");
    storage.fail_sync(0);
    let failed = block_on(store.save(snapshot(7, "new")));
    assert!(matches!(failed, Err(SnapshotError::Unavailable(_))));
    let state = load(&store).snapshot.expect("the old one").state;
    assert_eq!(state.bytes(), "old");
    assert!(block_on(store.save(snapshot(7, "new"))).is_ok(), "into a fresh file");
}

#[test]
fn s45_a_state_that_says_it_is_huge_is_refused_before_anything_is_allocated() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    block_on(store.save(snapshot(1, "x".repeat(9_000)))).expect("saved");
    let path = files(&storage).remove(0);
    let mut bytes = storage.contents(&path).expect("it is there");
    bytes[56..64].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    let length = u32::from_le_bytes(bytes[8..12].try_into().expect("four")) as usize;
    bytes[12..16].fill(0);
    let crc = steadfast_eventlog::format::checksum(&bytes[..length]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    storage.put(&path, bytes);
    let loaded = load(&store);
    let damage: Vec<_> = loaded.damaged.iter().map(|one| one.damage).collect();
    assert_eq!((loaded.snapshot, damage), (None, vec![SnapshotDamage::StateTooLarge]));
    let config = FileSnapshotsConfig::default().with_state_bytes_max(10);
    let small = FileSnapshots::open(Arc::new(storage), "s", Time::system(), config).expect("opens");
    let refused = block_on(small.save(snapshot(2, "x".repeat(11))));
    assert!(matches!(refused, Err(SnapshotError::TooLarge(_))));
}

#[test]
fn s45_a_state_of_64_mib_comes_back() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    let state: Vec<u8> = (0..64_u32 << 20).map(|n| (n >> 7).to_le_bytes()[0]).collect();
    block_on(store.save(snapshot(1, state.clone()))).expect("saved");
    assert!(load(&store).snapshot.is_some_and(|found| found.state.bytes() == &state));
}

#[test]
fn snapshots_are_found_again_after_opening_and_foreign_files_are_left_alone() {
    let storage = SimulatedStorage::new();
    for seq in 1..=2 {
        block_on(open(&storage).save(snapshot(seq, "s"))).expect("saved");
    }
    let path = files(&storage).remove(0);
    let shard = path.parent().expect("a shard").to_owned();
    for name in [".DS_Store", "notes.txt", "00-1.snap"] {
        storage.put(&shard.join(name), "foreign");
    }
    storage.put(&shard.join("half.tmp"), "left by a crash");
    let store = open(&storage);
    assert_eq!(block_on(store.list(&"P".into())).expect("readable").len(), 2);
    assert!(storage.contents(&shard.join("notes.txt")).is_some());
    assert!(storage.contents(&shard.join("half.tmp")).is_none());
    // A file under the wrong name is another's.
    let bytes = storage.contents(&path).expect("it is there");
    let other =
        shard.join(path.file_name().expect("named").to_string_lossy().replace("1.snap", "9.snap"));
    storage.put(&other, bytes);
    let loaded = load(&open(&storage));
    assert_eq!(loaded.snapshot.map(|found| found.seq.get()), Some(2));
    assert_eq!(loaded.damaged.first().map(|one| one.damage), Some(SnapshotDamage::Content));
}

/// A disk of which one sync of a directory fails.
#[derive(Debug)]
struct OneLostSync {
    disk: SimulatedStorage,
    fails: AtomicBool,
}

impl Storage for OneLostSync {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        self.disk.open(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        self.disk.create_dir(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        if self.fails.swap(false, Ordering::SeqCst) {
            return Err(io::ErrorKind::Other.into());
        }
        self.disk.sync_dir(directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn StorageLock>> {
        self.disk.lock(path)
    }
}

#[test]
fn a_snapshot_whose_last_sync_fails_can_be_deleted_like_any_other() {
    let disk = SimulatedStorage::new();
    let storage = OneLostSync { disk: disk.clone(), fails: AtomicBool::new(true) };
    let config = FileSnapshotsConfig::default();
    let store = FileSnapshots::open(Arc::new(storage), "s", Time::system(), config).expect("opens");
    let saved = block_on(store.save(snapshot(1, "state")));
    assert!(matches!(saved, Err(SnapshotError::Unavailable(_))), "{saved:?}");
    assert_eq!(files(&disk).len(), 1, "the file has its name already");
    assert_eq!(block_on(store.delete(&"P".into(), &Criteria::latest())).expect("deleted"), 1);
    drop(store);
    assert_eq!(load(&open(&disk)).snapshot, None);
}

/// A disk of which some files cannot be read.
#[derive(Debug)]
struct BadSectors {
    disk: SimulatedStorage,
    bad: Mutex<Vec<PathBuf>>,
}

impl Storage for BadSectors {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        if mode == OpenMode::Read
            && self.bad.lock().expect("no test panics with it").iter().any(|bad| bad == path)
        {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.disk.open(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        self.disk.create_dir(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.disk.sync_dir(directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn StorageLock>> {
        self.disk.lock(path)
    }
}

#[test]
fn s43_a_snapshot_that_the_disk_cannot_read_is_passed_over_for_an_older_one() {
    let storage = SimulatedStorage::new();
    let broken = Arc::new(BadSectors { disk: storage.clone(), bad: Mutex::default() });
    let disk = Arc::<BadSectors>::clone(&broken);
    let config = FileSnapshotsConfig::default();
    let store = FileSnapshots::open(disk, "s", Time::system(), config).expect("opens");
    for seq in 11..=15 {
        block_on(store.save(snapshot(seq, format!("state {seq}")))).expect("saved");
    }
    let bad = |count: usize| {
        *broken.bad.lock().expect("no test panics with it") =
            files(&storage).into_iter().rev().take(count).collect();
    };
    let unreadable = SnapshotDamage::Unreadable(io::ErrorKind::TimedOut);
    bad(2);
    for criteria in [Criteria::latest(), Criteria::latest().taken_until(Time::system().timestamp())]
    {
        let loaded = block_on(store.load(&"P".into(), &criteria)).expect("falls back");
        assert_eq!(loaded.snapshot.map(|found| found.seq.get()), Some(13));
        let found: Vec<_> = loaded.damaged.iter().map(|one| (one.seq.get(), one.damage)).collect();
        assert_eq!(found, [(15, unreadable), (14, unreadable)]);
    }
    assert_eq!(store.statistics().damaged_total, 4);
    let listed = block_on(store.list(&"P".into())).expect("the others can be told of");
    assert_eq!(listed.iter().map(|info| info.seq.get()).collect::<Vec<_>>(), [11, 12, 13]);
    let policy = SnapshotRetention::default().with_keep(2).with_age_max(None);
    assert_eq!(block_on(store.retain(&"P".into(), &policy)).expect("runs"), 1, "11 goes");
    bad(3);
    let loaded = load(&store);
    assert_eq!((loaded.snapshot, loaded.gave_up), (None, true), "the log decides");
    bad(0);
    assert_eq!(load(&store).snapshot.map(|found| found.seq.get()), Some(15), "it was sound");
}

/// The numbers of the snapshots whose files are there.
fn seqs(storage: &SimulatedStorage) -> Vec<u64> {
    let name = |path: PathBuf| path.file_stem().expect("named").to_string_lossy().into_owned();
    let number = |name: String| name.rsplit('-').next().and_then(|number| number.parse().ok());
    files(storage).into_iter().map(name).filter_map(number).collect()
}

#[test]
fn retention_counts_sound_snapshots_only_and_takes_damaged_ones_along() {
    const BODY: u64 = 0;
    const HEADER: u64 = 1;
    /// Which are damaged and where, and which of 11 to 15 are left of the newest two.
    type Case = (&'static [(u64, u64)], &'static [u64]);
    let cases: [Case; 6] = [
        (&[], &[14, 15]),
        (&[(15, BODY)], &[13, 14, 15]),
        (&[(15, HEADER), (13, BODY)], &[12, 13, 14, 15]),
        (&[(13, HEADER), (12, BODY)], &[14, 15]),
        (&[(15, BODY), (14, BODY), (13, HEADER), (12, BODY)], &[11, 12, 13, 14, 15]),
        (&[(11, HEADER)], &[14, 15]),
    ];
    for (damaged, left) in cases {
        let storage = SimulatedStorage::new();
        let store = open(&storage);
        for seq in 11..=15 {
            block_on(store.save(snapshot(seq, format!("state {seq}")))).expect("saved");
        }
        for (seq, place) in damaged {
            let path = files(&storage).remove(usize::try_from(seq - 11).expect("small"));
            let bits = storage.contents(&path).expect("it is there").len() as u64 * 8;
            storage.flip_bit(&path, if *place == BODY { bits - 3 } else { 8 * 20 });
        }
        let policy = SnapshotRetention::default().with_keep(2).with_age_max(None);
        let deleted = block_on(store.retain(&"P".into(), &policy)).expect("runs");
        assert_eq!(seqs(&storage), left, "{damaged:?}");
        assert_eq!(deleted, 5 - left.len() as u64, "{damaged:?}");
        assert_eq!(store.statistics().deleted_total, deleted);
    }
}

#[test]
fn retention_by_age_never_deletes_the_last_sound_one_for_a_damaged_one() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    for seq in 1..=3 {
        let old = steadfast_base::Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(seq);
        block_on(store.save(snapshot(seq, "s").with_at(old))).expect("saved");
    }
    let newest = files(&storage).remove(2);
    let bits = storage.contents(&newest).expect("it is there").len() as u64 * 8;
    storage.flip_bit(&newest, bits - 3);
    let deleted = block_on(store.retain(&"P".into(), &SnapshotRetention::default()));
    assert_eq!(deleted.expect("runs"), 1);
    assert_eq!(load(&store).snapshot.map(|found| found.seq.get()), Some(2));
}
