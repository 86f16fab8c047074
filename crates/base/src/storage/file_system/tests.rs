//! The machine's file system does what the seam says.

use std::path::PathBuf;

use super::*;

/// A directory of its own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("steadfast-{name}-{}", std::process::id()));
        FileSystem.create_dir(&path.join("inner")).unwrap();
        Self(path.join("inner"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(self.0.parent().unwrap()).unwrap();
    }
}

#[test]
fn what_is_written_reads_back_and_ends_at_the_end() {
    let directory = Directory::new("read-back");
    let file = FileSystem.open(&directory.at("a"), OpenMode::CreateNew).unwrap();
    file.pwrite(b"hello", 3).unwrap();
    file.datasync().unwrap();
    let mut buffer = [1; 10];
    assert_eq!(file.pread(&mut buffer, 0).unwrap(), 8);
    assert_eq!(&buffer[..8], b"\0\0\0hello");
    let error = file.pread_exact(&mut buffer, 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn preallocating_writes_zeros_behind_the_end_only() {
    let directory = Directory::new("preallocate");
    let file = FileSystem.open(&directory.at("a"), OpenMode::Create).unwrap();
    file.pwrite(b"x", 0).unwrap();
    file.preallocate(200_000).unwrap();
    file.preallocate(10).unwrap();
    assert_eq!(file.length().unwrap(), 200_000);
    let mut first = [7; 2];
    file.pread_exact(&mut first, 0).unwrap();
    assert_eq!(&first, b"x\0");
    file.zero(0, 1).unwrap();
    file.pread_exact(&mut first, 0).unwrap();
    assert_eq!(first, [0, 0]);
}

#[test]
fn entries_are_made_renamed_listed_and_removed() {
    let directory = Directory::new("entries");
    for name in ["b", "a", "c"] {
        FileSystem.open(&directory.at(name), OpenMode::CreateNew).unwrap();
    }
    FileSystem.rename(&directory.at("b"), &directory.at("a")).unwrap();
    FileSystem.remove(&directory.at("c")).unwrap();
    FileSystem.sync_dir(&directory.0).unwrap();
    assert_eq!(FileSystem.list(&directory.0).unwrap(), ["a"]);
    let again = FileSystem.open(&directory.at("a"), OpenMode::CreateNew).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn a_lock_has_one_holder_and_is_free_when_dropped() {
    let directory = Directory::new("lock");
    let held = FileSystem.lock(&directory.at("lock")).unwrap();
    let refused = FileSystem.lock(&directory.at("lock")).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    drop(held);
    FileSystem.lock(&directory.at("lock")).unwrap();
}
