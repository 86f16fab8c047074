//! A child process appends until it is killed; every event it acknowledged has to be there.
//!
//! A kill leaves the page cache be: it shows what a library makes of a torn end, not that it syncs.

use std::{
    collections::HashMap,
    env,
    io::{Read, Write, stdout},
    path::Path,
    process::{Child, Command, Stdio},
    slice,
    sync::Mutex,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{
    event::{Checksum, Event, fingerprint},
    generator::Generator,
    journal::{Mode, Peer},
};

const WRITERS: usize = 8;
/// The child's events are not those the log already holds.
const SEED: u64 = 0xc4a5_4ed0;
/// More than the child appends in its life.
const EVENTS: usize = 500_000;
/// What the child is told to do; its library and directory follow.
pub const COMMAND: &str = "--append-until-killed";

/// What a kill left.
#[derive(Debug)]
pub struct Outcome {
    /// Milliseconds to open the log again.
    pub millis: f64,
    /// Events that the child acknowledged; all of them are there.
    pub acknowledged: usize,
}

/// Appends, acknowledging each event by its number on standard output, until killed.
pub fn child(peer: &Peer, dir: &Path) -> Result<()> {
    let journal = (peer.open)(dir, Mode::Durable)?;
    let events = Mutex::new(Generator::new(SEED).take(EVENTS).enumerate());
    let write = || -> Result<()> {
        loop {
            let next = events.lock().expect("no writer panics").next();
            let Some((number, event)) = next else {
                return Ok(());
            };
            journal.append(slice::from_ref(&event))?;
            // Fails once nobody listens any more: the child does not outlive its parent for long.
            let mut out = stdout().lock();
            out.write_all(&u32::try_from(number)?.to_le_bytes())?;
            out.flush()?;
        }
    };
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(write)).collect();
        writers.into_iter().try_for_each(|writer| writer.join().expect("no writer panics"))
    })
}

/// Lets a child append to the log, kills it, and looks for what it acknowledged.
pub fn run(peer: &Peer, dir: &Path, before: Checksum, life: Duration) -> Result<Outcome> {
    let acknowledged = kill_a_writer(peer, dir, life)?;
    let (journal, millis) = peer.open_timed(dir, Mode::Durable)?;
    // A few more than were acknowledged may have been stored.
    let written: Vec<Event> = Generator::new(SEED).take(acknowledged.len() + 10_000).collect();
    let mut missing: HashMap<_, _> =
        written.iter().map(|event| (event.id, fingerprint(event.borrow()))).collect();
    let mut found = Checksum::default();
    let mut odd = 0;
    journal.replay(&mut |event| {
        if found.count < before.count {
            found.add(event);
        } else if missing.remove(&event.id) != Some(fingerprint(event)) {
            odd += 1;
        }
    })?;
    journal.close()?;
    ensure!(found == before, "events from before the kill are gone or changed");
    ensure!(odd == 0, "{odd} events that nobody appended, or appended once");
    let is_lost = |number: &&usize| missing.contains_key(&written[**number].id);
    let lost = acknowledged.iter().filter(is_lost).count();
    ensure!(lost == 0, "{lost} of {} acknowledged events are lost", acknowledged.len());
    Ok(Outcome { millis, acknowledged: acknowledged.len() })
}

/// The numbers of the events that the child acknowledged before it was killed.
fn kill_a_writer(peer: &Peer, dir: &Path, life: Duration) -> Result<Vec<usize>> {
    let mut child = Killed(
        Command::new(env::current_exe()?)
            .args([COMMAND, peer.name])
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()?,
    );
    let mut pipe = child.0.stdout.take().context("the child has no output")?;
    let mut output = vec![0; 4];
    pipe.read_exact(&mut output).context("the child acknowledged nothing")?;
    let reader = thread::spawn(move || pipe.read_to_end(&mut output).map(|_| output));
    thread::sleep(life);
    drop(child);
    let output = reader.join().expect("the reader does not panic")?;
    let (numbers, _) = output.as_chunks();
    Ok(numbers.iter().map(|number| u32::from_le_bytes(*number) as usize).collect())
}

/// A process that does not outlive its owner.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // On Unix this is SIGKILL. One that has ended by itself is only waited for.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
