//! The files themselves: every call blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use steadfast_base::Time;
use steadfast_base::storage::{OpenMode, Storage};
use steadfast_eventlog::{ActorName, Seq};

use super::FileSnapshotsConfig;
use crate::criteria::Criteria;
use crate::error::{SnapshotDamage, SnapshotError};
use crate::format;
use crate::retention::SnapshotRetention;
use crate::snapshot::{Snapshot, SnapshotInfo};
use crate::store::{Damaged, Loaded, SnapshotStatistics};

const SUFFIX: &str = ".snap";
const UNFINISHED: &str = ".tmp";

/// How many actors' calls can be under way at once without waiting for each other.
const STRIPES: usize = 64;

#[derive(Debug)]
pub(super) struct Directory {
    storage: Arc<dyn Storage>,
    root: PathBuf,
    time: Time,
    config: FileSnapshotsConfig,
    state: Mutex<State>,
    /// Keeps the changes to one actor's files apart.
    stripes: Vec<Mutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// The numbers of the snapshots there are, by the key of the actor.
    known: BTreeMap<Key, BTreeSet<Seq>>,
    statistics: SnapshotStatistics,
}

/// The first half of the SHA-256 of an actor's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key([u8; 16]);

impl Key {
    fn of(actor: &ActorName) -> Self {
        let digest: [u8; 32] = Sha256::digest(actor.as_str().as_bytes()).into();
        let mut key = [0; 16];
        key.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
        Self(key)
    }

    fn hex(self) -> String {
        self.0.iter().fold(String::with_capacity(32), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes any text");
            hex
        })
    }

    fn shard(self) -> String {
        format!("{:02x}", self.0[0])
    }

    fn parse(hex: &str) -> Option<Self> {
        let bits = Some(hex).filter(|hex| hex.len() == 32).map(|hex| u128::from_str_radix(hex, 16));
        let key = Self(bits?.ok()?.to_be_bytes());
        (key.hex() == hex).then_some(key)
    }
}

/// `<key>-<number, 20 digits>.snap`
fn file_name(key: Key, seq: Seq) -> String {
    format!("{}-{:020}{SUFFIX}", key.hex(), seq.get())
}

fn parse_name(name: &str) -> Option<(Key, Seq)> {
    let (key, seq) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let (key, seq) = (Key::parse(key)?, Seq::new(seq.parse().ok()?));
    (file_name(key, seq) == name).then_some((key, seq))
}

