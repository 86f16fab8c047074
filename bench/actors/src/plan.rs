//! Runs the samples, interleaved, and keeps what they yield.

use bench_common::{Rounds, Samples};

use crate::{
    peers::{Entry, Part},
    workload::Workload,
};

/// What is run.
pub struct Plan {
    pub workloads: Vec<Workload>,
    pub rounds: usize,
    pub quick: bool,
    /// Decides the order within each round.
    pub seed: u64,
}

/// What one workload yielded.
#[derive(Debug)]
pub struct Outcome {
    pub workload: Workload,
    pub sizes: Vec<u64>,
    /// For each round one number per figure of the workload.
    pub samples: Vec<Samples<Vec<f64>>>,
    /// Who is missing, and why.
    pub missing: Vec<(&'static str, String)>,
    /// Whether one of the missing was expected to run.
    pub failed: bool,
}

/// Takes one sample: library, workload, operations.
pub type Sampler<'a> = dyn Fn(&'static str, Workload, u64) -> Result<Vec<f64>, String> + 'a;

impl Plan {
    /// Runs one workload with all of `libraries` that can.
    pub fn run(&self, workload: Workload, libraries: &[Entry], sampler: &Sampler<'_>) -> Outcome {
        let sizes = workload.sizes(self.quick);
        let mut missing = Vec::new();
        let mut able = Vec::new();
        for library in libraries {
            match library.part(workload) {
                Part::Takes => able.push(library.name),
                Part::Cannot(reason) => missing.push((library.name, reason.to_owned())),
                Part::NotAsked => {}
            }
        }
        let rounds = Rounds { count: self.rounds, seed: self.seed };
        let taken = rounds.take(&able, |library| {
            let numbers = sizes.iter().map(|size| sampler(library, workload, *size));
            Ok(numbers.collect::<Result<Vec<Vec<f64>>, String>>()?.concat())
        });
        let failed = !taken.failed.is_empty();
        missing.extend(taken.failed);
        Outcome { workload, sizes, samples: taken.samples, missing, failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers;

    const PLAN: Plan = Plan { workloads: vec![], rounds: 2, quick: true, seed: 1 };

    #[test]
    fn a_library_that_fails_is_left_out_and_named() {
        let outcome = PLAN.run(Workload::Tell, &peers::all(), &|library, _, _| {
            if library == "ractor" { Err("lost messages".to_owned()) } else { Ok(vec![1.0]) }
        });
        assert!(outcome.failed);
        assert_eq!(outcome.missing, [("ractor", "lost messages".to_owned())]);
        assert!(outcome.samples.iter().all(|samples| samples.library != "ractor"));
        assert!(outcome.samples.iter().all(|samples| samples.rounds == [[1.0], [1.0]]));
    }

    #[test]
    fn numbers_of_all_sizes_stand_in_one_row() {
        let outcome = PLAN
            .run(Workload::CostPerActor, &peers::all(), &|_, _, size| Ok(vec![size as f64, 0.5]));
        let row = [100.0, 0.5, 1_000.0, 0.5, 10_000.0, 0.5, 100_000.0, 0.5];
        assert_eq!(outcome.samples[0].rounds, [row, row]);
    }
}
