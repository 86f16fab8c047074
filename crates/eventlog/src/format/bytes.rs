//! Reading numbers off the front of a slice.

use super::FormatError;

/// What is left of a slice that is read from front to back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader of the structure `what`, which errors will name.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or(FormatError::truncated(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes `count` items of `N` bytes each.
    pub(crate) fn column<const N: usize>(
        &mut self,
        count: usize,
    ) -> Result<&'a [[u8; N]], FormatError> {
        let length = count.checked_mul(N).ok_or(FormatError::truncated(self.what))?;
        let (items, _) = self.take(length)?.as_chunks::<N>();
        Ok(items)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(FormatError::truncated(self.what))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, FormatError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes a number in seven bits a byte, the lowest first (LEB128); only its shortest form.
    pub(crate) fn varint(&mut self) -> Result<u64, FormatError> {
        let mut number = 0_u64;
        for shift in (0..64_u32).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << shift;
            if shifted >> shift != bits || (byte == 0 && shift > 0) {
                return Err(FormatError::content(self.what));
            }
            number |= shifted;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(FormatError::content(self.what))
    }

    /// Takes a text whose length in bytes stands before it.
    pub(crate) fn text(&mut self) -> Result<&'a str, FormatError> {
        let length = usize::try_from(self.varint()?);
        let length = length.map_err(|_too_long| FormatError::truncated(self.what))?;
        let bytes = self.take(length)?;
        str::from_utf8(bytes).map_err(|_not_utf8| FormatError::content(self.what))
    }
}

/// Whether every byte is zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().all(|word| u64::from_le_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// Writes bytes at an offset; nothing happens outside of the target, which no caller asks for.
pub(crate) fn put(target: &mut [u8], offset: usize, bytes: &[u8]) {
    let place = offset.checked_add(bytes.len()).and_then(|end| target.get_mut(offset..end));
    if let Some(place) = place {
        place.copy_from_slice(bytes);
    }
}

/// Appends a number in seven bits a byte, the lowest first.
pub(crate) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        out.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    out.push(low);
}

/// Appends a text with its length before it.
pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(u64::from(narrow(text.len())), out);
    out.extend_from_slice(text.as_bytes());
}

/// A length as it is stored; every caller has checked it against a limit far below.
pub(crate) fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A stored length as one in memory.
pub(crate) fn widen(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// A length rounded up to whole blocks.
pub(crate) fn round_up(length: usize, block: usize) -> usize {
    length.checked_next_multiple_of(block).unwrap_or(usize::MAX)
}
