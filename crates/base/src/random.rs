//! Seeded randomness: one seed per system, one independent stream per name.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::num::ParseIntError;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng, TryRng};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Marks the block that opens a name, so that it never equals the nonce of a stream's own output
/// (0).
const NAME_TAG: u64 = 1 << 63;

/// The first bytes of every seed's key: keeps our keys apart from other uses of the same number.
const SEED_TAG: &[u8; 24] = b"steadfast seed stream v1";

/// What a run's randomness grows from; print it, and the run can be repeated.
///
/// # Example
///
/// ```
/// use steadfast_base::Seed;
///
/// let seed = Seed::new(42);
/// let (mut one, mut two) = (seed.stream("backoff"), seed.stream("backoff"));
/// assert_eq!(one.next_u64(), two.next_u64());
/// assert_ne!(one.next_u64(), seed.stream("chaos").next_u64());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// A fixed seed.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Seed::new(42).as_u64(), 42);
    /// ```
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that differs from run to run.
    ///
    /// It comes from the operating system's randomness by way of the standard library's hash keys.
    /// Good enough to spread load and name things; not for secrets.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let seed = Seed::from_entropy();
    /// println!("seed {seed}");
    /// ```
    pub fn from_entropy() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    /// The number, for printing and storing.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Seed::new(42).as_u64(), 42);
    /// ```
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The stream of this name; the same seed and name give the same stream on every platform.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let mut faults = Seed::new(1).stream("faults");
    /// assert!(faults.unit_f64() < 1.0);
    /// ```
    pub fn stream(self, name: &str) -> Stream {
        let mut key = [0; 32];
        let (tag, number) = key.split_at_mut(SEED_TAG.len());
        tag.copy_from_slice(SEED_TAG);
        number.copy_from_slice(&self.0.to_le_bytes());
        Stream { rng: ChaCha8Rng::from_seed(derive(key, name)) }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Seed {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// Derives the key of `name` below a parent key.
///
/// A cascade: the name's length in bytes (tagged) and then its bytes, in little-endian blocks of
/// eight padded with zeros, are each used as the nonce of a `ChaCha8` run whose first 32 bytes are
/// the next key. The length comes first, so no name's blocks are the beginning of another's, and
/// the cascade is a pseudo-random function of the name.
fn derive(parent: [u8; 32], name: &str) -> [u8; 32] {
    // A name has at most isize::MAX bytes, so its length never reaches the tag bit.
    let length = u64::try_from(name.len()).unwrap_or(u64::MAX) | NAME_TAG;
    let blocks = name
        .as_bytes()
        .chunks(8)
        .map(|chunk| chunk.iter().rev().fold(0_u64, |block, byte| (block << 8) | u64::from(*byte)));
    std::iter::once(length).chain(blocks).fold(parent, |key, block| {
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(block);
        let mut next = [0; 32];
        rng.fill_bytes(&mut next);
        next
    })
}

/// A stream of pseudo-random numbers, independent of every other name's stream.
///
/// `ChaCha8` (Bernstein 2008) under a key derived from seed and name by a cascade of `ChaCha8` runs,
/// so its numbers are the same on every platform and in every version of this crate; golden values
/// in the tests pin them. It implements `rand_core`'s `TryRng` (and so `Rng`) for use with the
/// `rand` family. Not for secrets: the seed has 64 bits and is printed.
///
/// # Example
///
/// ```
/// use steadfast_base::Seed;
///
/// let mut stream = Seed::new(3).stream("deal");
/// let mut cards: Vec<u8> = (0..52).collect();
/// stream.shuffle(&mut cards);
/// assert!(stream.pick(&cards).is_some());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// A stream below this one, by name.
    ///
    /// It depends on this stream's own derivation and on `name` only, not on how many numbers have
    /// been drawn, so components can be added without moving the numbers of others.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let mut parent = Seed::new(3).stream("region");
    /// let mut early = parent.fork("plane");
    /// parent.next_u64();
    /// assert_eq!(parent.fork("plane").next_u64(), early.next_u64());
    /// ```
    #[must_use]
    pub fn fork(&self, name: &str) -> Self {
        Self { rng: ChaCha8Rng::from_seed(derive(self.rng.get_seed(), name)) }
    }

    /// How many 32-bit words have been drawn: the stream's position.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let mut stream = Seed::new(3).stream("a");
    /// stream.next_u64();
    /// assert_eq!(stream.words_drawn(), 2);
    /// ```
    pub fn words_drawn(&self) -> u64 {
        u64::try_from(self.rng.get_word_pos()).unwrap_or(u64::MAX)
    }

    /// Moves the stream on or back, to where so many words have been drawn.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let mut stream = Seed::new(3).stream("a");
    /// let first = stream.next_u64();
    /// stream.set_words_drawn(0);
    /// assert_eq!(stream.next_u64(), first);
    /// ```
    pub fn set_words_drawn(&mut self, words: u64) {
        self.rng.set_word_pos(u128::from(words));
    }

    /// The next 64 bits.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let mut stream = Seed::new(3).stream("a");
    /// assert_ne!(stream.next_u64(), stream.next_u64());
    /// ```
    pub fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Fills a slice with random bytes.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let mut nonce = [0; 16];
    /// Seed::new(3).stream("nonce").fill_bytes(&mut nonce);
    /// assert_ne!(nonce, [0; 16]);
    /// ```
    pub fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.rng.fill_bytes(bytes);
    }

    /// A number in `0..bound`, each equally likely; 0 if `bound` is 0.
    ///
    /// Lemire's multiply-and-reject method, <https://arxiv.org/abs/1805.10941>.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// assert!(Seed::new(3).stream("die").below(6) < 6);
    /// ```
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // 2^64 mod bound: products whose low half is below it would favor some results.
        let surplus = bound.wrapping_neg() % bound;
        // Ends with probability 1: each round succeeds with a chance of more than one half.
        loop {
            let (low, high) = wide_product(self.next_u64(), bound);
            if low >= surplus {
                return high;
            }
        }
    }

    /// A number in `0.0..1.0`, in steps of 2^-53.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let unit = Seed::new(3).stream("jitter").unit_f64();
    /// assert!((0.0..1.0).contains(&unit));
    /// ```
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit the mantissa exactly")]
    pub fn unit_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability; never at 0 and below or NaN, always at 1 and above.
    ///
    /// Draws one number whatever the probability, so changing it does not shift later draws.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let mut stream = Seed::new(3).stream("faults");
    /// assert!(stream.chance(1.0));
    /// assert!(!stream.chance(0.0));
    /// ```
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit_f64() < probability
    }

    /// One of the items, each equally likely; `None` if there are none.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// assert_eq!(Seed::new(3).stream("a").pick(&["only"]), Some(&"only"));
    /// ```
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        usize::try_from(self.below(count)).ok().and_then(|index| items.get(index))
    }

    /// Puts the items in random order, each order equally likely (Fisher and Yates).
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Seed;
    ///
    /// let mut items = [1, 2, 3];
    /// Seed::new(3).stream("order").shuffle(&mut items);
    /// items.sort_unstable();
    /// assert_eq!(items, [1, 2, 3]);
    /// ```
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            items.swap(last, usize::try_from(self.below(bound)).unwrap_or(last));
        }
    }
}

/// The low and the high half of a product.
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
fn wide_product(left: u64, right: u64) -> (u64, u64) {
    let product = u128::from(left) * u128::from(right);
    (product as u64, (product >> 64) as u64)
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.rng.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.rng.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.rng.try_fill_bytes(bytes)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drawn = self.rng.get_word_pos();
        f.debug_struct("Stream").field("words_drawn", &drawn).finish_non_exhaustive()
    }
}
