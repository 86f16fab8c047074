//! Runs the samples, interleaved, and keeps what they yield.

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
    pub samples: Vec<Samples>,
    /// Who is missing, and why.
    pub missing: Vec<(&'static str, String)>,
    /// Whether one of the missing was expected to run.
    pub failed: bool,
}

/// One library's numbers: for each round one per figure of the workload.
#[derive(Debug)]
pub struct Samples {
    pub library: &'static str,
    pub rounds: Vec<Vec<f64>>,
}

/// Takes one sample: library, workload, operations.
pub type Sampler<'a> = dyn Fn(&'static str, Workload, u64) -> Result<Vec<f64>, String> + 'a;

impl Plan {
    /// Runs one workload with all of `libraries` that can. Samples of the
    /// libraries alternate within a round, each round in another order; one
    /// that fails is left out of the rounds that follow.
    pub fn run(&self, workload: Workload, libraries: &[Entry], sampler: &Sampler<'_>) -> Outcome {
        let sizes = workload.sizes(self.quick);
        let mut outcome =
            Outcome { workload, sizes, samples: vec![], missing: vec![], failed: false };
        for library in libraries {
            match library.part(workload) {
                Part::Takes => {
                    outcome.samples.push(Samples { library: library.name, rounds: vec![] });
                }
                Part::Cannot(reason) => outcome.missing.push((library.name, reason.to_owned())),
                Part::NotAsked => {}
            }
        }
        let mut shuffle = Shuffle(self.seed);
        for _ in 0..self.rounds {
            let mut order: Vec<&'static str> =
                outcome.samples.iter().map(|samples| samples.library).collect();
            shuffle.apply(&mut order);
            for library in order {
                outcome.take(library, sampler);
            }
        }
        outcome
    }
}

impl Outcome {
    fn take(&mut self, library: &'static str, sampler: &Sampler<'_>) {
        let numbers: Result<Vec<Vec<f64>>, String> =
            self.sizes.iter().map(|size| sampler(library, self.workload, *size)).collect();
        match numbers {
            Ok(numbers) => {
                let own = self.samples.iter_mut().find(|samples| samples.library == library);
                own.expect("only libraries in the list are sampled").rounds.push(numbers.concat());
            }
            Err(reason) => {
                self.samples.retain(|samples| samples.library != library);
                self.missing.push((library, reason));
                self.failed = true;
            }
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014) under a Fisher-Yates shuffle.
struct Shuffle(u64);

impl Shuffle {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn apply<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.next() % (last as u64 + 1);
            items.swap(last, other as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::peers;

    fn plan(rounds: usize) -> Plan {
        Plan { workloads: vec![], rounds, quick: true, seed: 1 }
    }

    #[test]
    fn each_round_has_every_library_once_and_orders_differ() {
        let taken = RefCell::new(Vec::new());
        let outcome = plan(3).run(Workload::Tell, &peers::all(), &|library, _, _| {
            taken.borrow_mut().push(library);
            Ok(vec![1.0])
        });
        let count = outcome.samples.len();
        let taken = taken.into_inner();
        let rounds: Vec<&[&str]> = taken.chunks(count).collect();
        assert_eq!(rounds.len(), 3);
        for round in &rounds {
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), count);
        }
        assert!(rounds[0] != rounds[1] || rounds[1] != rounds[2]);
        assert!(outcome.samples.iter().all(|samples| samples.rounds == [[1.0], [1.0], [1.0]]));
        assert!(!outcome.failed);
    }

    #[test]
    fn a_library_that_fails_is_left_out_and_named() {
        let outcome = plan(2).run(Workload::Tell, &peers::all(), &|library, _, _| {
            if library == "ractor" { Err("lost messages".to_owned()) } else { Ok(vec![1.0]) }
        });
        assert!(outcome.failed);
        assert_eq!(outcome.missing, [("ractor", "lost messages".to_owned())]);
        assert!(outcome.samples.iter().all(|samples| samples.library != "ractor"));
    }

    #[test]
    fn numbers_of_all_sizes_stand_in_one_row() {
        let mut outcome = Outcome {
            workload: Workload::CostPerActor,
            sizes: vec![10, 20],
            samples: vec![Samples { library: "x", rounds: vec![] }],
            missing: vec![],
            failed: false,
        };
        outcome.take("x", &|_, _, size| Ok(vec![size as f64, 0.5]));
        assert_eq!(outcome.samples[0].rounds, [[10.0, 0.5, 20.0, 0.5]]);
    }
}
