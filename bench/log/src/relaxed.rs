//! Appends of one event a call that do not wait for the disk.

use std::{
    path::Path,
    slice,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{
    event::{Checksum, Event},
    generator::Generator,
    journal::{Journal, Mode, Peer},
    sample::{Numbers, Setting},
    workload::Workload,
};

/// Slow libraries append fewer events.
const TURN: Duration = Duration::from_secs(5);

pub fn sample(peer: &Peer, setting: &Setting) -> Result<Numbers> {
    let mut numbers = Numbers::new();
    let single = setting.wants(Workload::RelaxedSingle);
    let pipelined = setting.wants(Workload::RelaxedPipelined);
    if !single && !pipelined {
        return Ok(numbers);
    }
    let count = setting.count(10_000, 200_000);
    let events: Vec<Event> = Generator::new(setting.seed).take(count).collect();
    if single {
        let took = micros(peer, &setting.path("single"), &events, one_by_one)?;
        numbers.push(("relaxed-single", took));
    }
    if pipelined {
        let took = micros(peer, &setting.path("pipelined"), &events, |journal, events| {
            journal.pipeline(events)?;
            Ok(events.len())
        })?;
        numbers.push(("relaxed-pipelined", took));
    }
    Ok(numbers)
}

/// Microseconds per event, with a sync at the end.
fn micros(
    peer: &Peer,
    dir: &Path,
    events: &[Event],
    append: impl FnOnce(&dyn Journal, &[Event]) -> Result<usize>,
) -> Result<f64> {
    let journal = (peer.open)(dir, Mode::Relaxed)?;
    let start = Instant::now();
    let appended = append(&*journal, events)?;
    journal.sync()?;
    let took = start.elapsed();
    let mut found = Checksum::default();
    journal.replay(&mut |event| found.add(event))?;
    ensure!(found == Checksum::of(&events[..appended]), "{} of {appended} events", found.count);
    journal.close()?;
    Ok(took.as_secs_f64() * 1e6 / appended as f64)
}

fn one_by_one(journal: &dyn Journal, events: &[Event]) -> Result<usize> {
    let start = Instant::now();
    for (number, event) in events.iter().enumerate() {
        if number % 64 == 0 && start.elapsed() > TURN {
            return Ok(number);
        }
        journal.append(slice::from_ref(event))?;
    }
    Ok(events.len())
}
