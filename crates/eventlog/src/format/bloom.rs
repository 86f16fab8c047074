//! A filter that says which event ids are certainly not in a segment.

use steadfast_base::EventId;

use super::FormatError;
use super::bytes::{Reader, narrow, widen};

/// Bits of the filter per id: with [`PROBES`], less than 1 % of unknown ids pass.
const BITS_PER_ID: usize = 10;

/// How many bits are looked at for an id: 10 ln 2, rounded.
const PROBES: u64 = 7;

/// A Bloom filter (Bloom 1970) with double hashing (Kirsch and Mitzenmacher 2006).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bloom {
    bytes: Vec<u8>,
}

impl Bloom {
    /// The filter of ids whose hashes are given.
    pub(crate) fn of(hashes: impl ExactSizeIterator<Item = u64>) -> Self {
        let bits = hashes.len().saturating_mul(BITS_PER_ID).max(8);
        let mut bytes = vec![0_u8; bits.div_ceil(8)];
        for hash in hashes {
            for (byte, bit) in probes(hash, bytes.len()) {
                if let Some(byte) = bytes.get_mut(byte) {
                    *byte |= bit;
                }
            }
        }
        Self { bytes }
    }

    /// Whether an id with this hash may be there; false is certain.
    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        probes(hash, self.bytes.len())
            .all(|(byte, bit)| self.bytes.get(byte).is_some_and(|byte| byte & bit != 0))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&narrow(self.bytes.len()).to_le_bytes());
        out.extend_from_slice(&self.bytes);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let length = widen(reader.u32()?);
        Ok(Self { bytes: reader.take(length)?.to_vec() })
    }
}

/// The bytes and bits that stand for a hash.
fn probes(hash: u64, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8).max(1);
    let step = (hash >> 32) | 1;
    (0..PROBES).map(move |probe| {
        let bit = hash.wrapping_add(step.wrapping_mul(probe)).checked_rem(bits).unwrap_or(0);
        (usize::try_from(bit >> 3).unwrap_or(usize::MAX), 1 << (bit & 7))
    })
}

/// The hash by which an event id is filtered and found.
pub(crate) fn hash_id(id: EventId) -> u64 {
    mix(id.as_u128())
}

/// 128 bits mixed to 64, the same for ever: the finalizer of `SplitMix64` over both halves.
pub(crate) fn mix(bits: u128) -> u64 {
    let [low, high] = halves(bits);
    finish(finish(low).wrapping_add(high))
}

fn halves(bits: u128) -> [u64; 2] {
    let narrow = |part: u128| u64::try_from(part & u128::from(u64::MAX)).unwrap_or(0);
    [narrow(bits), narrow(bits >> 64)]
}

fn finish(hash: u64) -> u64 {
    let mut hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_passes_and_hardly_any_other() {
        let ids = |from: u128| (from..from + 20_000).map(|id| hash_id(EventId::from_u128(id << 7)));
        let known: Vec<u64> = ids(0).collect();
        let bloom = Bloom::of(known.iter().copied());
        assert!(known.iter().all(|hash| bloom.may_contain(*hash)));
        let wrong = ids(1 << 40).filter(|hash| bloom.may_contain(*hash)).count();
        assert!(wrong < 250, "{wrong} of 20,000 unknown ids pass");
    }

    #[test]
    fn a_filter_comes_back_as_it_was() {
        let bloom = Bloom::of([1, 2, 3].into_iter());
        let mut bytes = Vec::new();
        bloom.encode(&mut bytes);
        assert_eq!(Bloom::decode(&mut Reader::new(&bytes, "bloom")), Ok(bloom));
        assert!(Bloom::decode(&mut Reader::new(&bytes[..bytes.len() - 1], "bloom")).is_err());
    }
}
