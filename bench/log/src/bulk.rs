//! Many events: appends by the thousand, scans, look-ups, space, and opening after a close and a kill.

use std::{
    collections::HashMap,
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{
    crash,
    event::{Checksum, Event, Glance, Id},
    generator::Generator,
    journal::{Journal, Mode, Peer, Task},
    sample::{Numbers, Setting, progress},
    size,
    workload::Workload,
};

/// Events of one call.
pub const BATCH: usize = 1_000;
/// How many actors and correlation ids are looked up.
const LOOKUPS: usize = 5;
/// How often each read is made.
const TIMES: usize = 3;

pub fn sample(peer: &Peer, setting: &Setting) -> Result<Numbers> {
    let wants = |workloads: &[Workload]| workloads.iter().any(|one| setting.wants(*one));
    let scans = wants(&[Workload::ScanBorrowed, Workload::ScanTyped]);
    let rest = wants(&[
        Workload::RelaxedBatch,
        Workload::ScanSealed,
        Workload::ActorHistory,
        Workload::Correlation,
        Workload::BytesPerEvent,
        Workload::ReopenClean,
        Workload::ReopenKilled,
    ]);
    let mut numbers = Numbers::new();
    if !scans && !rest {
        return Ok(numbers);
    }
    let count = setting.count(20_000, 1_000_000);
    let events: Vec<Event> = Generator::new(setting.seed).take(count).collect();
    let seals = peer.tasks.contains(&Task::Seals);
    if scans && seals {
        let dir = setting.path("unsealed");
        progress(peer.name, &format!("appending {count} events, to be scanned unsealed"));
        let journal = (peer.open)(&dir, Mode::Unsealed)?;
        fill(&*journal, &events)?;
        scan(&*journal, &events, setting, &mut numbers)?;
        journal.close()?;
        fs::remove_dir_all(dir)?;
    }
    if !rest && seals {
        return Ok(numbers);
    }
    let dir = setting.path("bulk");
    progress(peer.name, &format!("appending {count} events"));
    let journal = (peer.open)(&dir, Mode::Relaxed)?;
    let took = fill(&*journal, &events)?;
    if setting.wants(Workload::RelaxedBatch) {
        numbers.push(("relaxed-batch", took.as_secs_f64() * 1e6 / count as f64));
    }
    if rest {
        progress(peer.name, "settling");
        journal.settle()?;
    }
    journal.close()?;
    at_rest(peer, &dir, setting, &events, &mut numbers)?;
    Ok(numbers)
}

/// Appends the events by the thousand and syncs at the end.
fn fill(journal: &dyn Journal, events: &[Event]) -> Result<Duration> {
    let start = Instant::now();
    events.chunks(BATCH).try_for_each(|batch| journal.append(batch))?;
    journal.sync()?;
    Ok(start.elapsed())
}

/// Everything about a log that has been filled and closed.
fn at_rest(
    peer: &Peer,
    dir: &Path,
    setting: &Setting,
    events: &[Event],
    numbers: &mut Numbers,
) -> Result<()> {
    if setting.wants(Workload::BytesPerEvent) {
        let reserved = (peer.reserved)(dir)?;
        let bytes = size::allocated(dir)? - reserved;
        numbers.push(("bytes-per-event", bytes as f64 / events.len() as f64));
        numbers.push(("bytes-reserved", reserved as f64 / 1e6));
    }
    let (journal, millis) = peer.open_timed(dir, Mode::Durable)?;
    if setting.wants(Workload::ReopenClean) {
        numbers.push(("reopen-clean", millis));
    }
    progress(peer.name, "reading");
    let whole = Checksum::of(events);
    let mut found = Checksum::default();
    journal.replay(&mut |event| found.add(event))?;
    ensure!(found == whole, "read {} events of {}, or other ones", found.count, whole.count);
    if peer.tasks.contains(&Task::Seals) {
        if setting.wants(Workload::ScanSealed) {
            numbers.push(("scan-sealed", scan_rate(&*journal, events, false)?));
        }
    } else {
        scan(&*journal, events, setting, numbers)?;
    }
    if setting.wants(Workload::ActorHistory) {
        numbers.push(("actor-history", actor_history(&*journal, events)?));
    }
    if setting.wants(Workload::Correlation) {
        numbers.push(("correlation", correlation(&*journal, events)?));
    }
    journal.close()?;
    if setting.wants(Workload::ReopenKilled) {
        progress(peer.name, "killing a process that appends");
        let outcome = crash::run(peer, dir, whole, setting.life())?;
        numbers.push(("reopen-killed", outcome.millis));
        numbers.push(("reopen-killed-acknowledged", outcome.acknowledged as f64));
    }
    Ok(())
}

fn scan(
    journal: &dyn Journal,
    events: &[Event],
    setting: &Setting,
    numbers: &mut Numbers,
) -> Result<()> {
    if setting.wants(Workload::ScanBorrowed) {
        numbers.push(("scan-borrowed", scan_rate(journal, events, false)?));
    }
    if setting.wants(Workload::ScanTyped) {
        numbers.push(("scan-typed", scan_rate(journal, events, true)?));
    }
    Ok(())
}

/// Events a second, the best of several scans; every one is checked.
fn scan_rate(journal: &dyn Journal, events: &[Event], owned: bool) -> Result<f64> {
    let expected = Glance::of(events);
    let mut best = Duration::MAX;
    for _ in 0..TIMES {
        let mut found = Glance::default();
        let start = Instant::now();
        if owned {
            // Nobody may see that the event is not kept, and leave its text out.
            journal.replay(&mut |event| found.add(black_box(event.to_owned()).borrow()))?;
        } else {
            journal.replay(&mut |event| found.add(event))?;
        }
        best = best.min(start.elapsed());
        ensure!(found == expected, "scanned {} events, or other ones", found.count);
    }
    Ok(events.len() as f64 / best.as_secs_f64())
}

/// Milliseconds to read what an actor of average popularity has.
fn actor_history(journal: &dyn Journal, events: &[Event]) -> Result<f64> {
    let mut popularity = HashMap::<&str, usize>::new();
    for event in events {
        *popularity.entry(&event.actor).or_default() += 1;
    }
    let average = events.len() / popularity.len();
    let mut actors: Vec<(&str, usize)> = popularity.into_iter().collect();
    actors.sort_by_key(|(actor, count)| (count.abs_diff(average), *actor));
    let actors = actors.into_iter().take(LOOKUPS);
    let actors: Vec<(&str, Checksum)> =
        actors.map(|(actor, _)| (actor, of(events, |event| &*event.actor == actor))).collect();
    median(&actors, |actor, found| journal.by_actor(actor, &mut |event| found.add(event)))
}

/// Milliseconds to read what belongs to one correlation id.
fn correlation(journal: &dyn Journal, events: &[Event]) -> Result<f64> {
    // From the middle of the log, so that all of their events are in it.
    let middle = events.iter().skip(events.len() / 2).step_by(events.len() / 100);
    let ids: Vec<(Id, Checksum)> = middle
        .take(LOOKUPS)
        .map(|event| event.correlation)
        .map(|id| (id, of(events, |event| event.correlation == id)))
        .collect();
    median(&ids, |id, found| journal.by_correlation(*id, &mut |event| found.add(event)))
}

fn of(events: &[Event], matches: impl Fn(&Event) -> bool) -> Checksum {
    Checksum::of(events.iter().filter(|event| matches(event)))
}

/// The median over the keys of the best of several look-ups each, which are checked.
fn median<T>(
    keys: &[(T, Checksum)],
    lookup: impl Fn(&T, &mut Checksum) -> Result<()>,
) -> Result<f64> {
    let mut times = Vec::new();
    for (key, expected) in keys {
        let mut best = Duration::MAX;
        for _ in 0..TIMES {
            let mut found = Checksum::default();
            let start = Instant::now();
            lookup(key, &mut found)?;
            best = best.min(start.elapsed());
            ensure!(found == *expected, "found {} events of {}", found.count, expected.count);
        }
        times.push(best.as_secs_f64() * 1e3);
    }
    Ok(bench_common::median(times.into_iter()))
}
