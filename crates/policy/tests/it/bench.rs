//! What the tests share: virtual time, an executor for it, calls that fail as they are told.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use steadfast_base::{MemorySink, OwnedEvent, VirtualClock};
use steadfast_policy::{Bare, Pipeline, PipelineBuilder};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Polls a future once.
pub(crate) fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Virtual time and a sink.
pub(crate) struct Bench {
    pub(crate) clock: VirtualClock,
    pub(crate) sink: Arc<MemorySink>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { clock: VirtualClock::new(), sink: Arc::new(MemorySink::new(1_000)) }
    }

    pub(crate) fn builder(&self) -> PipelineBuilder<Bare> {
        let sink = Arc::<MemorySink>::clone(&self.sink);
        Pipeline::builder().name("bench").time(self.clock.time()).sink(sink)
    }

    /// Polls a future to its end, letting time pass to the next timer whenever it is pending.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = poll(future.as_mut()) {
                return output;
            }
            assert!(
                self.clock.advance_to_next(),
                "the future waits for something that is not time"
            );
        }
    }

    /// Milliseconds since the start.
    pub(crate) fn elapsed(&self) -> u64 {
        self.clock.time().now().as_nanos() / 1_000_000
    }

    pub(crate) fn named(&self, name: &str) -> Vec<OwnedEvent> {
        self.sink.events().into_iter().filter(|event| event.name == name).collect()
    }
}

/// A call that gives results in turn, the last one over and over, and counts how often it is made.
pub(crate) struct Script<T: Copy> {
    results: Vec<Result<T, &'static str>>,
    pub(crate) calls: Cell<usize>,
}

impl<T: Copy> Script<T> {
    pub(crate) fn new(results: &[Result<T, &'static str>]) -> Self {
        Self { results: results.to_vec(), calls: Cell::new(0) }
    }

    pub(crate) fn next(&self) -> Result<T, &'static str> {
        let made = self.calls.get();
        self.calls.set(made + 1);
        let result = self.results.get(made).or(self.results.last());
        *result.expect("a script has at least one result")
    }
}
