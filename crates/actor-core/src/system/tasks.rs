//! The tasks of a system that are not actors: each is counted, and aborted at the end.

use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use tokio::{runtime::Handle, task::AbortHandle};

#[derive(Default)]
struct Table {
    running: HashMap<u64, Option<AbortHandle>>,
    next: u64,
    aborting: bool,
    waiting: Vec<Waker>,
}

/// Counts tasks, and wakes who waits for something to end.
#[derive(Default)]
pub(crate) struct Tasks {
    table: Mutex<Table>,
}

struct Running {
    tasks: Arc<Tasks>,
    number: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        let handle = self.tasks.table().running.remove(&self.number);
        drop(handle);
        self.tasks.notify();
    }
}

impl Tasks {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.table().running.len()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are spawned")]
    pub(crate) fn spawn<F>(self: &Arc<Self>, runtime: &Handle, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (number, aborting) = {
            let mut table = self.table();
            let number = table.next;
            table.next += 1;
            table.running.insert(number, None);
            (number, table.aborting)
        };
        let running = Running { tasks: Arc::clone(self), number };
        let task = runtime.spawn(async move {
            let _running = running;
            future.await;
        });
        let handle = task.abort_handle();
        let late = {
            let mut table = self.table();
            // An abort of all may have come between, and found no handle.
            let late = aborting || table.aborting;
            if let Some(place) = table.running.get_mut(&number).filter(|_| !late) {
                *place = Some(handle.clone());
            }
            late
        };
        if late {
            handle.abort();
        }
        handle
    }

    /// Aborts all tasks, now and from now on.
    pub(crate) fn abort_all(&self) {
        let handles: Vec<_> = {
            let mut table = self.table();
            table.aborting = true;
            table.running.values_mut().filter_map(Option::take).collect()
        };
        for handle in handles {
            handle.abort();
        }
    }

    /// Wakes everyone in [`wait_until`](Self::wait_until) to look again.
    pub(crate) fn notify(&self) {
        let waiting = std::mem::take(&mut self.table().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Waits until `done` holds; looks each time something ends.
    pub(crate) async fn wait_until(&self, done: impl Fn() -> bool) {
        let look = std::future::poll_fn(|task| {
            if done() {
                return Poll::Ready(());
            }
            let mut table = self.table();
            if !table.waiting.iter().any(|known| known.will_wake(task.waker())) {
                table.waiting.push(task.waker().clone());
            }
            drop(table);
            // Something may have ended between the look and the push.
            if done() { Poll::Ready(()) } else { Poll::Pending }
        });
        pin!(look).await;
    }
}
