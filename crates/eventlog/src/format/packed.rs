//! Columns of numbers in as few bits as each stretch of them needs, every one readable on its own.
//!
//! ```text
//! count u32
//! of each stretch of 256 numbers: least number u64, bits u8 (0 to 64)
//! of each stretch: the differences to its least number, packed, up to a whole byte
//! 16 zeros, so that sixteen bytes can be read wherever a number begins
//! ```
//!
//! Known as frame of reference (Goldstein, Ramakrishnan and Shaft 1998).

use super::FormatError;
use super::bytes::{Reader, is_zero, narrow, widen};

/// How many numbers share a least number and a width.
const STRETCH: usize = 256;

/// Bytes behind the last number.
const MARGIN: usize = 16;

/// Appends a column.
pub(crate) fn put_packed(numbers: &[u64], out: &mut Vec<u8>) {
    out.extend_from_slice(&narrow(numbers.len()).to_le_bytes());
    for stretch in numbers.chunks(STRETCH) {
        let (least, width) = frame_of(stretch);
        out.extend_from_slice(&least.to_le_bytes());
        out.push(width);
    }
    for stretch in numbers.chunks(STRETCH) {
        let (least, width) = frame_of(stretch);
        let (mut pending, mut bits) = (0_u128, 0_u32);
        for number in stretch {
            pending |= u128::from(number.saturating_sub(least)) << bits;
            bits = bits.saturating_add(u32::from(width));
            while bits >= 8 {
                let [low, ..] = pending.to_le_bytes();
                out.push(low);
                pending >>= 8;
                bits = bits.saturating_sub(8);
            }
        }
        if bits > 0 {
            let [low, ..] = pending.to_le_bytes();
            out.push(low);
        }
    }
    out.extend_from_slice(&[0; MARGIN]);
}

/// The least number of a stretch, and how many bits the greatest difference to it takes.
fn frame_of(stretch: &[u64]) -> (u64, u8) {
    let least = stretch.iter().copied().min().unwrap_or(0);
    let greatest = stretch.iter().copied().max().unwrap_or(0);
    let bits = u64::BITS.saturating_sub(greatest.saturating_sub(least).leading_zeros());
    (least, u8::try_from(bits).unwrap_or(64))
}

/// A column, read in place.
#[derive(Clone, Debug)]
pub(crate) struct Packed<B> {
    count: usize,
    stretches: Vec<Stretch>,
    bytes: B,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    least: u64,
    width: u8,
    /// Where its first number begins, in bytes from the first of the packed ones.
    start: usize,
}

impl<B: AsRef<[u8]>> Packed<B> {
    /// Reads a column that takes all of `bytes`; `part` cuts the packed numbers out of them.
    pub(crate) fn parse(
        bytes: &[u8],
        what: &'static str,
        part: impl FnOnce(&[u8]) -> B,
    ) -> Result<Self, FormatError> {
        let mut reader = Reader::new(bytes, what);
        let count = widen(reader.u32()?);
        let number = count.div_ceil(STRETCH);
        // A stretch takes nine bytes, so a false count ends here.
        let frames = reader.column::<9>(number)?;
        let mut stretches = Vec::with_capacity(number);
        let (mut start, mut left) = (0_usize, count);
        for frame in frames {
            let (least, [width]) = frame.split_first_chunk::<8>().map_or(([0; 8], [65]), |parts| {
                (*parts.0, [parts.1.first().copied().unwrap_or(65)])
            });
            if width > 64 {
                return Err(FormatError::content(what));
            }
            stretches.push(Stretch { least: u64::from_le_bytes(least), width, start });
            let bits = left.min(STRETCH).saturating_mul(usize::from(width));
            start = start.saturating_add(bits.div_ceil(8));
            left = left.saturating_sub(STRETCH);
        }
        let packed = reader.rest();
        let whole = start.checked_add(MARGIN) == Some(packed.len());
        if !whole || !is_zero(packed.get(start..).unwrap_or_default()) {
            return Err(FormatError::content(what));
        }
        Ok(Self { count, stretches, bytes: part(packed) })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// One number; `None` behind the last.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<u64> {
        if index >= self.count {
            return None;
        }
        self.get_in(self.stretches.get(index / STRETCH)?, index % STRETCH)
    }

    /// One number of a stretch.
    #[inline]
    fn get_in(&self, stretch: &Stretch, index: usize) -> Option<u64> {
        let Stretch { least, width, start } = *stretch;
        if width == 0 {
            return Some(least);
        }
        let bit = index.checked_mul(usize::from(width))?;
        let at = start.checked_add(bit / 8)?;
        let bits = self.bytes.as_ref().get(at..)?.first_chunk::<16>()?;
        let shifted = u128::from_le_bytes(*bits) >> (bit % 8);
        let mask = (1_u128 << width).saturating_sub(1);
        let difference = u64::try_from(shifted & mask).ok()?;
        Some(least.wrapping_add(difference))
    }

    /// All numbers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let lengths = (0..self.count).step_by(STRETCH).map(|start| {
            let left = self.count.saturating_sub(start);
            left.min(STRETCH)
        });
        let stretches = self.stretches.iter().zip(lengths);
        stretches.flat_map(move |(stretch, length)| {
            (0..length).filter_map(move |index| self.get_in(stretch, index))
        })
    }

    /// How many numbers of a rising column are at most `number`.
    pub(crate) fn count_up_to(&self, number: u64) -> usize {
        let (mut low, mut high) = (0, self.count);
        // Halves the distance in each round.
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(|found| found <= number) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pack(numbers: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_packed(numbers, &mut bytes);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Packed<Vec<u8>>, FormatError> {
        Packed::parse(bytes, "column", <[u8]>::to_vec)
    }

    #[test]
    fn close_numbers_take_few_bits() {
        let numbers: Vec<u64> = (0..10_000).map(|n| 1_750_000_000_000 + n * 2).collect();
        let bytes = pack(&numbers);
        assert!(bytes.len() < 10_000 * 10 / 8, "{} bytes", bytes.len());
        let column = parse(&bytes).expect("sound");
        assert_eq!(column.count_up_to(1_750_000_000_007), 4);
        assert_eq!(column.count_up_to(0), 0);
        assert_eq!(column.count_up_to(u64::MAX), 10_000);
    }

    #[test]
    fn equal_numbers_take_no_bits() {
        let column = parse(&pack(&[7; 300])).expect("sound");
        assert!(column.iter().eq([7; 300]));
    }

    #[test]
    fn a_column_cut_anywhere_is_an_error() {
        let bytes = pack(&[1, 5, 900, u64::MAX]);
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_err(), "cut at {length}");
        }
    }

    proptest! {
        #[test]
        fn any_numbers_come_back_as_they_were(
            numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0..50_u64], 0..700),
        ) {
            let column = parse(&pack(&numbers)).unwrap();
            prop_assert_eq!(column.len(), numbers.len());
            prop_assert_eq!(column.iter().collect::<Vec<_>>(), numbers);
            prop_assert_eq!(column.get(column.len()), None);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(column) = parse(&bytes) {
                prop_assert!(column.iter().count() <= column.len());
            }
        }
    }
}
