//! A log in memory that fails as told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use steadfast_base::Time;
use steadfast_eventlog::{
    ActorExtent, ActorName, Append, AppendError, Appending, Cause, Epoch, EventStore, Events,
    LogExtent, MemoryStore, Pin, Position, Query, ReadError, Retention, Retired, Seq, Statistics,
    StoreError, Subscription, VerifyReport,
};

/// What the next appends come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Goes well.
    None,
    /// Nothing is stored, and the log says so.
    Unavailable,
    /// Nobody knows; it is not stored.
    UnknownLost,
    /// Nobody knows; it is stored.
    UnknownStored,
    /// Another writer has taken over.
    Fenced,
}

#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryStore,
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    pub(crate) poisoned: std::sync::atomic::AtomicBool,
    /// Appends wait for a permit, where there is a gate.
    pub(crate) gate: Mutex<Option<Arc<Semaphore>>>,
    /// Looks at actors wait for a permit, where there is a gate.
    pub(crate) read_gate: Mutex<Option<Arc<Semaphore>>>,
    pub(crate) appends: AtomicU64,
    pub(crate) steps: Arc<Steps>,
}

impl Faulty {
    pub(crate) fn new(time: Time) -> Arc<Self> {
        Self::over(MemoryStore::new(time))
    }

    pub(crate) fn over(inner: MemoryStore) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults: Mutex::default(),
            poisoned: false.into(),
            gate: Mutex::default(),
            read_gate: Mutex::default(),
            appends: AtomicU64::new(0),
            steps: Arc::default(),
        })
    }

    pub(crate) fn fail_next(&self, fault: Fault) {
        self.faults.lock().expect("no test panics with the lock").push_back(fault);
    }

    /// Holds appends back until the answer gets permits.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().expect("no test panics with the lock") = Some(Arc::clone(&gate));
        gate
    }

    /// Holds recoveries back until the answer gets permits.
    pub(crate) fn hold_reads(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.read_gate.lock().expect("no test panics with the lock") = Some(Arc::clone(&gate));
        gate
    }
}

/// What was done, in order, and which step is to fail.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: Mutex<Vec<String>>,
    /// The number of the step that fails, from 1; 0 for none.
    pub(crate) failing: AtomicU64,
}

impl Steps {
    pub(crate) fn take(&self, step: String) -> Result<(), Cause> {
        let mut taken = self.taken.lock().expect("no test panics with the lock");
        taken.push(step);
        if taken.len() as u64 == self.failing.load(Ordering::Relaxed) {
            Err(cause())
        } else {
            Ok(())
        }
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("no test panics with the lock").clone()
    }
}

fn cause() -> Cause {
    Arc::new(std::io::Error::other("told to"))
}

#[async_trait]
impl EventStore for Faulty {
    fn append(&self, append: Append) -> Appending {
        self.appends.fetch_add(1, Ordering::Relaxed);
        if self.poisoned.load(Ordering::Relaxed) {
            let (cause, events) = (cause(), append.events);
            return Appending::ready(Err(AppendError::Poisoned { cause, events }));
        }
        let fault = self.faults.lock().expect("no test panics with the lock").pop_front();
        let (cause, events) = (cause(), append.events.clone());
        let answer = match fault.unwrap_or(Fault::None) {
            Fault::None => self.inner.append(append),
            Fault::Unavailable => Appending::ready(Err(AppendError::Unavailable { cause, events })),
            Fault::Fenced => {
                let current = Epoch::new(2);
                Appending::ready(Err(AppendError::Fenced { current, events }))
            }
            fault => {
                if fault == Fault::UnknownStored {
                    self.inner.append(append).wait().expect("a log in memory takes it");
                }
                self.poisoned.store(true, Ordering::Relaxed);
                Appending::ready(Err(AppendError::CommitUnknown { cause, events }))
            }
        };
        let gate = self.gate.lock().expect("no test panics with the lock").clone();
        match gate {
            None => answer,
            Some(gate) => Appending::boxed(async move {
                gate.acquire().await.expect("nobody closes it").forget();
                answer.await
            }),
        }
    }

    fn read(&self, query: Query) -> Events {
        self.inner.read(query)
    }

    fn subscribe(&self, after: Position, query: Query) -> Subscription {
        self.inner.subscribe(after, query)
    }

    async fn actor(&self, actor: &ActorName) -> Result<ActorExtent, ReadError> {
        let gate = self.read_gate.lock().expect("no test panics with the lock").clone();
        if let Some(gate) = gate {
            gate.acquire().await.expect("nobody closes it").forget();
        }
        self.inner.actor(actor).await
    }

    async fn extent(&self) -> Result<LogExtent, ReadError> {
        self.inner.extent().await
    }

    async fn delete_to(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        self.steps.take(format!("delete events to {to}")).map_err(StoreError::Unavailable)?;
        self.inner.delete_to(actor, to).await
    }

    async fn release(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        self.steps.take(format!("release events to {to}")).map_err(StoreError::Unavailable)?;
        self.inner.release(actor, to).await
    }

    async fn retain(&self, policy: &Retention) -> Result<Retired, StoreError> {
        self.inner.retain(policy).await
    }

    async fn pinned(&self) -> Result<Vec<Pin>, ReadError> {
        self.inner.pinned().await
    }

    async fn verify(&self) -> Result<VerifyReport, ReadError> {
        self.inner.verify().await
    }

    async fn statistics(&self) -> Result<Statistics, ReadError> {
        self.inner.statistics().await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
