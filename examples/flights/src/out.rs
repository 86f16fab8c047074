//! The only place that writes to the terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::progress::Progress;

/// Time between two states of a live line: ten a second read as movement.
const LIVE_EVERY: Duration = Duration::from_millis(100);

/// Time between two lines of a log.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Where things go: the report to standard output, everything else to standard error.
///
/// A reader that has gone away (a closed pipe) is no fault of the run and is ignored.
#[derive(Debug)]
pub struct Out {
    display: Display,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Display {
    /// One line that is written over.
    Live,
    /// Line after line, for logs.
    Lines,
    /// Nothing.
    Headless,
}

impl Out {
    /// Shows progress live on a terminal, as lines elsewhere, and not at all when headless.
    #[must_use]
    pub fn new(headless: bool) -> Self {
        let display = match (headless, io::stderr().is_terminal()) {
            (true, _) => Display::Headless,
            (false, true) => Display::Live,
            (false, false) => Display::Lines,
        };
        Self { display }
    }

    /// How often progress is worth showing.
    #[must_use]
    pub fn show_every(&self) -> Duration {
        match self.display {
            Display::Live => LIVE_EVERY,
            Display::Lines => LINE_EVERY,
            Display::Headless => Duration::MAX,
        }
    }

    /// Shows how far the run is.
    pub fn progress(&self, progress: &Progress) {
        match self.display {
            Display::Live => to_stderr(&format!("\r\x1b[K{}", progress.line())),
            Display::Lines => to_stderr(&format!("{}\n", progress.line())),
            Display::Headless => {}
        }
    }

    /// Ends a live progress line.
    pub fn progress_done(&self) {
        if self.display == Display::Live {
            to_stderr("\n");
        }
    }

    /// Says what the program is doing, unless headless.
    pub fn note(&self, text: &str) {
        if self.display != Display::Headless {
            to_stderr(&format!("{text}\n"));
        }
    }

    /// Writes the report.
    pub fn report(&self, text: &str) {
        let mut out = io::stdout().lock();
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// Writes an error, its causes and what to do about it.
    pub fn error(&self, error: &dyn std::error::Error, advice: &str) {
        let mut text = format!("error: {error}\n");
        let mut cause = error.source();
        while let Some(source) = cause {
            text = text + "  caused by: " + &source.to_string() + "\n";
            cause = source.source();
        }
        to_stderr(&format!("{text}  help: {advice}\n"));
    }
}

fn to_stderr(text: &str) {
    let mut out = io::stderr().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
