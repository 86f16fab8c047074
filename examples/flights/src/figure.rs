//! Named whole numbers and a stable digest: what two states are compared by.

/// One number of an actor's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name; ends in its unit where it has one.
    pub name: &'static str,
    /// Its value.
    pub value: i64,
}

impl Figure {
    /// A named number.
    #[must_use]
    pub fn new(name: &'static str, value: i64) -> Self {
        Self { name, value }
    }
}

/// A 64-bit FNV-1a digest, the same on every platform and in every release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

impl Default for Digest {
    fn default() -> Self {
        Self(FNV_OFFSET)
    }
}

impl Digest {
    /// Takes in one number.
    pub fn number(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Takes in a figure, name and value.
    pub fn figure(&mut self, figure: Figure) {
        self.bytes(figure.name.as_bytes());
        self.number(figure.value);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }

    /// The digest so far.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_fnv_1a() {
        let mut digest = Digest::default();
        assert_eq!(digest.get(), 0xcbf2_9ce4_8422_2325);
        digest.bytes(b"foobar");
        assert_eq!(digest.get(), 0x8594_4171_f739_67e8); // the algorithm's published vector
    }

    #[test]
    fn order_and_name_matter() {
        let of = |figures: &[Figure]| {
            let mut digest = Digest::default();
            for &figure in figures {
                digest.figure(figure);
            }
            digest.get()
        };
        let (a, b) = (Figure::new("a", 1), Figure::new("b", 1));
        assert_ne!(of(&[a, b]), of(&[b, a]));
        assert_ne!(of(&[a]), of(&[b]));
    }
}
