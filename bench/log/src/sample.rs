//! One sample: some workloads of one stage with one library, in a process and a directory of its own.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;

use crate::{
    bulk, durable, large, limits,
    peers::Entry,
    relaxed,
    sourced::{command, recovery, replay},
    workload::Workload,
};

/// Figures by name.
pub type Numbers = Vec<(&'static str, f64)>;

/// How much there is of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A tenth of a smoke run, for tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests only"))]
    Test,
    /// A smoke run.
    Quick,
    Full,
}

/// What a sample is taken of.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Where the data goes; nothing is there yet.
    pub dir: PathBuf,
    pub wanted: Vec<Workload>,
    pub scale: Scale,
    /// Decides the events.
    pub seed: u64,
}

impl Setting {
    pub fn wants(&self, workload: Workload) -> bool {
        self.wanted.contains(&workload)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// How many of something there are.
    pub fn count(&self, quick: usize, full: usize) -> usize {
        match self.scale {
            Scale::Test => quick / 10,
            Scale::Quick => quick,
            Scale::Full => full,
        }
    }

    /// How long something takes.
    pub fn millis(&self, quick: u64, full: u64) -> Duration {
        Duration::from_millis(if self.scale == Scale::Full { full } else { quick })
    }

    /// How long a process appends before it is killed.
    pub fn life(&self) -> Duration {
        self.millis(200, 1_500)
    }
}

/// The limits of the machine below a directory.
pub fn machine(setting: &Setting) -> Result<Numbers> {
    limits::sample(setting)
}

/// The figures of the workloads wanted that the library takes part in; all are of one stage.
pub fn library(entry: &Entry, setting: &Setting) -> Result<Numbers> {
    let wanted = setting.wanted.iter().copied().filter(|workload| entry.takes(*workload)).collect();
    let setting = Setting { wanted, ..setting.clone() };
    let mut numbers = durable::sample(entry, &setting)?;
    numbers.extend(command::sample(&setting)?);
    numbers.extend(relaxed::sample(entry.peer, &setting)?);
    numbers.extend(bulk::sample(entry.peer, &setting)?);
    numbers.extend(recovery::sample(entry.peer, &setting)?);
    numbers.extend(replay::sample(entry.peer, &setting)?);
    numbers.extend(large::sample(entry.peer, &setting)?);
    Ok(numbers)
}

/// Tells whoever waits what the process is at.
pub fn progress(library: &str, doing: &str) {
    eprintln!("  {library}: {doing}");
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::{figures, peers};

    fn setting(dir: &tempfile::TempDir) -> Setting {
        // The test's program is not the one that appends until it is killed.
        let killed = [Workload::ReopenKilled, Workload::ReopenTenMillion];
        let all = Workload::value_variants().iter().copied();
        let wanted = all.filter(|workload| !killed.contains(workload)).collect();
        Setting { dir: dir.path().to_owned(), wanted, scale: Scale::Test, seed: 1 }
    }

    #[test]
    fn every_library_passes_the_checks_of_every_workload_on_few_events() {
        for entry in peers::all() {
            let dir = tempfile::tempdir().unwrap();
            let setting = setting(&dir);
            let numbers = library(&entry, &setting).unwrap();
            let found: Vec<&str> = numbers.iter().map(|(figure, _)| *figure).collect();
            for workload in &setting.wanted {
                for figure in figures::of(*workload) {
                    let (name, takes) = (entry.name, entry.takes(*workload));
                    assert_eq!(found.contains(&figure.name), takes, "{name}: {}", figure.name);
                }
            }
            assert!(numbers.iter().all(|(_, number)| *number >= 0.0), "{}", entry.name);
        }
    }

    #[test]
    fn the_machine_has_limits() {
        let dir = tempfile::tempdir().unwrap();
        let numbers = machine(&setting(&dir)).unwrap();
        let names: Vec<&str> = numbers.iter().map(|(figure, _)| *figure).collect();
        let known: Vec<&str> = figures::of(Workload::Limits).map(|figure| figure.name).collect();
        assert_eq!(names, known);
        assert!(numbers.iter().all(|(_, number)| *number > 0.0));
    }
}
