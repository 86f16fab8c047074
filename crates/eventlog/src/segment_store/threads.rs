//! The threads of a log, and its lock, which is held until none of them is left.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use steadfast_base::storage::StorageLock;

use super::queue::Job;
use super::shared::Shared;
use crate::append::Appending;

/// The threads of the log; they end when the last handle does.
pub(super) struct Threads {
    shared: Arc<Shared>,
    running: Mutex<Vec<JoinHandle<()>>>,
    /// Held until no thread is left that could write.
    lock: Mutex<Option<Box<dyn StorageLock>>>,
}

impl Threads {
    pub(super) fn new(shared: Arc<Shared>, lock: Option<Box<dyn StorageLock>>) -> Self {
        Self { shared, running: Mutex::default(), lock: Mutex::new(lock) }
    }

    pub(super) fn add(&self, thread: JoinHandle<()>) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// Waits until the threads have ended.
    pub(super) fn join(&self) {
        let (running, lock) = self.take();
        join(running, lock);
    }

    fn take(&self) -> (Vec<JoinHandle<()>>, Option<Box<dyn StorageLock>>) {
        let running = &mut *self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = &mut *self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(running), lock.take())
    }

    /// Whether this is one of the threads: it runs wakers, and a task may go with its waker, and a handle with it.
    fn is_one_of_them(&self) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().any(|one| one.thread().id() == thread::current().id())
    }
}

fn join(running: Vec<JoinHandle<()>>, lock: Option<Box<dyn StorageLock>>) {
    for thread in running {
        // A thread that panicked has closed the log on its way out.
        thread.join().ok();
    }
    drop(lock);
}

impl Drop for Threads {
    fn drop(&mut self) {
        let (answer, completion) = Appending::later();
        if self.is_one_of_them() {
            // It cannot wait for its own end: somebody else does, and gives the lock back then.
            self.shared.queue.push(Job::Close(completion)).ok();
            let (running, lock) = self.take();
            let waits = thread::Builder::new().name("eventlog-end".to_owned());
            waits.spawn(move || join(running, lock)).ok();
            return;
        }
        if self.shared.queue.push(Job::Close(completion)).is_ok() {
            // Nobody is left to be told: whoever wants to know calls `close`.
            answer.wait().ok();
        }
        self.join();
    }
}
