//! What a library has to offer. The workloads are written once over [`Peer`];
//! the small state machines here are shared so that every library runs the
//! same logic.

use std::{future::Future, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::JoinHandle,
};

use crate::workload::Workload;

/// Capacity of every bounded mailbox.
pub const CAPACITY: usize = 1024;

/// What a poisoned actor panics with; such panics are not printed.
pub const POISONED: &str = "poisoned";

/// Held in an actor's state: the receiving half sees the end of the channel
/// once every actor is gone.
pub type Guard = mpsc::Sender<()>;

#[derive(Clone, Copy, Debug)]
pub enum Flavor {
    /// Multi-thread runtime with two workers.
    TwoWorkers,
    CurrentThread,
}

impl Flavor {
    pub fn runtime(self) -> Runtime {
        let mut builder = match self {
            Flavor::TwoWorkers => Builder::new_multi_thread(),
            Flavor::CurrentThread => Builder::new_current_thread(),
        };
        builder.worker_threads(2).enable_all().build().expect("runtime starts")
    }
}

pub trait Peer: Clone + Send + Sync + 'static {
    /// Handle to an actor that owns a [`Tally`].
    type Counter: Clone + Send + Sync + 'static;

    /// Why the library cannot run `workload`, if it cannot.
    fn gap(_workload: Workload) -> Option<&'static str> {
        None
    }

    /// Runs `main` as a task of the runtime that users of the library start.
    fn block_on<T: Send + 'static>(
        flavor: Flavor,
        main: impl Future<Output = T> + Send + 'static,
    ) -> T {
        flavor
            .runtime()
            .block_on(async { Self::spawn_task(main).await.expect("the workload does not panic") })
    }

    /// Starts a task that is no actor.
    fn spawn_task<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        tokio::spawn(task)
    }

    fn spawn(&self, tally: Tally) -> impl Future<Output = Self::Counter> + Send;

    /// Starts the actor as a dynamic child of a supervisor; only steadfast is asked to.
    fn spawn_supervised(&self, _tally: Tally) -> impl Future<Output = Self::Counter> + Send {
        async { unreachable!("only steadfast is asked for this workload") }
    }

    /// Adds `n` without waiting for a reply.
    fn tell(counter: &Self::Counter, n: u64) -> impl Future<Output = ()> + Send;

    /// Adds `n` and waits for the sum.
    fn ask(counter: &Self::Counter, n: u64) -> impl Future<Output = u64> + Send;

    /// Stops the actor of the last handle: by dropping it where that stops the
    /// actor, else by the library's stop call.
    fn stop(counter: Self::Counter) -> impl Future<Output = ()> + Send {
        async { drop(counter) }
    }

    /// Stops an actor that `spawn_supervised` started.
    fn stop_supervised(&self, counter: Self::Counter) -> impl Future<Output = ()> + Send {
        Self::stop(counter)
    }

    /// Two actors hit a ball to and fro by the rules of `rally`.
    fn ping_pong(&self, rally: Rally) -> impl Future<Output = ()> + Send;

    /// Builds the skynet tree of `span` under `root`.
    fn skynet(
        &self,
        root: mpsc::UnboundedSender<u64>,
        span: Span,
    ) -> impl Future<Output = ()> + Send;

    /// Poisons a supervised counter `times` times, each time waiting until the
    /// restarted one answers an ask. Returns how often it answered from a fresh
    /// state.
    fn restarts(&self, _tally: Tally, _times: u64) -> impl Future<Output = u64> + Send {
        async { unreachable!("gap() excludes this workload") }
    }

    /// How long each of `rounds` requests on the control lane took from the call until the actor
    /// ran it, with `waiting` user messages in the mailbox all the while; only steadfast is asked
    /// to.
    fn control_delays(
        &self,
        _waiting: u64,
        _rounds: u64,
    ) -> impl Future<Output = Vec<Duration>> + Send {
        async { unreachable!("only steadfast is asked for this workload") }
    }
}

/// State of the counting actor.
#[derive(Clone)]
pub struct Tally {
    sum: u64,
    _guard: Guard,
}

impl Tally {
    pub fn new(guard: Guard) -> Self {
        Self { sum: 0, _guard: guard }
    }

    pub fn add(&mut self, n: u64) -> u64 {
        self.sum += n;
        self.sum
    }
}

/// Rules of a ping-pong game; both players hold them.
#[derive(Clone)]
pub struct Rally {
    limit: u64,
    done: mpsc::UnboundedSender<u64>,
}

impl Rally {
    pub fn new(limit: u64, done: mpsc::UnboundedSender<u64>) -> Self {
        Self { limit, done }
    }

    /// The ball to hit back, or `None` when the game is over.
    pub fn hit(&self, hops: u64) -> Option<u64> {
        if hops < self.limit {
            return Some(hops + 1);
        }
        self.done.send(hops).expect("the workload waits");
        None
    }
}

/// The leaves a skynet node is responsible for.
#[derive(Clone, Copy)]
pub struct Span {
    pub first: u64,
    pub leaves: u64,
}

impl Span {
    pub const FAN_OUT: u64 = 10;

    pub fn is_leaf(self) -> bool {
        self.leaves == 1
    }

    pub fn children(self) -> impl Iterator<Item = Span> + Send {
        let leaves = self.leaves / Self::FAN_OUT;
        (0..Self::FAN_OUT).map(move |i| Span { first: self.first + i * leaves, leaves })
    }
}

/// Where a skynet node reports its sum.
#[derive(Clone)]
pub enum Parent<T> {
    Root(mpsc::UnboundedSender<u64>),
    Node(T),
}

/// Collects the children's sums of one skynet node.
pub struct Gather {
    missing: u64,
    sum: u64,
}

impl Gather {
    pub fn new() -> Self {
        Self { missing: Span::FAN_OUT, sum: 0 }
    }

    /// The node's own sum once every child has reported.
    pub fn add(&mut self, sum: u64) -> Option<u64> {
        self.missing -= 1;
        self.sum += sum;
        (self.missing == 0).then_some(self.sum)
    }
}
