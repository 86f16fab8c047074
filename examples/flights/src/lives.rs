//! All lives of a run: starts the process that does the work, kills it, and starts it again.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use steadfast::base::Time;

use crate::fault::Draws;
use crate::interrupt::Interrupt;
use crate::message::{Done, Message, Resumed};
use crate::progress::Progress;
use crate::report::{LifeLine, Run};
use crate::run::RunError;
use crate::tally::Tally;

/// How long a child may say nothing.
const SILENCE: Duration = Duration::from_mins(2);

/// How long a signal to end may wait for an answer, at most.
const LISTENING: Duration = Duration::from_millis(50);

/// Lines of a child that wait to be read.
const LINES: usize = 64;

/// The seed of the places of kills, beside that of the faults.
const KILLS: u64 = 0x6b69_6c6c;

/// The exit code for bad arguments (clap uses the same one) and for damaged or foreign data.
pub const UNUSABLE: u8 = 2;

/// How the lives of a run go.
#[derive(Clone, Debug)]
pub struct Lives {
    /// The program, which is told to be a life.
    pub program: PathBuf,
    /// What each life is told, but for its number and its end.
    pub arguments: Vec<OsString>,
    /// Events of the year.
    pub events: u32,
    /// How often the process is killed.
    pub kills: u32,
    /// The seed of the places.
    pub seed: u64,
    /// Whether the user wants it to end.
    pub interrupt: Interrupt,
}

/// Ends a child that is not done, whatever becomes of its watcher.
struct Watched(Child);

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// How a life ended.
enum End {
    Killed,
    Done(Box<Done>),
}

impl Lives {
    /// The places where the process is killed: events, rising, spread over the year.
    #[must_use]
    pub fn places(&self) -> Vec<u32> {
        let mut draws = Draws::new(self.seed ^ KILLS, self.events);
        let span = u64::from(self.events.max(1)).div_ceil(u64::from(self.kills.max(1)));
        let place = |part: u32| {
            let place = u64::from(part) * span + draws.below(span);
            u32::try_from(place).unwrap_or(u32::MAX).clamp(1, self.events.max(1))
        };
        (0..self.kills).map(place).collect()
    }

    /// Lives until the year is over.
    ///
    /// # Errors
    ///
    /// [`RunError`]; no child is left running.
    pub fn live(&self, time: &Time, show: &mut dyn FnMut(&Progress)) -> Result<Run, RunError> {
        let began = time.now();
        let places = self.places();
        let (mut lines, mut earlier, mut dead_letters) = (Vec::new(), Tally::default(), 0);
        for number in 0..=self.kills {
            let stop_at = places.get(number as usize).copied();
            let mut life = self.start(number, stop_at)?;
            let (mut line, mut last) = (LifeLine::default(), Tally::default());
            let mut lost = 0;
            let end = life.watch(&self.interrupt, &mut line, &mut |progress, tally| {
                lost = progress.dead_letters;
                let mut whole = *progress;
                whole.restarts += earlier.restarts_total();
                whole.dead_letters += dead_letters;
                whole.elapsed = time.now() - began;
                show(&whole);
                last = tally;
            })?;
            lines.push(line);
            match end {
                End::Killed => {
                    earlier.add(&last);
                    dead_letters += lost;
                }
                End::Done(done) => {
                    let elapsed = time.now() - began;
                    return Ok(Run::new(
                        *done,
                        lines,
                        &earlier,
                        dead_letters,
                        self.events,
                        elapsed,
                    ));
                }
            }
        }
        Err(RunError::ChildEnded("the last life was killed too".to_owned()))
    }

    fn start(&self, number: u32, stop_at: Option<u32>) -> Result<Alive, RunError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(["--life", &number.to_string()]);
        if let Some(stop_at) = stop_at {
            command.args(["--stop-at", &stop_at.to_string()]);
        }
        // Ctrl-c is for the watcher alone: it says what happened, and tidies up.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = Watched(child.map_err(RunError::Child)?);
        let output = child.0.stdout.take();
        let (send, lines) = sync_channel(LINES);
        let reader = thread::Builder::new().name("child".to_owned());
        let reader = reader.spawn(move || {
            for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
                // Nobody listens any more, or the child has ended.
                let Ok(line) = line else { return };
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        // It ends with the child's output.
        reader.map(drop).map_err(RunError::Child)?;
        Ok(Alive { child, lines })
    }
}

/// A life that is being watched.
struct Alive {
    child: Watched,
    lines: Receiver<String>,
}

impl Alive {
    fn watch(
        &mut self,
        interrupt: &Interrupt,
        life: &mut LifeLine,
        show: &mut dyn FnMut(&Progress, Tally),
    ) -> Result<End, RunError> {
        let mut silence = Duration::ZERO;
        loop {
            let heard = self.lines.recv_timeout(LISTENING);
            if let Some(signal) = interrupt.signal() {
                return Err(RunError::Interrupted(signal));
            }
            let line = match heard {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) if silence < SILENCE => {
                    silence += LISTENING;
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let waiting_for = "a word of the child process";
                    return Err(RunError::Stalled { waiting_for, after: SILENCE });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.0.wait().map_err(RunError::Child)?;
                    return Err(match status.code() {
                        Some(code) if code == i32::from(UNUSABLE) => RunError::ChildRefused,
                        _ => RunError::ChildEnded(status.to_string()),
                    });
                }
            };
            silence = Duration::ZERO;
            let message = serde_json::from_str(&line);
            let message =
                message.map_err(|error| RunError::store("reading a word of the child", error))?;
            match message {
                Message::Resumed(Resumed { fed, logged, open_ms }) => {
                    (life.resumed_at, life.logged, life.open_ms) = (fed, logged, open_ms);
                }
                Message::BackAtWork { after_ms } => life.back_ms = Some(after_ms),
                Message::Progress(progress, tally) => show(&progress, tally),
                Message::AtTheEdge { fed } => {
                    // SIGKILL: no hook runs, nothing is written any more.
                    self.child.0.kill().map_err(RunError::Child)?;
                    self.child.0.wait().map_err(RunError::Child)?;
                    life.killed_at = Some(fed);
                    return Ok(End::Killed);
                }
                Message::Done(done) => {
                    let status = self.child.0.wait().map_err(RunError::Child)?;
                    if !status.success() {
                        return Err(RunError::ChildEnded(status.to_string()));
                    }
                    return Ok(End::Done(done));
                }
            }
        }
    }
}

/// Lives once, in this process, without being killed: for tests.
///
/// # Errors
///
/// [`RunError`].
pub fn fly(
    dataset: &crate::dataset::Dataset,
    events: &std::sync::Arc<[crate::event::Event]>,
    flight: crate::run::Flight,
    directory: &Path,
) -> Result<Run, RunError> {
    let time = Time::system();
    let began = time.now();
    let directory = directory.to_owned();
    let life = crate::life::Life { flight, directory, number: 0, stop_at: None };
    let (mut done, mut line) = (None, LifeLine::default());
    crate::life::live(dataset, events, &life, &mut |message| match message {
        Message::Done(came_to) => done = Some(*came_to),
        Message::Resumed(resumed) => line.open_ms = resumed.open_ms,
        _ => {}
    })?;
    let done = done.ok_or_else(|| RunError::ChildEnded("without a word".to_owned()))?;
    let events = u32::try_from(events.len()).unwrap_or(u32::MAX);
    let elapsed = time.now() - began;
    Ok(Run::new(done, vec![line], &Tally::default(), 0, events, elapsed))
}
