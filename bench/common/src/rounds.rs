//! Takes the samples, interleaved: a slow moment of the machine falls on all libraries alike.

/// How often each library is sampled, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    pub count: usize,
    /// Decides the order within each round.
    pub seed: u64,
}

/// One library's samples, one for each round.
#[derive(Debug)]
pub struct Samples<T> {
    pub library: &'static str,
    pub rounds: Vec<T>,
}

/// What all rounds yielded.
#[derive(Debug)]
pub struct Taken<T> {
    pub samples: Vec<Samples<T>>,
    /// Who failed, and why.
    pub failed: Vec<(&'static str, String)>,
}

impl Rounds {
    /// Samples of the libraries alternate within a round, each round in another order; one that fails
    /// is left out of the rounds that follow, and of the samples.
    pub fn take<T>(
        &self,
        libraries: &[&'static str],
        mut sample: impl FnMut(&'static str) -> Result<T, String>,
    ) -> Taken<T> {
        let samples = libraries.iter().map(|library| Samples { library, rounds: Vec::new() });
        let mut taken = Taken { samples: samples.collect(), failed: Vec::new() };
        let mut shuffle = Shuffle(self.seed);
        let mut order: Vec<&'static str> = libraries.to_vec();
        for _ in 0..self.count {
            shuffle.apply(&mut order);
            order.retain(|library| match sample(library) {
                Ok(numbers) => {
                    let mut own = taken.samples.iter_mut();
                    let own = own.find(|samples| samples.library == *library);
                    own.expect("only libraries in the list are sampled").rounds.push(numbers);
                    true
                }
                Err(reason) => {
                    taken.samples.retain(|samples| samples.library != *library);
                    taken.failed.push((library, reason));
                    false
                }
            });
        }
        taken
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
    use super::*;

    const LIBRARIES: &[&str] = &["a", "b", "c", "d", "e"];

    #[test]
    fn each_round_has_every_library_once_and_orders_differ() {
        let mut order = Vec::new();
        let taken = Rounds { count: 3, seed: 1 }.take(LIBRARIES, |library| {
            order.push(library);
            Ok(1)
        });
        let rounds: Vec<&[&str]> = order.chunks(LIBRARIES.len()).collect();
        assert_eq!(rounds.len(), 3);
        for round in &rounds {
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, LIBRARIES);
        }
        assert!(rounds[0] != rounds[1] || rounds[1] != rounds[2]);
        assert!(taken.samples.iter().all(|samples| samples.rounds == [1, 1, 1]));
        assert!(taken.failed.is_empty());
    }

    #[test]
    fn a_library_that_fails_is_left_out_and_named() {
        let mut asked = 0;
        let taken = Rounds { count: 2, seed: 1 }.take(LIBRARIES, |library| {
            asked += u32::from(library == "c");
            if library == "c" { Err("lost messages".to_owned()) } else { Ok(()) }
        });
        assert_eq!(asked, 1);
        assert_eq!(taken.failed, [("c", "lost messages".to_owned())]);
        assert!(taken.samples.iter().all(|samples| samples.library != "c"));
    }
}
