//! The queue of a log: what was handed over and not yet taken by the writer.
//!
//! It holds what callers wait for; each of them holds the answer of its own request, so its length is
//! theirs to bound.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use super::group::Request;
use crate::append::Completion;

/// The most requests taken at once; more wait for the next group.
const GROUP_REQUESTS_MAX: usize = 4_096;

/// The most bytes taken at once, beside the first request.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// How often the writer lets others run while the queue still grows.
///
/// Whoever was answered by the last group is likely to append again: a group that waits for them, a few
/// switches of threads and no timer, spares them a sync.
const YIELDS_MAX: usize = 32;

/// Something the writer does.
#[derive(Debug)]
pub(super) enum Job {
    Append(Request),
    Sync(Completion),
    /// Begins a new segment.
    Roll(Completion),
    Close(Completion),
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(request) => {
                let sizes = request.append.events.iter().map(crate::event::NewEvent::size_bytes);
                sizes.fold(0, usize::saturating_add)
            }
            Self::Sync(_) | Self::Roll(_) | Self::Close(_) => 0,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    /// What [`Inner::is_busy`] said last, to be read without the lock. Whoever knows of a job, because he pushed
    /// it or was told so, sees that it was pushed.
    is_busy: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    jobs: VecDeque<Job>,
    /// The writer, while it sleeps.
    asleep: Option<Thread>,
    /// Whether the writer is to look after what somebody did in its stead.
    nudged: bool,
    /// How many jobs the last group had.
    last_group: usize,
    closed: bool,
}

impl Inner {
    /// Whether somebody waits for the writer, or it has reason to believe that somebody will.
    fn is_busy(&self) -> bool {
        self.closed || !self.jobs.is_empty() || self.last_group > 1
    }
}

/// Why the writer is awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    Jobs,
    /// Nothing came for as long as was asked.
    Idle,
    Nudged,
}

impl Queue {
    /// Hands a job over; gives it back if nobody takes jobs any more.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let asleep = {
            let mut inner = self.lock();
            if inner.closed {
                return Err(job);
            }
            inner.jobs.push_back(job);
            self.publish(&inner);
            inner.asleep.take()
        };
        if let Some(writer) = asleep {
            writer.unpark();
        }
        Ok(())
    }

    /// Wakes the writer without a job.
    pub(super) fn nudge(&self) {
        let asleep = {
            let mut inner = self.lock();
            inner.nudged = true;
            inner.asleep.take()
        };
        if let Some(writer) = asleep {
            writer.unpark();
        }
    }

    /// Whether a caller may do the work himself: nobody is before him, and nobody was beside the last one.
    ///
    /// Where there are several, the next group fills while this one is synced; that is the writer's work.
    pub(super) fn is_quiet(&self) -> bool {
        !self.is_busy.load(Ordering::Acquire)
    }

    /// Whether somebody waits for the writer.
    pub(super) fn has_jobs(&self) -> bool {
        !self.lock().jobs.is_empty()
    }

    fn publish(&self, inner: &Inner) {
        self.is_busy.store(inner.is_busy(), Ordering::Release);
    }

    /// The next jobs.
    pub(super) fn take(&self, into: &mut VecDeque<Job>) {
        let mut inner = self.lock();
        let mut bytes = 0_usize;
        // Ends with the queue.
        while let Some(job) = inner.jobs.pop_front() {
            bytes = bytes.saturating_add(job.bytes());
            into.push_back(job);
            if into.len() >= GROUP_REQUESTS_MAX || bytes >= GROUP_BYTES_MAX {
                break;
            }
        }
        inner.last_group = into.len();
        self.publish(&inner);
    }

    /// Nobody takes jobs any more; what is there is given back.
    pub(super) fn close(&self) -> VecDeque<Job> {
        let mut inner = self.lock();
        inner.closed = true;
        self.publish(&inner);
        std::mem::take(&mut inner.jobs)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits for a job, at most for as long as `idle`.
    pub(super) fn wait(&self, idle: Option<Duration>) -> Woken {
        let mut parked = false;
        // Two rounds at most if idleness is waited for; otherwise ends with the first job or nudge.
        loop {
            {
                let mut inner = self.lock();
                inner.asleep = None;
                if !inner.jobs.is_empty() {
                    return Woken::Jobs;
                }
                if std::mem::take(&mut inner.nudged) {
                    return Woken::Nudged;
                }
                if parked && idle.is_some() {
                    return Woken::Idle;
                }
                inner.asleep = Some(thread::current());
            }
            match idle {
                Some(idle) => thread::park_timeout(idle),
                None => thread::park(),
            }
            parked = true;
        }
    }

    /// Lets other threads run as long as the queue grows and is shorter than the last group.
    pub(super) fn gather(&self) {
        let mut before = 0;
        for _ in 0..YIELDS_MAX {
            let (queued, expected) = {
                let inner = self.lock();
                (inner.jobs.len(), inner.last_group)
            };
            if queued >= expected || queued == before {
                return;
            }
            before = queued;
            thread::yield_now();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
