//! Appends that are acknowledged once they are on the disk.

use std::{slice, sync::Arc, time::Duration};

use anyhow::{Result, ensure};

use crate::{
    event::{Event, Tally},
    generator::Generator,
    group::GroupCommit,
    journal::{Journal, Mode},
    os,
    peers::Entry,
    race::{Race, Raced},
    sample::{Numbers, Setting},
    workload::Workload,
};

/// One number of writers.
struct Run {
    workload: Workload,
    writers: usize,
    /// More events than are appended in one turn.
    events: usize,
    figures: [&'static str; 5],
}

const RUNS: [Run; 3] = [
    Run {
        workload: Workload::Durable1,
        writers: 1,
        events: 10_000,
        figures: [
            "durable-1",
            "durable-1-p50",
            "durable-1-p99",
            "durable-1-syncs",
            "durable-1-group",
        ],
    },
    Run {
        workload: Workload::Durable64,
        writers: 64,
        events: 100_000,
        figures: [
            "durable-64",
            "durable-64-p50",
            "durable-64-p99",
            "durable-64-syncs",
            "durable-64-group",
        ],
    },
    Run {
        workload: Workload::Durable1024,
        writers: 1_024,
        events: 400_000,
        figures: [
            "durable-1024",
            "durable-1024-p50",
            "durable-1024-p99",
            "durable-1024-syncs",
            "durable-1024-group",
        ],
    },
];

/// Appended before anything is timed.
const WARM_UP: usize = 50;

/// Each number of writers that is wanted, on one log that is opened again and checked at the end.
pub fn sample(entry: &Entry, setting: &Setting) -> Result<Numbers> {
    let runs: Vec<&Run> = RUNS.iter().filter(|run| setting.wants(run.workload)).collect();
    if runs.is_empty() {
        return Ok(Numbers::new());
    }
    let dir = setting.path("durable");
    let mut generator = Generator::new(setting.seed);
    let journal = (entry.peer.open)(&dir, Mode::Durable)?;
    let first: Vec<Event> = generator.by_ref().take(WARM_UP).collect();
    first.iter().try_for_each(|event| journal.append(slice::from_ref(event)))?;
    let mut appended = Tally::of(&first);
    let mut numbers = Numbers::new();
    for run in runs {
        let count = setting.count(run.events / 10, run.events);
        let events: Arc<[Event]> = generator.by_ref().take(count).collect();
        let race = Race::new(events, setting.millis(100, 1_000));
        let before = syncs(&*journal);
        let mut raced = write(entry, &*journal, run.writers, &race)?;
        let syncs = (syncs(&*journal) - before) as f64;
        ensure!(raced.each.len() == race.taken().len(), "not every append was acknowledged");
        race.taken().iter().for_each(|event| appended.add(event.borrow()));
        let count = raced.each.len() as f64;
        raced.each.sort_unstable();
        let values = [
            count / raced.wall.as_secs_f64(),
            quantile(&raced.each, 0.5),
            quantile(&raced.each, 0.99),
            syncs / count,
            count / syncs.max(1.0),
        ];
        numbers.extend(run.figures.into_iter().zip(values));
    }
    journal.close()?;
    let journal = (entry.peer.open)(&dir, Mode::Durable)?;
    let mut found = Tally::default();
    journal.replay(&mut |event| found.add(event))?;
    ensure!(found == appended, "{} events acknowledged, {} found", appended.count, found.count);
    journal.close()?;
    Ok(numbers)
}

fn write(entry: &Entry, journal: &dyn Journal, writers: usize, race: &Arc<Race>) -> Result<Raced> {
    if entry.grouped {
        let group = GroupCommit::new(journal);
        race.on_threads(writers, &|event| group.append(event.clone()))
    } else {
        journal.race(writers, race)
    }
}

/// As the library counts them, or else all calls of this process.
fn syncs(journal: &dyn Journal) -> u64 {
    journal.syncs().unwrap_or_else(os::syncs)
}

/// The microseconds that a share of the sorted durations stays within.
pub fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share) as usize;
    let at = sorted.get(rank.min(sorted.len().saturating_sub(1)));
    at.map_or(0.0, |duration| duration.as_secs_f64() * 1e6)
}