impl Directory {
    pub(super) fn open(
        storage: Arc<dyn Storage>,
        root: PathBuf,
        time: Time,
        config: FileSnapshotsConfig,
    ) -> Result<Self, SnapshotError> {
        storage.create_dir(&root)?;
        let mut known: BTreeMap<Key, BTreeSet<Seq>> = BTreeMap::new();
        for number in 0..=u8::MAX {
            let shard = root.join(format!("{number:02x}"));
            let names = match storage.list(&shard) {
                Ok(names) => names,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            for name in names {
                if name.ends_with(UNFINISHED) {
                    storage.remove(&shard.join(name))?;
                } else if let Some((key, seq)) =
                    parse_name(&name).filter(|(key, _)| key.0[0] == number)
                {
                    known.entry(key).or_default().insert(seq);
                }
            }
        }
        let stripes = (0..STRIPES).map(|_| Mutex::new(())).collect();
        let state = Mutex::new(State { known, ..State::default() });
        Ok(Self { storage, root, time, config, state, stripes })
    }

    pub(super) fn save(&self, snapshot: Snapshot) -> Result<SnapshotInfo, SnapshotError> {
        snapshot.check(self.config.state_bytes_max)?;
        let snapshot = snapshot.settled(self.time.timestamp());
        let key = Key::of(&snapshot.actor);
        let bytes = format::encode(&snapshot);
        let _only_one = self.stripe(key);
        self.write(key, snapshot.seq, &bytes)?;
        self.lock().statistics.saved_total += 1;
        Ok(snapshot.info(bytes.len() as u64))
    }

    /// Writes beside, syncs, renames, and syncs the directory: whole or absent at any moment.
    fn write(&self, key: Key, seq: Seq, bytes: &[u8]) -> io::Result<()> {
        let shard = self.root.join(key.shard());
        self.storage.create_dir(&shard)?;
        let path = shard.join(file_name(key, seq));
        let unfinished = shard.join(format!("{}{UNFINISHED}", file_name(key, seq)));
        let written = self.write_beside(&unfinished, bytes);
        if let Err(error) = written.and_then(|()| self.storage.rename(&unfinished, &path)) {
            // Otherwise the next opening removes it.
            drop(self.storage.remove(&unfinished));
            return Err(error);
        }
        // It is there from now on, also if this fails: whoever deletes must find it.
        self.lock().known.entry(key).or_default().insert(seq);
        self.storage.sync_dir(&shard)
    }

    fn write_beside(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.storage.open(path, OpenMode::Create)?;
        file.set_length(0)?;
        file.pwrite(bytes, 0)?;
        file.datasync()
    }

    pub(super) fn load(
        &self,
        actor: &ActorName,
        criteria: &Criteria,
    ) -> Result<Loaded, SnapshotError> {
        let key = Key::of(actor);
        let mut damaged = Vec::new();
        for seq in self.known(key).into_iter().rev().filter(|seq| criteria.has_seq(*seq)) {
            if damaged.len() >= self.config.load_attempts_max.get() {
                return Ok(Loaded::new(None, damaged, true));
            }
            if criteria.asks_for_time() {
                match self.read_info(actor, key, seq) {
                    Ok(info) if !criteria.has_time(info.at) => continue,
                    Err(SnapshotError::NotFound) => continue,
                    // What is wrong shows again below.
                    Ok(_) | Err(_) => {}
                }
            }
            match self.read(actor, key, seq) {
                Ok(snapshot) => {
                    self.lock().statistics.loaded_total += 1;
                    return Ok(Loaded::new(Some(snapshot), damaged, false));
                }
                // Deleted in the meantime.
                Err(SnapshotError::NotFound) => {}
                Err(error) => {
                    let damage = damage_of(error)?;
                    self.lock().statistics.count_damage(damage);
                    damaged.push(Damaged::new(seq, damage));
                }
            }
        }
        Ok(Loaded::new(None, damaged, false))
    }

    pub(super) fn verify(
        &self,
        actor: &ActorName,
        seq: Seq,
    ) -> Result<SnapshotInfo, SnapshotError> {
        let key = Key::of(actor);
        let checked = self.read(actor, key, seq);
        if let Err(SnapshotError::Damaged(damage)) = &checked {
            self.lock().statistics.count_damage(*damage);
        }
        checked?;
        self.read_info(actor, key, seq)
    }

    pub(super) fn list(&self, actor: &ActorName) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let key = Key::of(actor);
        let mut infos = Vec::new();
        for seq in self.known(key) {
            match self.read_info(actor, key, seq) {
                Ok(info) => infos.push(info),
                Err(SnapshotError::NotFound) => {}
                Err(error) => damage_of(error).map(drop)?,
            }
        }
        Ok(infos)
    }

    pub(super) fn delete(
        &self,
        actor: &ActorName,
        criteria: &Criteria,
    ) -> Result<u64, SnapshotError> {
        let key = Key::of(actor);
        let _only_one = self.stripe(key);
        let mut meant = Vec::new();
        for seq in self.known(key).into_iter().filter(|seq| criteria.has_seq(*seq)) {
            if criteria.asks_for_time() {
                match self.read_info(actor, key, seq) {
                    Ok(info) if criteria.has_time(info.at) => {}
                    Ok(_) | Err(SnapshotError::Damaged(_) | SnapshotError::NotFound) => continue,
                    Err(error) => return Err(error),
                }
            }
            meant.push(seq);
        }
        self.remove(key, &meant)
    }

