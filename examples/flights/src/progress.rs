//! The progress line: a bar, the rate, restarts, dead letters and live actors.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::table::grouped;

const BAR_CELLS: u64 = 28;

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Events fed.
    pub done: u64,
    /// Events of the whole run.
    pub total: u64,
    /// Restarts so far.
    pub restarts: u64,
    /// Dead letters so far.
    pub dead_letters: u64,
    /// Actors alive now.
    pub live: u64,
    /// Since the start.
    pub elapsed: Duration,
}

impl Progress {
    /// The line, without an end of line.
    #[must_use]
    pub fn line(&self) -> String {
        let total = self.total.max(1);
        let done = self.done.min(total);
        let filled = done * BAR_CELLS / total;
        let bar: String =
            (0..BAR_CELLS).map(|cell| if cell < filled { '#' } else { '.' }).collect();
        let micros = self.elapsed.as_micros().max(1);
        let rate = u64::try_from(u128::from(self.done) * 1_000_000 / micros).unwrap_or(u64::MAX);
        format!(
            "[{bar}] {:>3} %  {} events  {}/s  restarts {}  dead letters {}  live {}",
            done * 100 / total,
            grouped(self.done),
            grouped(rate),
            grouped(self.restarts),
            grouped(self.dead_letters),
            grouped(self.live),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_how_far_and_how_fast() {
        let progress = Progress {
            done: 500_000,
            total: 1_000_000,
            restarts: 1_234,
            dead_letters: 0,
            live: 4_167,
            elapsed: Duration::from_millis(500),
        };
        assert_eq!(
            progress.line(),
            "[##############..............]  50 %  500,000 events  1,000,000/s  restarts 1,234  \
             dead letters 0  live 4,167"
        );
    }

    #[test]
    fn an_empty_run_has_a_line_too() {
        assert!(Progress::default().line().contains("  0 %"));
    }
}
