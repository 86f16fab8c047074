//! Who may change the files of a log: its writer, and nobody who only reads it or has been replaced.

use std::io;
use std::sync::Mutex;

use steadfast_base::storage::{OpenMode, Storage, StorageFile, StorageLock};
use steadfast_eventlog::{Retention, Seq, StoreError, Unreleased};

use super::*;

/// Three segments and the one that is written, none of them sealed.
fn segmented() -> (SimulatedStorage, SegmentStore) {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    for first in [1, 3, 5] {
        append(&store, first, 2).unwrap();
        block_on(store.begin_segment()).unwrap();
    }
    append(&store, 7, 2).unwrap();
    wait_for_spare(&storage);
    (storage, store)
}

fn everything() -> Retention {
    Retention::default().with_events_max(0).with_unreleased(Unreleased::Remove)
}

#[test]
fn a_log_that_is_only_read_changes_no_file() {
    let (storage, store) = segmented();
    close(store);
    let before = storage.files();
    let disk = Arc::new(storage.clone());
    let store = SegmentStore::open_read_only(disk, config(), Time::system()).unwrap();
    let deleted = block_on(store.delete_to(&"actor 1".into(), Seq::MAX));
    assert!(matches!(deleted, Err(StoreError::Closed)), "{deleted:?}");
    let retired = block_on(store.retain(&everything()));
    assert!(matches!(retired, Err(StoreError::Closed)), "{retired:?}");
    assert_eq!(numbers(&store), (1..=8).collect::<Vec<_>>());
    assert!(storage.files() == before);
}

#[test]
fn s34_who_was_replaced_deletes_nothing_and_removes_nothing() {
    let (storage, store) = segmented();
    storage.break_lock(Path::new("log/LOCK"));
    let next = open_unsealed(&storage);
    block_on(next.retain(&everything())).unwrap();
    let left = numbers(&next);
    let before = storage.files();
    let deleted = block_on(store.delete_to(&"actor 1".into(), Seq::MAX));
    assert!(matches!(deleted, Err(StoreError::Fenced { .. })), "{deleted:?}");
    let retired = block_on(store.retain(&everything()));
    assert!(matches!(retired, Err(StoreError::Fenced { .. })), "{retired:?}");
    let catalog = Path::new("log/CATALOG");
    assert!(storage.files().get(catalog) == before.get(catalog));
    close(next);
    assert_eq!(numbers(&open(&storage)), left);
}

#[test]
fn the_catalog_of_another_log_is_damage_and_removes_no_segment() {
    let (other, store) = segmented();
    block_on(store.retain(&everything())).unwrap();
    close(store);
    let foreign = other.contents(Path::new("log/CATALOG")).unwrap();
    let (storage, store) = segmented();
    close(store);
    storage.put(Path::new("log/CATALOG"), foreign);
    let before = segments(&storage);
    for _ in 0..2 {
        assert!(matches!(try_open(&storage), Err(OpenError::Damaged(_))));
    }
    assert!(segments(&storage) == before);
}

#[test]
fn s32_a_last_segment_that_is_gone_is_missed() {
    let (storage, store) = segmented();
    close(store);
    storage.take(&segment(7)).unwrap();
    for _ in 0..2 {
        match try_open(&storage) {
            Err(OpenError::Damaged(steadfast_eventlog::ReadError::MissingSegment {
                first,
                ..
            })) => assert_eq!(first.get(), 7),
            other => panic!("opened: {other:?}"),
        }
    }
    let disk = Arc::new(storage.clone());
    let store = SegmentStore::open_read_only(disk, config(), Time::system()).unwrap();
    assert_eq!(numbers(&store), [1, 2, 3, 4, 5, 6], "the rest can be saved");
}

#[test]
fn s32_a_first_segment_below_the_low_water_mark_is_not_missed() {
    let (storage, store) = segmented();
    let kept = segments(&storage);
    let policy = Retention::default().with_events_max(4).with_unreleased(Unreleased::Remove);
    assert_eq!(block_on(store.retain(&policy)).unwrap().first.get(), 5);
    close(store);
    assert_eq!(numbers(&open_unsealed(&storage)), [5, 6, 7, 8]);
    // As a crash leaves them that kept one removal and not the other.
    for (path, contents) in kept.into_iter().take(2) {
        let disk = storage.crash(|_, _| steadfast_base::storage::Persist::All);
        disk.put(&path, contents);
        assert_eq!(numbers(&open_unsealed(&disk)), [5, 6, 7, 8]);
        assert!(disk.contents(&path).is_none(), "it is removed");
    }
    // And where everything below the mark and the mark's own segment is gone, that is told.
    for (path, _) in segments(&storage) {
        storage.take(&path);
    }
    assert!(matches!(try_open(&storage), Err(OpenError::Damaged(_))));
}

type Hook = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A disk on which something happens right before the next writer becomes known.
struct Hooked {
    disk: SimulatedStorage,
    hook: Hook,
}

struct HookedFile {
    file: Arc<dyn StorageFile>,
    hook: Hook,
}

impl std::fmt::Debug for HookedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(f)
    }
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.disk.fmt(f)
    }
}

impl Storage for Hooked {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let file = self.disk.open(path, mode)?;
        if path.ends_with("WRITER") {
            return Ok(Arc::new(HookedFile { file, hook: Arc::clone(&self.hook) }));
        }
        Ok(file)
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

impl StorageFile for HookedFile {
    fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let hook = self.hook.lock().unwrap().take();
        if let Some(hook) = hook {
            hook();
        }
        self.file.pwrite(bytes, offset)
    }

    fn pread(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.pread(buffer, offset)
    }

    fn datasync(&self) -> io::Result<()> {
        self.file.datasync()
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_length(length)
    }
}

#[test]
fn s34_what_the_writer_before_is_answered_while_it_is_replaced_is_kept() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    append(&store, 1, 1).unwrap();
    wait_for_spare(&storage);
    storage.break_lock(Path::new("log/LOCK"));
    let before = store.clone();
    let hook = move || {
        append(&before, 2, 1).unwrap();
    };
    let hook: Hook = Arc::new(Mutex::new(Some(Box::new(hook))));
    let hooked = Hooked { disk: storage.clone(), hook };
    let config = config().with_seal_level(None);
    let next = SegmentStore::open_on(Arc::new(hooked), config, Time::system()).unwrap();
    assert_eq!(numbers(&next), [1, 2]);
    assert!(matches!(append(&store, 3, 1), Err(AppendError::Fenced { .. })));
    append(&next, 4, 1).unwrap();
    close(next);
    assert_eq!(numbers(&open(&storage)), [1, 2, 4]);
}
