//! Payload codecs: what turns values into bytes that can be read years later.

mod error;
mod upcast;

#[cfg(test)]
mod tests;

use std::io::Cursor;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::error::CodecError;
pub use self::upcast::{UpcastError, Upcasters};
use crate::event::{CodecId, Payload, TypeName};

/// The most bytes that the bincode codec reads or writes (4 MiB): no event is larger.
pub const BINCODE_BYTES_MAX: usize = 4 << 20;

/// The bytes of bincode 1: fixed-width, little-endian. Never to be changed.
fn bincode_config() -> impl bincode::config::Config {
    bincode::config::legacy().with_limit::<BINCODE_BYTES_MAX>()
}

impl Payload {
    /// Encodes a value with one of the codecs 1 to 3.
    ///
    /// `version` counts the shapes the type has had; keep the old shapes, frozen, for [`Upcasters`].
    ///
    /// # Errors
    ///
    /// [`CodecError`] if the codec cannot write such a value, or is none of the three.
    ///
    /// # Example
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use steadfast_eventlog::{CodecId, Payload};
    ///
    /// #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// struct Deposited {
    ///     cents: u64,
    /// }
    ///
    /// let payload = Payload::encode(CodecId::NAMED, "bank.Deposited", 1, &Deposited { cents: 500 })?;
    /// assert_eq!(payload.decode::<Deposited>()?, Deposited { cents: 500 });
    /// # Ok::<(), steadfast_eventlog::CodecError>(())
    /// ```
    pub fn encode<T: Serialize + ?Sized>(
        codec: CodecId,
        type_name: impl Into<TypeName>,
        version: u16,
        value: &T,
    ) -> Result<Self, CodecError> {
        let bytes = match codec {
            CodecId::BINCODE => {
                let bytes = bincode::serde::encode_to_vec(value, bincode_config())
                    .map_err(CodecError::encode)?;
                if bytes.len() > BINCODE_BYTES_MAX {
                    return Err(CodecError::TooLarge);
                }
                bytes
            }
            CodecId::NAMED => rmp_serde::to_vec_named(value).map_err(CodecError::encode)?,
            CodecId::JSON => serde_json::to_vec(value).map_err(CodecError::encode)?,
            other => return Err(CodecError::UnknownCodec(other)),
        };
        Ok(Self::new(codec, type_name, version, bytes))
    }

    /// Decodes the value; the caller has looked at type name and version.
    ///
    /// # Errors
    ///
    /// [`CodecError`] if the bytes are not those of one such value and nothing else, or the codec is
    /// none of the three.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, CodecError> {
        let bytes = self.bytes();
        match self.codec() {
            CodecId::BINCODE => {
                let (value, read) = bincode::serde::decode_from_slice(bytes, bincode_config())
                    .map_err(CodecError::decode)?;
                if read < bytes.len() { Err(CodecError::TrailingBytes) } else { Ok(value) }
            }
            CodecId::NAMED => {
                let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes.as_ref()));
                let value = T::deserialize(&mut reader).map_err(CodecError::decode)?;
                let read = usize::try_from(reader.position()).unwrap_or(usize::MAX);
                if read < bytes.len() { Err(CodecError::TrailingBytes) } else { Ok(value) }
            }
            CodecId::JSON => serde_json::from_slice(bytes).map_err(CodecError::decode),
            other => Err(CodecError::UnknownCodec(other)),
        }
    }
}
