//! A fast hash for names that come from outside: seeded at random for each map.
//!
//! Words are folded by a multiplication to 128 bits, as in wyhash and foldhash. No decision depends on the
//! order that it gives a map.

use std::hash::{BuildHasher, Hasher, RandomState};

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes hashers with seeds of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameHash {
    seed: u64,
    key: u64,
}

impl Default for NameHash {
    fn default() -> Self {
        let random = RandomState::new();
        Self { seed: random.hash_one(1_u8), key: random.hash_one(2_u8) | 1 }
    }
}

impl NameHash {
    /// The hash of a text that is looked up in a table of one's own.
    pub(crate) fn of(self, text: &[u8]) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(text);
        hasher.finish()
    }
}

impl BuildHasher for NameHash {
    type Hasher = NameHasher;

    fn build_hasher(&self) -> NameHasher {
        NameHasher { state: self.seed, key: self.key }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct NameHasher {
    state: u64,
    key: u64,
}

impl NameHasher {
    fn add(&mut self, word: u64) {
        self.state = fold(self.state ^ word, self.key).wrapping_add(STEP);
    }
}

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        fold(self.state, self.key ^ STEP)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(rest) {
                *to = *from;
            }
            self.add(u64::from_le_bytes(word));
        }
        self.state ^= u64::try_from(bytes.len()).unwrap_or(0).rotate_left(32);
    }

    fn write_u8(&mut self, byte: u8) {
        self.state ^= u64::from(byte);
    }

    fn write_u128(&mut self, word: u128) {
        self.write(&word.to_le_bytes());
    }
}

/// Both halves of the product.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one).wrapping_mul(u128::from(other));
    let [low, high] = [product & u128::from(u64::MAX), product >> 64];
    u64::try_from(low).unwrap_or(0) ^ u64::try_from(high).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn like_names_have_unlike_hashes() {
        let build = NameHash::default();
        let names: Vec<String> = (0..20_000).map(|n| format!("service-{n:06}")).collect();
        let low = |name: &String| build.hash_one(name.as_str()) & 0xffff;
        let slots: HashSet<u64> = names.iter().map(low).collect();
        // 20,000 balls into 65,536 slots fill about 17,200 of them.
        assert!(slots.len() > 16_500, "{} slots", slots.len());
        assert_ne!(build.hash_one("a"), build.hash_one("a\0"));
        assert_ne!(build.hash_one(""), build.hash_one("\0"));
    }
}
