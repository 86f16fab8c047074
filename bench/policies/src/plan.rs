//! Takes the samples, interleaved.

use std::time::Duration;

use crate::{case::Case, workload::Workload};

/// How the samples are taken.
pub struct Plan {
    pub rounds: u32,
    /// Length of a sample.
    pub sample: Duration,
    /// Decides the order within each round.
    pub seed: u64,
}

/// One library's numbers, one for each round.
#[derive(Debug)]
pub struct Samples {
    pub library: &'static str,
    pub rounds: Vec<f64>,
}

impl Plan {
    /// Samples of the libraries alternate within a round, each round in another order.
    pub fn run(&self, workload: Workload, cases: &[&Case]) -> Vec<Samples> {
        let threads = workload.threads;
        let calls: Vec<u64> =
            cases.iter().map(|case| case.calls_within(threads, self.sample)).collect();
        let mut samples: Vec<Samples> = cases
            .iter()
            .map(|case| Samples { library: case.library, rounds: Vec::new() })
            .collect();
        let mut shuffle = Shuffle(self.seed);
        let mut order: Vec<usize> = (0..cases.len()).collect();
        for _ in 0..self.rounds {
            shuffle.apply(&mut order);
            for &index in &order {
                samples[index].rounds.push(cases[index].sample(threads, calls[index]));
            }
        }
        samples
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
