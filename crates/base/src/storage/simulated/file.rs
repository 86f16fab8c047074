//! Handles of the simulated disk.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use super::faults::WriteFault;
use super::{Shared, State};
use crate::storage::{StorageFile, StorageLock};
use crate::time::Sleep;

pub(super) struct SimulatedFile {
    shared: Arc<Shared>,
    number: u64,
    life: u64,
    writable: bool,
}

impl SimulatedFile {
    pub(super) fn new(shared: Arc<Shared>, number: u64, life: u64, writable: bool) -> Self {
        Self { shared, number, life, writable }
    }

    /// Fails for handles of a process that was killed.
    fn check(&self, state: &State) -> io::Result<()> {
        if state.life != self.life {
            return Err(io::Error::other("the process was killed"));
        }
        state.faults.check()
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    /// Writes what the disk has room for.
    fn write(&self, state: &mut State, bytes: &[u8], offset: u64) -> io::Result<()> {
        let have = state.disk.cached(self.number).len() as u64;
        let end = offset + bytes.len() as u64;
        let grows = end.saturating_sub(have);
        let used = state.disk.used_bytes();
        let room = state.faults.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(used));
        let lacking = usize::try_from(grows.saturating_sub(room)).unwrap_or(usize::MAX);
        let fits = bytes.get(..bytes.len().saturating_sub(lacking)).unwrap_or_default();
        if !fits.is_empty() {
            state.disk.write(self.number, offset, fits);
        }
        if lacking == 0 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

impl StorageFile for SimulatedFile {
    fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        let state = &mut *self.shared.lock();
        self.check(state)?;
        let number = state.calls.pwrite;
        state.calls.pwrite += 1;
        state.calls.bytes_written += bytes.len() as u64;
        state.faults.step()?;
        match state.faults.writes.remove(&number) {
            None => self.write(state, bytes, offset),
            Some(WriteFault::Lost) => Ok(()),
            Some(WriteFault::Misdirected { offset }) => self.write(state, bytes, offset),
            Some(WriteFault::Error { kind, written }) => {
                self.write(state, bytes.get(..written).unwrap_or(bytes), offset)?;
                Err(kind.into())
            }
        }
    }

    fn pread(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = &mut *self.shared.lock();
        self.check(state)?;
        state.calls.pread += 1;
        let cached = state.disk.cached(self.number);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(cached.len());
        let rest = cached.get(start..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        state.calls.bytes_read += length as u64;
        Ok(length)
    }

    fn datasync(&self) -> io::Result<()> {
        self.check_writable()?;
        let sleep = {
            let state = &mut *self.shared.lock();
            self.check(state)?;
            state.slow_syncs.as_ref().map(|(time, duration)| time.sleep(*duration))
        };
        if let Some(sleep) = sleep {
            wait(sleep);
        }
        let state = &mut *self.shared.lock();
        self.check(state)?;
        let number = state.calls.datasync;
        state.calls.datasync += 1;
        state.faults.step()?;
        let succeeds = !state.faults.syncs.remove(&number);
        state.disk.sync(self.number, succeeds);
        if succeeds { Ok(()) } else { Err(io::Error::other("simulated input/output error")) }
    }

    fn length(&self) -> io::Result<u64> {
        let state = self.shared.lock();
        self.check(&state)?;
        Ok(state.disk.cached(self.number).len() as u64)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.check_writable()?;
        let state = &mut *self.shared.lock();
        self.check(state)?;
        state.calls.set_length += 1;
        state.faults.step()?;
        state.disk.set_length(self.number, length);
        Ok(())
    }
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedFile").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Blocks the thread until the clock has moved on.
fn wait(sleep: Sleep) {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut sleep = pin!(sleep);
    // Ends when the sleep does.
    while sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::park();
    }
}

pub(super) struct SimulatedLock {
    shared: Arc<Shared>,
    path: PathBuf,
    life: u64,
}

impl SimulatedLock {
    pub(super) fn new(shared: Arc<Shared>, path: PathBuf, life: u64) -> Self {
        Self { shared, path, life }
    }
}

impl StorageLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

impl fmt::Debug for SimulatedLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedLock").field("path", &self.path).finish_non_exhaustive()
    }
}
