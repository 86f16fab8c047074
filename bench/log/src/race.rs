//! Writers that append side by side until their time or their events are over.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::event::Event;

/// The events that the writers share, and for how long they write.
#[derive(Debug)]
pub struct Race {
    events: Arc<[Event]>,
    next: AtomicUsize,
    turn: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Raced {
    pub wall: Duration,
    /// From the call to the acknowledgement, of each event.
    pub each: Vec<Duration>,
}

impl Race {
    pub fn new(events: Arc<[Event]>, turn: Duration) -> Arc<Self> {
        Arc::new(Self { events, next: AtomicUsize::new(0), turn })
    }

    /// The next event, if there still is one.
    pub fn next(&self, start: Instant) -> Option<&Event> {
        if start.elapsed() >= self.turn {
            return None;
        }
        self.events.get(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The events that were handed out.
    pub fn taken(&self) -> &[Event] {
        let count = self.next.load(Ordering::Relaxed).min(self.events.len());
        &self.events[..count]
    }

    /// Runs the race with a thread for each writer.
    pub fn on_threads(
        &self,
        writers: usize,
        append: &(dyn Fn(&Event) -> Result<()> + Sync),
    ) -> Result<Raced> {
        let barrier = Barrier::new(writers + 1);
        let write = || {
            barrier.wait();
            let start = Instant::now();
            let mut each = Vec::new();
            while let Some(event) = self.next(start) {
                let begin = Instant::now();
                append(event)?;
                each.push(begin.elapsed());
            }
            Ok(each)
        };
        thread::scope(|scope| {
            let writers: Vec<_> = (0..writers).map(|_| scope.spawn(write)).collect();
            barrier.wait();
            let start = Instant::now();
            let each = writers.into_iter().map(|writer| writer.join().expect("no writer panics"));
            let each: Vec<Vec<Duration>> = each.collect::<Result<_>>()?;
            Ok(Raced { wall: start.elapsed(), each: each.concat() })
        })
    }
}