    pub(super) fn retain(
        &self,
        actor: &ActorName,
        policy: &SnapshotRetention,
    ) -> Result<u64, SnapshotError> {
        let key = Key::of(actor);
        let _only_one = self.stripe(key);
        let mut known = Vec::new();
        for seq in self.known(key) {
            match self.read_info(actor, key, seq) {
                Ok(info) => known.push((seq, Some(info.at))),
                Err(SnapshotError::NotFound) => {}
                Err(error) => damage_of(error).map(|_damage| known.push((seq, None)))?,
            }
        }
        let is_sound = |seq| self.read(actor, key, seq).is_ok();
        self.remove(key, &policy.superfluous(&known, self.time.timestamp(), is_sound))
    }

    /// Removes files, the oldest first.
    fn remove(&self, key: Key, seqs: &[Seq]) -> Result<u64, SnapshotError> {
        let shard = self.root.join(key.shard());
        let mut sorted = seqs.to_vec();
        sorted.sort_unstable();
        let (mut removed, mut failed) = (0, None);
        for seq in sorted {
            let found = match self.storage.remove(&shard.join(file_name(key, seq))) {
                Ok(()) => 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            removed += found;
            let mut state = self.lock();
            if let Some(known) = state.known.get_mut(&key) {
                known.remove(&seq);
                if known.is_empty() {
                    state.known.remove(&key);
                }
            }
            state.statistics.deleted_total += found;
        }
        if removed > 0 {
            // Also those before one that failed stay removed.
            self.storage.sync_dir(&shard)?;
        }
        failed.map_or(Ok(removed), |error| Err(error.into()))
    }

    fn read(&self, actor: &ActorName, key: Key, seq: Seq) -> Result<Snapshot, SnapshotError> {
        let file = self.open_file(key, seq)?;
        let length = file.length()?;
        let longest = self.config.state_bytes_max.saturating_add(format::HEADER_BYTES_MAX as u64);
        let length = usize::try_from(length.min(longest.saturating_add(1)));
        let length = length.map_err(|_too_long| SnapshotDamage::StateTooLarge)?;
        if length as u64 > longest {
            return Err(SnapshotDamage::StateTooLarge.into());
        }
        let mut bytes = vec![0; length];
        file.pread_exact(&mut bytes, 0)?;
        let snapshot = format::decode(&Bytes::from(bytes), self.config.state_bytes_max)?;
        if snapshot.actor != *actor || snapshot.seq != seq {
            return Err(SnapshotDamage::Content.into());
        }
        Ok(snapshot)
    }

    fn read_info(
        &self,
        actor: &ActorName,
        key: Key,
        seq: Seq,
    ) -> Result<SnapshotInfo, SnapshotError> {
        let file = self.open_file(key, seq)?;
        let mut bytes = vec![0; format::HEADER_BYTES_MAX];
        let read = file.pread(&mut bytes, 0)?;
        bytes.truncate(read);
        let info = format::decode_header(&bytes, file.length()?)?;
        if info.actor != *actor || info.seq != seq {
            return Err(SnapshotDamage::Content.into());
        }
        Ok(info)
    }

    fn open_file(
        &self,
        key: Key,
        seq: Seq,
    ) -> Result<Arc<dyn steadfast_base::storage::StorageFile>, SnapshotError> {
        let path = self.root.join(key.shard()).join(file_name(key, seq));
        self.storage.open(&path, OpenMode::Read).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SnapshotError::NotFound,
            _ => error.into(),
        })
    }

    fn known(&self, key: Key) -> BTreeSet<Seq> {
        self.lock().known.get(&key).cloned().unwrap_or_default()
    }

    pub(super) fn statistics(&self) -> SnapshotStatistics {
        self.lock().statistics
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stripe(&self, key: Key) -> Option<MutexGuard<'_, ()>> {
        let number = usize::from(key.0[1]) % STRIPES;
        self.stripes.get(number).map(|stripe| stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is wrong with a snapshot that is there and could not be had; the error, if that is no fault of its own.
fn damage_of(error: SnapshotError) -> Result<SnapshotDamage, SnapshotError> {
    match error {
        SnapshotError::Damaged(damage) => Ok(damage),
        SnapshotError::Unavailable(error) => Ok(SnapshotDamage::Unreadable(error.kind())),
        error => Err(error),
    }
}
