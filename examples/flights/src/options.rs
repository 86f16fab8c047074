//! The command line.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::fault::FaultRate;
use crate::load;
use crate::pace::Speed;

/// Digest a year of real flights with event-sourced actors while faults are injected and the process is killed.
///
/// Exit code: 0 when the actors' totals equal those of a plain single-threaded pass over the
/// same file, 1 when they differ, 2 for bad arguments or damaged data, 3 when the run itself failed,
/// 130 or 143 when ctrl-c or SIGTERM ended it.
#[derive(Clone, Debug, Parser)]
#[command(name = "demo", version)]
pub struct Options {
    /// Take only the first N flights of the file; at least 1 [default: all].
    #[arg(long, value_name = "N", value_parser = flights, allow_negative_numbers = true)]
    pub flights: Option<NonZeroUsize>,

    /// Seed of the fault plan: the same seed injects the same faults.
    #[arg(long, value_name = "S", default_value_t = 2013, value_parser = seed,
        allow_negative_numbers = true)]
    pub seed: u64,

    /// Faults per event, from 0 to 1.
    #[arg(long, value_name = "RATE", default_value = "0.002", value_parser = fault_rate,
        allow_negative_numbers = true)]
    pub faults: FaultRate,

    /// Inject no faults.
    #[arg(long, conflicts_with = "faults")]
    pub no_faults: bool,

    /// Simulated seconds per second: 1 is real time, 3600 an hour a second, 0 as fast as possible.
    #[arg(long, value_name = "X", default_value = "0", value_parser = speed,
        allow_negative_numbers = true)]
    pub speed: Speed,

    /// No live display.
    #[arg(long)]
    pub headless: bool,

    /// End with one JSON object on standard output instead of tables.
    #[arg(long)]
    pub json: bool,

    /// How often the whole process is killed (SIGKILL) and started again on the way; at most 100.
    #[arg(long, value_name = "N", default_value = "3",
        value_parser = clap::value_parser!(u32).range(0..=100))]
    pub kills: u32,

    /// The directory of the event log; an unfinished run in it goes on [default: a temporary one].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// The folder that holds the flights [default: the one that comes with the program].
    #[arg(long, value_name = "DIR")]
    pub flights_from: Option<PathBuf>,

    /// Be the life of this number.
    #[arg(long, hide = true, requires = "data")]
    pub life: Option<u32>,

    /// Wait to be killed in front of this event.
    #[arg(long, hide = true, requires = "life")]
    pub stop_at: Option<u32>,
}

impl Options {
    /// The rate in force: none with `--no-faults`.
    #[must_use]
    pub fn fault_rate(&self) -> FaultRate {
        if self.no_faults { FaultRate::NONE } else { self.faults }
    }

    /// The folder of the flights in force.
    #[must_use]
    pub fn flights_folder(&self) -> PathBuf {
        self.flights_from.clone().unwrap_or_else(load::default_folder)
    }

    /// How a life is told what these options say, with the log in this directory.
    #[must_use]
    pub fn for_a_life(&self, data: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: OsString| words.extend([name.into(), value]);
        if let Some(flights) = self.flights {
            option("--flights", flights.to_string().into());
        }
        option("--seed", self.seed.to_string().into());
        option("--faults", self.fault_rate().share().to_string().into());
        option("--speed", self.speed.factor().to_string().into());
        option("--data", data.into());
        option("--flights-from", self.flights_folder().into());
        words
    }
}

fn flights(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().ok().ok_or("allowed is a whole number of at least 1")
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().ok().ok_or_else(|| format!("allowed is a whole number from 0 to {}", u64::MAX))
}

fn fault_rate(text: &str) -> Result<FaultRate, &'static str> {
    let share = text.parse().ok().and_then(FaultRate::new);
    share.ok_or("allowed is a number from 0 (no faults) to 1 (one with every event)")
}

fn speed(text: &str) -> Result<Speed, &'static str> {
    let speed = text.parse().ok().and_then(Speed::new);
    speed.ok_or(
        "allowed is 0 (as fast as possible) or a number above it, in simulated seconds per second",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words = std::iter::once("demo").chain(line.split_whitespace());
        Options::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_the_whole_year_with_faults_as_fast_as_possible() {
        let options = parse("").expect("no argument is needed");
        assert_eq!(options.flights, None);
        assert_eq!(options.fault_rate(), FaultRate::new(0.002).expect("within 0..=1"));
        assert_eq!(options.speed, Speed::UNBOUNDED);
        assert_eq!(options.flights_folder(), load::default_folder());
        assert!(!options.headless && !options.json);
        assert_eq!((options.kills, options.data, options.life), (3, None, None));
    }

    #[test]
    fn no_faults_is_rate_zero() {
        assert_eq!(parse("--no-faults").expect("allowed").fault_rate(), FaultRate::NONE);
        assert_eq!(parse("--faults 0").expect("allowed").fault_rate(), FaultRate::NONE);
    }

    #[test]
    fn bad_arguments_are_refused_with_what_is_allowed() {
        for (line, allowed) in [
            ("--flights 0", "at least 1"),
            ("--flights -3", "at least 1"),
            ("--flights many", "at least 1"),
            ("--seed -1", "from 0 to 18446744073709551615"),
            ("--faults 1.5", "from 0 (no faults) to 1"),
            ("--faults -0.1", "from 0 (no faults) to 1"),
            ("--faults nan", "from 0 (no faults) to 1"),
            ("--speed -2", "0 (as fast as possible) or a number above"),
            ("--speed inf", "0 (as fast as possible) or a number above"),
            ("--faults 0.1 --no-faults", "cannot be used with"),
            ("--loud", "unexpected argument"),
            ("--flights", "a value is required"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(allowed), "{line}: {error}");
        }
    }
}
