//! What only the operating system can tell: how often data is synced, and whether a directory has a disk.

#![expect(unsafe_code, reason = "calls of the system, and symbols that stand in front of its own")]

use std::{
    ffi::{CString, c_int},
    io,
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Result;

static SYNCS: AtomicU64 = AtomicU64::new(0);

/// How often this process has called `fsync` or `fdatasync`, in whatever library.
pub fn syncs() -> u64 {
    SYNCS.load(Ordering::Relaxed)
}

/// Stands in front of the C library's, for Rust and C code alike.
#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: c_int) -> c_int {
    SYNCS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the call takes any number and answers with an error for one that is no open file.
    let answer = unsafe { libc::syscall(libc::SYS_fdatasync, file) };
    answer as c_int
}

/// Stands in front of the C library's, for Rust and C code alike.
#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    SYNCS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the call takes any number and answers with an error for one that is no open file.
    let answer = unsafe { libc::syscall(libc::SYS_fsync, file) };
    answer as c_int
}

/// Whether what is written below the directory stays in memory.
pub fn is_tmpfs(dir: &Path) -> Result<bool> {
    let path = CString::new(dir.as_os_str().as_bytes())?;
    let mut about = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends in a zero, and there is room for the answer.
    if unsafe { libc::statfs(path.as_ptr(), about.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    // SAFETY: the call succeeded, so it has filled in the answer.
    let about = unsafe { about.assume_init() };
    Ok([libc::TMPFS_MAGIC, 0x8584_58f6].contains(&about.f_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_are_counted_and_still_reach_the_system() {
        let file = tempfile::tempfile().unwrap();
        let before = syncs();
        file.sync_data().unwrap();
        file.sync_all().unwrap();
        // Other tests may sync meanwhile.
        assert!(syncs() >= before + 2);
        assert_eq!(fdatasync(-1), -1);
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EBADF));
    }
}
