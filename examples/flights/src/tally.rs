//! What went wrong in a run and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::FaultKind;

/// Why an actor got a new incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RestartCause {
    /// Its handler panicked.
    Panic,
    /// Its handler returned an error.
    Error,
    /// It was killed.
    Killed,
    /// It went down and came back with its supervisor.
    Meltdown,
}

impl RestartCause {
    /// All causes, in the order they are reported.
    pub const ALL: [Self; 4] = [Self::Panic, Self::Error, Self::Killed, Self::Meltdown];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Error => "error",
            Self::Killed => "killed",
            Self::Meltdown => "meltdown",
        }
    }
}

/// Faults of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCount {
    /// Brought into the system.
    pub injected: u64,
    /// After which the victim was seen working again with all its inputs.
    pub absorbed: u64,
}

/// The counters of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    faults: BTreeMap<FaultKind, FaultCount>,
    restarts: BTreeMap<RestartCause, u64>,
}

impl Tally {
    /// A fault went in.
    pub fn inject(&mut self, kind: FaultKind) {
        self.faults.entry(kind).or_default().injected += 1;
    }

    /// A fault's victim works again.
    pub fn absorb(&mut self, kind: FaultKind) {
        self.faults.entry(kind).or_default().absorbed += 1;
    }

    /// An actor got a new incarnation.
    pub fn restart(&mut self, cause: RestartCause) {
        *self.restarts.entry(cause).or_default() += 1;
    }

    /// Adds the counts of another part of the run.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.faults {
            let sum = self.faults.entry(*kind).or_default();
            sum.injected += count.injected;
            sum.absorbed += count.absorbed;
        }
        for (cause, restarts) in &other.restarts {
            *self.restarts.entry(*cause).or_default() += restarts;
        }
    }

    /// Faults of a kind.
    #[must_use]
    pub fn faults(&self, kind: FaultKind) -> FaultCount {
        self.faults.get(&kind).copied().unwrap_or_default()
    }

    /// Restarts for a cause.
    #[must_use]
    pub fn restarts(&self, cause: RestartCause) -> u64 {
        self.restarts.get(&cause).copied().unwrap_or_default()
    }

    /// All faults that went in.
    #[must_use]
    pub fn faults_injected(&self) -> u64 {
        self.faults.values().map(|count| count.injected).sum()
    }

    /// All faults whose victims work again.
    #[must_use]
    pub fn faults_absorbed(&self) -> u64 {
        self.faults.values().map(|count| count.absorbed).sum()
    }

    /// All restarts.
    #[must_use]
    pub fn restarts_total(&self) -> u64 {
        self.restarts.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_the_sums_over_kinds_and_causes() {
        let mut tally = Tally::default();
        tally.inject(FaultKind::Panic);
        tally.inject(FaultKind::Kill);
        tally.absorb(FaultKind::Kill);
        tally.restart(RestartCause::Killed);
        assert_eq!((tally.faults_injected(), tally.faults_absorbed()), (2, 1));
        assert_eq!(tally.faults(FaultKind::Panic), FaultCount { injected: 1, absorbed: 0 });
        assert_eq!(tally.restarts_total(), 1);
        assert_eq!(tally.restarts(RestartCause::Panic), 0);
    }
}
