//! Opening ten times as many events as everywhere else.

use anyhow::{Result, ensure};

use crate::{
    bulk::BATCH,
    crash,
    event::{Checksum, Event},
    generator::Generator,
    journal::{Mode, Peer},
    sample::{Numbers, Setting, progress},
    workload::Workload,
};

/// How many batches go by between two lines of progress.
const REPORTED: usize = 1_000;

pub fn sample(peer: &Peer, setting: &Setting) -> Result<Numbers> {
    if !setting.wants(Workload::ReopenTenMillion) {
        return Ok(Numbers::new());
    }
    let dir = setting.path("large");
    let batches = setting.count(100, 10_000);
    let mut generator = Generator::new(setting.seed);
    let mut whole = Checksum::default();
    let journal = (peer.open)(&dir, Mode::Relaxed)?;
    for number in 0..batches {
        if number % REPORTED == 0 {
            progress(peer.name, &format!("{} of {} events", number * BATCH, batches * BATCH));
        }
        let batch: Vec<Event> = generator.by_ref().take(BATCH).collect();
        batch.iter().for_each(|event| whole.add(event.borrow()));
        journal.append(&batch)?;
    }
    journal.sync()?;
    journal.close()?;

    progress(peer.name, "opening again");
    let (journal, clean) = peer.open_timed(&dir, Mode::Durable)?;
    let mut count = 0;
    journal.replay(&mut |_| count += 1)?;
    journal.close()?;
    ensure!(count == whole.count, "{count} events of {}", whole.count);
    progress(peer.name, "killing a process that appends");
    let outcome = crash::run(peer, &dir, whole, setting.life())?;
    Ok(vec![
        ("reopen-clean-10m", clean),
        ("reopen-killed-10m", outcome.millis),
        ("reopen-killed-10m-acknowledged", outcome.acknowledged as f64),
    ])
}
