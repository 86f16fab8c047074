//! Group commit for libraries that leave it to the caller: a writer that finds no other at work leads, and
//! appends everything that has gathered meanwhile as one unit.
//!
//! The next leader is woken first, so that the disk is at work again while the others wake up.

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    thread::{self, Thread},
};

use anyhow::{Result, bail};

use crate::{event::Event, journal::Journal};

pub struct GroupCommit<'a> {
    journal: &'a dyn Journal,
    gathering: Mutex<Gathering>,
}

#[derive(Default)]
struct Gathering {
    led: bool,
    events: Vec<Event>,
    writers: Vec<Arc<Writer>>,
}

struct Writer {
    thread: Thread,
    state: AtomicU8,
}

const WAITING: u8 = 0;
const LEADING: u8 = 1;
const DONE: u8 = 2;
const FAILED: u8 = 3;

impl Writer {
    fn wake(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        self.thread.unpark();
    }
}

impl<'a> GroupCommit<'a> {
    pub fn new(journal: &'a dyn Journal) -> Self {
        Self { journal, gathering: Mutex::default() }
    }

    /// Returns once the event is as durable as the journal makes it.
    pub fn append(&self, event: Event) -> Result<()> {
        let writer = {
            let mut gathering = self.gathering.lock().expect("no writer panics");
            let state = if gathering.led { WAITING } else { LEADING };
            let writer =
                Arc::new(Writer { thread: thread::current(), state: AtomicU8::new(state) });
            gathering.led = true;
            gathering.events.push(event);
            gathering.writers.push(Arc::clone(&writer));
            writer
        };
        loop {
            match writer.state.load(Ordering::Acquire) {
                WAITING => thread::park(),
                LEADING => return self.lead(),
                DONE => return Ok(()),
                _ => bail!("the append of the group failed"),
            }
        }
    }

    /// Appends what has gathered, the leader's own event among it, and hands the lead on.
    fn lead(&self) -> Result<()> {
        let (events, writers) = {
            let mut gathering = self.gathering.lock().expect("no writer panics");
            (mem::take(&mut gathering.events), mem::take(&mut gathering.writers))
        };
        let appended = self.journal.append(&events);
        {
            let mut gathering = self.gathering.lock().expect("no writer panics");
            match gathering.writers.first() {
                Some(next) => next.wake(LEADING),
                None => gathering.led = false,
            }
        }
        let state = if appended.is_ok() { DONE } else { FAILED };
        // The first of them is the leader itself.
        writers.iter().skip(1).for_each(|writer| writer.wake(state));
        appended
    }
}
