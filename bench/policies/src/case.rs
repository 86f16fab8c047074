//! One measured call of one library, and how it is timed.

use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use bench_common::allocations;
use tokio::runtime::{Builder, Runtime};

use crate::workload::Kind;

/// Calls for which allocations are counted.
const COUNTED_CALLS: u64 = 1_000;

/// The error of the protected operation.
#[derive(Clone, Copy, Debug)]
pub struct Failure;

/// The protected operation.
pub fn succeed() -> Result<u64, Failure> {
    black_box(Ok(1))
}

/// The protected operation as a future that is ready at once.
pub async fn succeed_async() -> Result<u64, Failure> {
    succeed()
}

type Run = Box<dyn Fn(&Runtime, u64) -> u64 + Send + Sync>;

pub struct Case {
    pub kind: Kind,
    pub library: &'static str,
    /// Makes so many calls and returns how many ended as the case expects.
    run: Run,
}

impl Case {
    /// `call` returns whether the call ended as expected.
    pub fn sync(
        kind: Kind,
        library: &'static str,
        call: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let run = move |_: &Runtime, calls| (0..calls).filter(|_| black_box(call())).count() as u64;
        Self { kind, library, run: Box::new(run) }
    }

    /// `start` makes what one thread calls.
    pub fn future<C: AsyncFnMut() -> bool>(
        kind: Kind,
        library: &'static str,
        start: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        let run = move |runtime: &Runtime, calls| {
            runtime.block_on(async {
                let mut call = start();
                let mut expected = 0;
                for _ in 0..calls {
                    expected += u64::from(black_box(call().await));
                }
                expected
            })
        };
        Self { kind, library, run: Box::new(run) }
    }

    /// How many calls each of the threads makes in about `budget`.
    pub fn calls_within(&self, threads: usize, budget: Duration) -> u64 {
        let mut calls = 1;
        loop {
            let took = self.timed_together(threads, calls);
            if took * 10 > budget {
                let calls = calls as f64 * budget.as_secs_f64() / took.as_secs_f64();
                return calls.ceil() as u64;
            }
            calls *= 2;
        }
    }

    /// Nanoseconds that one thread waits for each of its calls, with all calling at the same time.
    pub fn sample(&self, threads: usize, calls: u64) -> f64 {
        self.timed_together(threads, calls).as_nanos() as f64 / calls as f64
    }

    /// Heap allocations per call in the steady state.
    pub fn allocations(&self) -> f64 {
        let runtime = runtime();
        self.timed(&runtime, COUNTED_CALLS);
        let outside = runtime_for_counting();
        let counted = outside.block_on(allocations::count(async {
            thread::scope(|scope| {
                let thread = scope.spawn(|| self.timed(&runtime, COUNTED_CALLS));
                thread.join().expect("a call ends as expected");
            });
        }));
        counted as f64 / COUNTED_CALLS as f64
    }

    fn timed_together(&self, threads: usize, calls: u64) -> Duration {
        let start = Barrier::new(threads);
        let timed = || {
            let runtime = runtime();
            self.timed(&runtime, calls.div_ceil(10));
            start.wait();
            self.timed(&runtime, calls)
        };
        let took = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(timed)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a call ends as expected")).max()
        });
        took.expect("at least one thread")
    }

    fn timed(&self, runtime: &Runtime, calls: u64) -> Duration {
        let started = Instant::now();
        let expected = (self.run)(runtime, calls);
        let took = started.elapsed();
        assert_eq!(expected, calls, "{}: a call did not end as expected", self.library);
        took
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime starts")
}

fn runtime_for_counting() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime starts")
}
