//! Holding memory, file handles or disk space, up to a bound and until dropped.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::config::SystemFault;

/// Memory and disk space are taken in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// Resources that are held; dropping them gives all of them back.
///
/// What cannot be had, because the system has no more of it, is left out: that is the state that the
/// fault is there to bring about.
#[derive(Debug)]
pub(super) enum Exhaustion {
    Memory(Vec<Vec<u8>>),
    FileHandles(Vec<File>),
    Disk(DiskFile),
}

/// A file that fills the disk, removed when dropped.
#[derive(Debug)]
pub(super) struct DiskFile {
    path: PathBuf,
    bytes: u64,
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        // A file that somebody else removed is gone as wanted.
        let _gone = fs::remove_file(&self.path);
    }
}

impl Exhaustion {
    /// Takes what the fault asks for; `None` for faults that take nothing.
    pub(super) fn take(fault: &SystemFault, number: u64) -> Option<Self> {
        match fault {
            SystemFault::Memory { bytes, .. } => Some(Self::Memory(memory(*bytes))),
            SystemFault::FileHandles { count, .. } => Some(Self::FileHandles(handles(*count))),
            SystemFault::Disk { bytes, folder, .. } => disk(*bytes, folder, number).map(Self::Disk),
            _ => None,
        }
    }

    /// How much is held: bytes or handles.
    pub(super) fn held(&self) -> u64 {
        match self {
            Self::Memory(pieces) => pieces.iter().map(|piece| piece.len() as u64).sum(),
            Self::FileHandles(handles) => handles.len() as u64,
            Self::Disk(file) => file.bytes,
        }
    }
}

/// The sizes of the pieces of so many bytes.
fn pieces(bytes: u64) -> impl Iterator<Item = usize> {
    let piece = PIECE_BYTES as u64;
    let rest = usize::try_from(bytes % piece).ok().filter(|rest| *rest > 0);
    (0..bytes / piece).map(|_| PIECE_BYTES).chain(rest)
}

fn memory(bytes: u64) -> Vec<Vec<u8>> {
    let mut held = Vec::new();
    for size in pieces(bytes) {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(size).is_err() {
            break;
        }
        // Written, because memory that was never touched is not really taken.
        piece.resize(size, 0xA5);
        held.push(piece);
    }
    held
}

fn handles(count: u32) -> Vec<File> {
    let Ok(path) = std::env::current_exe() else { return Vec::new() };
    (0..count).map_while(|_| File::open(&path).ok()).collect()
}

fn disk(bytes: u64, folder: &Path, number: u64) -> Option<DiskFile> {
    let name = format!("steadfast-chaos-{}-{number}.fill", std::process::id());
    let path = folder.join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).ok()?;
    let mut filled = DiskFile { path, bytes: 0 };
    let content = vec![0xA5; PIECE_BYTES];
    for size in pieces(bytes) {
        if content.get(..size).is_none_or(|piece| file.write_all(piece).is_err()) {
            break;
        }
        filled.bytes += size as u64;
    }
    Some(filled)
}
