//! Takes the samples, interleaved.

use std::time::Duration;

use bench_common::{Rounds, Samples};

use crate::{case::Case, workload::Workload};

/// How the samples are taken.
pub struct Plan {
    pub rounds: u32,
    /// Length of a sample.
    pub sample: Duration,
    /// Decides the order within each round.
    pub seed: u64,
}

impl Plan {
    /// Samples of the libraries alternate within a round, each round in another order.
    pub fn run(&self, workload: Workload, cases: &[&Case]) -> Vec<Samples<f64>> {
        let threads = workload.threads;
        let calls: Vec<(&Case, u64)> =
            cases.iter().map(|case| (*case, case.calls_within(threads, self.sample))).collect();
        let libraries: Vec<&'static str> = cases.iter().map(|case| case.library).collect();
        let rounds = Rounds { count: self.rounds as usize, seed: self.seed };
        let taken = rounds.take(&libraries, |library| {
            let (case, calls) =
                calls.iter().find(|(case, _)| case.library == library).ok_or("no such case")?;
            Ok(case.sample(threads, *calls))
        });
        taken.samples
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::workload::Kind;

    #[test]
    fn each_round_has_every_library_once_and_orders_differ() {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let case = |library| {
            let taken = Arc::clone(&taken);
            Case::sync(Kind::ClosedSync, library, move || {
                let mut taken = taken.lock().unwrap();
                if taken.last() != Some(&library) {
                    taken.push(library);
                }
                true
            })
        };
        let cases = ["a", "b", "c", "d"].map(case);
        let plan = Plan { rounds: 5, sample: Duration::from_micros(10), seed: 1 };
        let workload = Workload { kind: Kind::ClosedSync, threads: 1 };
        let samples = plan.run(workload, &cases.iter().collect::<Vec<_>>());
        assert!(samples.iter().all(|samples| samples.rounds.len() == 5));
        let taken = taken.lock().unwrap();
        // The first four are the calibration, in order.
        assert_eq!(taken[..4], ["a", "b", "c", "d"]);
        assert!(taken.windows(4).any(|four| four == ["d", "c", "b", "a"] || four[0] > four[1]));
    }
}
