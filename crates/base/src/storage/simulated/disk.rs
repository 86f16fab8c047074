//! Files and entries: what programs see, what is on the disk, and what lies between.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// The piece of a write that is on the disk whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// What a crash leaves of one unsynced item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persist {
    /// Nothing of it.
    Nothing,
    /// All of it.
    All,
    /// Of a write, the sectors whose bit is set, the first sector having the lowest; sector 128 has the
    /// bit of sector 0 again. Anything else is kept if the lowest bit is set.
    Sectors(u128),
}

/// Something done that no sync covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsynced {
    /// The file, or what the entry is called.
    pub path: PathBuf,
    /// What was done.
    pub kind: UnsyncedKind,
}

/// What was done and is not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsyncedKind {
    /// Bytes were written.
    Write {
        /// Where.
        offset: u64,
        /// How many.
        length: u64,
    },
    /// The length was set.
    Length(u64),
    /// An entry was made, renamed to this path, or removed.
    Entry,
}

#[derive(Clone, Default)]
pub(super) struct Disk {
    files: BTreeMap<u64, File>,
    /// Entries as programs see them.
    entries: BTreeMap<PathBuf, u64>,
    synced_entries: BTreeMap<PathBuf, u64>,
    changes: Vec<EntryChange>,
    directories: BTreeSet<PathBuf>,
    /// Orders what was done, over all files and entries; also the next file's number.
    clock: u64,
}

#[derive(Clone, Default)]
struct File {
    cached: Vec<u8>,
    synced: Vec<u8>,
    /// What was done since, in order; synced items remain behind ones in doubt.
    operations: Vec<Operation>,
}

#[derive(Clone)]
struct Operation {
    order: u64,
    change: Change,
    state: OperationState,
}

#[derive(Clone)]
enum Change {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OperationState {
    Dirty,
    Synced,
    /// A sync of it failed: later ones do not write it.
    InDoubt,
}

#[derive(Clone)]
struct EntryChange {
    order: u64,
    removed: Option<PathBuf>,
    made: Option<(PathBuf, u64)>,
}

impl EntryChange {
    fn path(&self) -> &Path {
        let made = self.made.as_ref().map(|(path, _)| path);
        made.or(self.removed.as_ref()).map_or(Path::new(""), PathBuf::as_path)
    }

    fn apply(&self, entries: &mut BTreeMap<PathBuf, u64>) {
        if let Some(removed) = &self.removed {
            entries.remove(removed);
        }
        if let Some((path, file)) = &self.made {
            entries.insert(path.clone(), *file);
        }
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>, persist: Persist) {
        let keeps = |sector: usize| match persist {
            Persist::Nothing => false,
            Persist::All => true,
            Persist::Sectors(mask) => mask >> (sector % 128) & 1 == 1,
        };
        match self {
            Self::Length(length) if keeps(0) => to.resize(*length, 0),
            Self::Length(_) => {}
            Self::Bytes(offset, bytes) => {
                // Sectors are those of the file, so that a write off their borders tears where a disk does.
                let mut done = 0;
                for sector in 0.. {
                    let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) else {
                        break;
                    };
                    let at = offset + done;
                    let length = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
                    let piece = rest.get(..length).unwrap_or_default();
                    if keeps(sector) {
                        if to.len() < at + length {
                            to.resize(at + length, 0);
                        }
                        if let Some(place) = to.get_mut(at..at + length) {
                            place.copy_from_slice(piece);
                        }
                    }
                    done += length;
                }
            }
        }
    }
}

impl File {
    fn new(contents: Vec<u8>) -> Self {
        Self { cached: contents.clone(), synced: contents, operations: Vec::new() }
    }

    fn change(&mut self, order: u64, change: Change) {
        change.apply(&mut self.cached, Persist::All);
        self.operations.push(Operation { order, change, state: OperationState::Dirty });
    }

    fn settle(&mut self, state: OperationState) {
        for operation in &mut self.operations {
            if operation.state == OperationState::Dirty {
                operation.state = state;
            }
        }
        let settled = |operation: &&Operation| operation.state == OperationState::Synced;
        let leading = self.operations.iter().take_while(settled).count();
        for operation in self.operations.drain(..leading) {
            operation.change.apply(&mut self.synced, Persist::All);
        }
    }

    /// The contents with everything but what is in doubt.
    fn without_doubtful(&self) -> Vec<u8> {
        let mut contents = self.synced.clone();
        for operation in &self.operations {
            if operation.state != OperationState::InDoubt {
                operation.change.apply(&mut contents, Persist::All);
            }
        }
        contents
    }
}

impl Disk {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub(super) fn find(&self, path: &Path) -> Option<u64> {
        self.entries.get(path).copied()
    }

    /// The file of this path, made if need be.
    pub(super) fn open(&mut self, path: &Path) -> io::Result<u64> {
        if let Some(file) = self.find(path) {
            return Ok(file);
        }
        self.check_parent(path)?;
        let file = self.tick();
        self.files.insert(file, File::default());
        self.change_entry(None, Some((path.to_owned(), file)));
        Ok(file)
    }

    fn check_parent(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() || self.directories.contains(parent) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn change_entry(&mut self, removed: Option<PathBuf>, made: Option<(PathBuf, u64)>) {
        let change = EntryChange { order: self.tick(), removed, made };
        change.apply(&mut self.entries);
        self.changes.push(change);
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.find(from).ok_or(io::ErrorKind::NotFound)?;
        self.check_parent(to)?;
        self.change_entry(Some(from.to_owned()), Some((to.to_owned(), file)));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path).ok_or(io::ErrorKind::NotFound)?;
        self.change_entry(Some(path.to_owned()), None);
        Ok(())
    }

