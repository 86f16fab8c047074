//! Why a value could not be encoded or decoded.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::append::Cause;
use crate::event::CodecId;

/// Why a value could not be turned into bytes, or bytes into a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The codec cannot write such a value.
    Encode(Cause),
    /// The bytes are not those of such a value.
    Decode(Cause),
    /// There are bytes behind the value: it was written as another type.
    TrailingBytes,
    /// The bytes are more than the codec takes.
    TooLarge,
    /// No codec here has this id.
    UnknownCodec(CodecId),
}

impl CodecError {
    pub(super) fn encode(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::Encode(Arc::new(cause))
    }

    pub(super) fn decode(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::Decode(Arc::new(cause))
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(_) => f.write_str("the codec cannot write such a value"),
            Self::Decode(_) => f.write_str("the bytes are not those of such a value"),
            Self::TrailingBytes => f.write_str("there are bytes behind the value"),
            Self::TooLarge => f.write_str("the bytes are more than the codec takes"),
            Self::UnknownCodec(codec) => write!(f, "no codec here has the id {}", codec.get()),
        }
    }
}

impl Error for CodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode(cause) | Self::Decode(cause) => Some(&**cause),
            _ => None,
        }
    }
}
