//! The function that hashes keys unless another one is given: fixed, quick, not for hostile keys.

use std::hash::Hasher;

/// Odd, with bits spread evenly: the golden ratio and the root of two as fractions of 2^64.
const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0x6A09_E667_F3BC_C909;

/// Folds each word into the state by a full multiplication, whose upper and lower half are mixed.
///
/// The same keys have the same hashes in every run, so a run can be repeated. Whoever knows the function
/// can choose keys that collide.
///
/// # Example
///
/// ```
/// use std::hash::{BuildHasher, BuildHasherDefault};
///
/// use steadfast_breaker::KeyHasher;
///
/// let hashes = BuildHasherDefault::<KeyHasher>::default();
/// assert_eq!(hashes.hash_one("tenant-7"), hashes.hash_one("tenant-7"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KeyHasher(u64);

impl Default for KeyHasher {
    fn default() -> Self {
        Self(SECOND)
    }
}

impl KeyHasher {
    #[inline]
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FIRST);
        let (upper, lower) = (product >> u64::BITS, product & u128::from(u64::MAX));
        self.0 = u64::try_from(upper ^ lower).expect("both halves have 64 bits") ^ SECOND;
    }
}

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        // The length tells a text from the same one with zeros behind it.
        self.fold(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.fold(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.fold(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.fold(number);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.fold(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // Once more, so that the last word reaches all bits.
        let mut last = *self;
        last.fold(0);
        last.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    fn hash_of(key: impl std::hash::Hash) -> u64 {
        BuildHasherDefault::<KeyHasher>::default().hash_one(key)
    }

    #[test]
    fn numbers_in_a_row_fill_parts_and_cells_evenly() {
        for step in [1_u64, 2, 1_000, 4_096, 1 << 32, 1 << 48] {
            let hashes: Vec<u64> = (0..4_096).map(|n| hash_of(n * step)).collect();
            let cells: HashSet<u64> = hashes.iter().map(|hash| hash & 4_095).collect();
            // Thrown at random, 4,096 balls leave 37 % of 4,096 cells empty.
            assert!(cells.len() > 2_300, "step {step}: {} cells", cells.len());
            for part in 0..16 {
                let share = hashes.iter().filter(|hash| *hash >> 32 & 15 == part).count();
                assert!((128..=512).contains(&share), "step {step}, part {part}: {share}");
            }
        }
    }

    #[test]
    fn texts_that_differ_little_have_different_hashes() {
        let texts = ["", "a", "b", "ac", "ca", "a\0", "host-1", "host-2", "host-10", "host-01"];
        let long = (0..1_000).map(|n| format!("https://shard-{n}.example.com:8443"));
        let texts: Vec<String> = texts.map(str::to_owned).into_iter().chain(long).collect();
        let hashes: HashSet<u64> = texts.iter().map(hash_of).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn a_key_has_the_same_hash_in_every_run() {
        assert_eq!(hash_of(7_u64), hash_of(7_u64));
        assert_eq!(hash_of("tenant"), hash_of(String::from("tenant")));
    }
}