    pub(super) fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        if !directory.as_os_str().is_empty() && !self.directories.contains(directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let paths = self.entries.keys().chain(&self.directories);
        let inside = paths.filter(|path| path.parent() == Some(directory));
        let names = inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    pub(super) fn create_dir(&mut self, directory: &Path) {
        for directory in directory.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            self.directories.insert(directory.to_owned());
        }
    }

    pub(super) fn sync_dir(&mut self, directory: &Path) {
        let changes = std::mem::take(&mut self.changes);
        let (synced, rest): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.path().parent() == Some(directory));
        for change in &synced {
            change.apply(&mut self.synced_entries);
        }
        self.changes = rest;
    }

    pub(super) fn write(&mut self, file: u64, offset: u64, bytes: &[u8]) {
        let order = self.tick();
        let offset = usize::try_from(offset).expect("a file in memory is no larger than memory");
        if let Some(file) = self.files.get_mut(&file) {
            file.change(order, Change::Bytes(offset, bytes.to_vec()));
        }
    }

    pub(super) fn set_length(&mut self, file: u64, length: u64) {
        let order = self.tick();
        let length = usize::try_from(length).expect("a file in memory is no larger than memory");
        if let Some(file) = self.files.get_mut(&file) {
            file.change(order, Change::Length(length));
        }
    }

    pub(super) fn sync(&mut self, file: u64, succeeds: bool) {
        let state = if succeeds { OperationState::Synced } else { OperationState::InDoubt };
        if let Some(file) = self.files.get_mut(&file) {
            file.settle(state);
        }
    }

    pub(super) fn cached(&self, file: u64) -> &[u8] {
        self.files.get(&file).map_or(&[], |file| &file.cached)
    }

    /// The bytes of all files that have an entry.
    pub(super) fn used_bytes(&self) -> u64 {
        self.entries.values().map(|file| self.cached(*file).len() as u64).sum()
    }

    pub(super) fn unsynced(&self) -> Vec<Unsynced> {
        self.unsynced_in_order().into_values().collect()
    }

    /// What a crash could take away or leave, by the order in which it was done.
    fn unsynced_in_order(&self) -> BTreeMap<u64, Unsynced> {
        let mut found = BTreeMap::new();
        for change in &self.changes {
            let path = change.path().to_owned();
            found.insert(change.order, Unsynced { path, kind: UnsyncedKind::Entry });
        }
        for (number, file) in &self.files {
            let path = self.entries.iter().find(|(_, entry)| *entry == number);
            let path = path.map(|(path, _)| path.clone()).unwrap_or_default();
            for operation in &file.operations {
                if operation.state == OperationState::Synced {
                    continue;
                }
                let kind = match &operation.change {
                    Change::Length(length) => UnsyncedKind::Length(*length as u64),
                    Change::Bytes(offset, bytes) => {
                        UnsyncedKind::Write { offset: *offset as u64, length: bytes.len() as u64 }
                    }
                };
                found.insert(operation.order, Unsynced { path: path.clone(), kind });
            }
        }
        found
    }

    pub(super) fn after_crash(&self, mut choose: impl FnMut(usize, &Unsynced) -> Persist) -> Self {
        let mut chosen = BTreeMap::new();
        for (index, (order, unsynced)) in self.unsynced_in_order().into_iter().enumerate() {
            chosen.insert(order, choose(index, &unsynced));
        }
        let persist = |order: u64| chosen.get(&order).copied().unwrap_or(Persist::All);
        let mut entries = self.synced_entries.clone();
        for change in &self.changes {
            if matches!(persist(change.order), Persist::All | Persist::Sectors(1..)) {
                change.apply(&mut entries);
            }
        }
        let mut files = BTreeMap::new();
        for number in entries.values() {
            let Some(file) = self.files.get(number) else { continue };
            let mut contents = file.synced.clone();
            for operation in &file.operations {
                operation.change.apply(&mut contents, persist(operation.order));
            }
            files.insert(*number, File::new(contents));
        }
        Self {
            files,
            synced_entries: entries.clone(),
            entries,
            changes: Vec::new(),
            directories: self.directories.clone(),
            clock: self.clock,
        }
    }

    pub(super) fn drop_caches(&mut self) {
        for file in self.files.values_mut() {
            file.cached = file.without_doubtful();
        }
    }

    pub(super) fn flip_bit(&mut self, path: &Path, bit: u64) {
        let file = self.find(path).and_then(|file| self.files.get_mut(&file));
        let file = file.expect("the file is there");
        let byte = usize::try_from(bit / 8).expect("a file in memory is no larger than memory");
        file.settle(OperationState::Synced);
        for contents in [&mut file.cached, &mut file.synced] {
            *contents.get_mut(byte).expect("the file has this bit") ^= 1 << (bit % 8);
        }
    }

    pub(super) fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.find(path).map(|file| self.cached(file).to_vec())
    }

    pub(super) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let contents = |(path, file): (&PathBuf, &u64)| (path.clone(), self.cached(*file).to_vec());
        self.entries.iter().map(contents).collect()
    }

    pub(super) fn put(&mut self, path: &Path, contents: Vec<u8>) {
        if let Some(parent) = path.parent() {
            self.create_dir(parent);
        }
        let number = self.tick();
        self.files.insert(number, File::new(contents));
        self.entries.insert(path.to_owned(), number);
        self.synced_entries.insert(path.to_owned(), number);
    }

    pub(super) fn take(&mut self, path: &Path) -> Option<Vec<u8>> {
        let contents = self.contents(path);
        self.entries.remove(path);
        self.synced_entries.remove(path);
        contents
    }
}
