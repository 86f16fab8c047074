//! Reading ahead: while a scan goes over one piece of the log, a thread reads and checks the next one.
//!
//! There is one such thread for a log, with a short queue. A scan that finds it full, or the thread gone,
//! reads for itself, as it does when what was read ahead is not what it needs.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use super::fetch::FrameAt;

/// The most pieces that wait to be read; with the one being read and those not yet taken, about as many MiB.
const WAITING_MAX: usize = 8;

/// What the thread and the scans share.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Whether there is a thread.
    runs: bool,
    ended: bool,
}

/// A piece that is to be read.
#[derive(Debug)]
struct Job {
    frames: Vec<FrameAt>,
    buffer: BytesMut,
    slot: Arc<Slot>,
}

impl Drop for Job {
    /// Whoever waits for it learns that nobody is going to read it; a piece that was read stays.
    fn drop(&mut self) {
        self.slot.put(State::Abandoned);
    }
}

/// Where a piece will be.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Waiting,
    Read(ReadAhead),
    Abandoned,
}

/// A piece that was read.
#[derive(Debug)]
pub(super) struct ReadAhead {
    pub(super) bytes: Bytes,
    /// How many of its frames, from the first on, are whole and unchanged.
    pub(super) whole: usize,
}

impl Slot {
    /// Waits for the piece; `None` if it could not be read.
    pub(super) fn wait(&self) -> Option<ReadAhead> {
        let mut state = lock(&self.state);
        // Each job is read or dropped, and says so.
        loop {
            match std::mem::replace(&mut *state, State::Abandoned) {
                State::Read(read) => return Some(read),
                State::Abandoned => return None,
                State::Waiting => *state = State::Waiting,
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, new: State) {
        let mut state = lock(&self.state);
        if matches!(*state, State::Waiting) {
            *state = new;
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl Ahead {
    /// Asks for a piece; `None` if the thread has enough to do, or there is none.
    pub(super) fn ask(&self, frames: &[FrameAt], buffer: BytesMut) -> Option<Arc<Slot>> {
        let slot = Arc::new(Slot::default());
        let mut waiting = lock(&self.waiting);
        if !waiting.runs || waiting.ended || waiting.jobs.len() >= WAITING_MAX {
            return None;
        }
        let job = Job { frames: frames.to_vec(), buffer, slot: Arc::clone(&slot) };
        waiting.jobs.push_back(job);
        drop(waiting);
        self.changed.notify_one();
        Some(slot)
    }

    /// Says that there is going to be a thread.
    pub(super) fn begin(&self) {
        lock(&self.waiting).runs = true;
    }

    /// Ends the thread.
    pub(super) fn end(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.ended = true;
        let left = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(left);
        self.changed.notify_all();
    }

    /// Reads what is asked for, until the end.
    pub(super) fn run(&self) {
        // However this thread ends, nobody waits for it then.
        let _ending = Ending(self);
        // Ends with the log.
        while let Some(mut job) = self.next() {
            let buffer = std::mem::take(&mut job.buffer);
            if let Some(read) = read(&job.frames, buffer) {
                job.slot.put(State::Read(read));
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut waiting = lock(&self.waiting);
        // Each round has been asked for by a wake-up.
        loop {
            if waiting.ended {
                return None;
            }
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Ending<'a>(&'a Ahead);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn read(frames: &[FrameAt], buffer: BytesMut) -> Option<ReadAhead> {
    let bytes = super::fetch::read_run(frames, buffer).ok()?;
    let start = frames.first()?.offset;
    let whole = frames.iter().take_while(|at| at.is_whole_in(&bytes, start)).count();
    Some(ReadAhead { bytes, whole })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn nobody_waits_for_a_piece_that_is_not_going_to_be_read() {
        let ahead = Ahead::default();
        assert!(ahead.ask(&[], BytesMut::new()).is_none(), "there is no thread");
        ahead.begin();
        let left = ahead.ask(&[], BytesMut::new()).expect("it has nothing to do");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| left.wait().is_none());
            ahead.end();
            assert!(waiting.join().expect("no panic"));
        });
        assert!(ahead.ask(&[], BytesMut::new()).is_none(), "it has ended");
    }

    #[test]
    fn a_full_queue_takes_no_more() {
        let ahead = Ahead::default();
        ahead.begin();
        let taken = (0..100).filter(|_| ahead.ask(&[], BytesMut::new()).is_some()).count();
        assert_eq!(taken, WAITING_MAX);
    }

    #[test]
    fn a_piece_of_no_frames_is_abandoned_by_the_thread_too() {
        let ahead = Ahead::default();
        ahead.begin();
        thread::scope(|scope| {
            scope.spawn(|| ahead.run());
            let slot = ahead.ask(&[], BytesMut::new()).expect("it has nothing to do");
            assert!(slot.wait().is_none());
            ahead.end();
        });
    }
}
