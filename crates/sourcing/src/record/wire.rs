//! The bytes of recorded turns: numbers of variable width, and bytes with their length before them.

use bytes::Bytes;

/// Appends fields to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Seven bits a byte, the lowest first; the top bit says that more follow (LEB128).
    pub(crate) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(low_byte(value) | 0x80);
            value >>= 7;
        }
        self.0.push(low_byte(value));
    }

    /// A difference: its sign in the lowest bit, so that small ones stay short (zigzag).
    pub(crate) fn difference(&mut self, from: u64, to: u64) {
        let difference = to.wrapping_sub(from).cast_signed();
        self.number(((difference << 1) ^ (difference >> 63)).cast_unsigned());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn hash(&mut self, hash: &[u8; 32]) {
        self.0.extend_from_slice(hash);
    }
}

fn low_byte(value: u64) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or(0)
}

/// Reads fields off shared bytes, without copying them.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    bytes: Bytes,
    at: usize,
}

/// The bytes are not those of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Reader {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        let byte = *self.bytes.get(self.at).ok_or(Malformed)?;
        self.at = self.at.saturating_add(1);
        Ok(byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub(crate) fn number_u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.number()?).ok().ok_or(Malformed)
    }

    pub(crate) fn difference(&mut self, from: u64) -> Result<u64, Malformed> {
        let zigzag = self.number()?;
        let difference = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        Ok(from.wrapping_add(difference.cast_unsigned()))
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let length = usize::try_from(self.number()?).ok().ok_or(Malformed)?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(Malformed)?;
        let bytes = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        String::from_utf8(self.bytes()?.into()).ok().ok_or(Malformed)
    }

    pub(crate) fn hash(&mut self) -> Result<[u8; 32], Malformed> {
        let end = self.at.saturating_add(32);
        let hash = self.bytes.get(self.at..end).and_then(|hash| hash.try_into().ok());
        self.at = end;
        hash.ok_or(Malformed)
    }

    /// Everything read: a record has no bytes behind it.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            numbers in prop::collection::vec(any::<u64>(), 0..8),
            from in any::<u64>(),
            to in any::<u64>(),
            text in ".{0,40}",
        ) {
            let mut writer = Writer::default();
            for number in &numbers {
                writer.number(*number);
            }
            writer.difference(from, to);
            writer.bytes(text.as_bytes());
            let mut reader = Reader::new(writer.0.into());
            for number in numbers {
                prop_assert_eq!(reader.number(), Ok(number));
            }
            prop_assert_eq!(reader.difference(from), Ok(to));
            prop_assert_eq!(reader.text(), Ok(text));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(bytes.into());
            while reader.number().is_ok() && reader.bytes().is_ok() {}
            prop_assert!(reader.at <= reader.bytes.len());
        }
    }
}
