//! Payloads: opaque bytes with what is needed to read them years later.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::TypeName;

/// Bytes, the codec that wrote them, and the name and version of the type they hold.
///
/// The log never looks inside. Cloning shares the bytes.
///
/// # Example
///
/// ```
/// use steadfast_eventlog::{CodecId, Payload};
///
/// let payload = Payload::new(CodecId::JSON, "bank.Deposited", 2, r#"{"cents":500}"#);
/// assert_eq!((payload.version(), payload.bytes().len()), (2, 13));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payload {
    bytes: Bytes,
    type_name: TypeName,
    version: u16,
    codec: CodecId,
}

impl Payload {
    /// A payload of these parts; `version` counts the shapes its type has had, from 1.
    pub fn new(
        codec: CodecId,
        type_name: impl Into<TypeName>,
        version: u16,
        bytes: impl Into<Bytes>,
    ) -> Self {
        Self { bytes: bytes.into(), type_name: type_name.into(), version, codec }
    }

    /// Version 1 of bytes that no codec wrote.
    pub fn raw(type_name: impl Into<TypeName>, bytes: impl Into<Bytes>) -> Self {
        Self::new(CodecId::RAW, type_name, 1, bytes)
    }

    /// The bytes as they were appended.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The name of the type they hold.
    pub fn type_name(&self) -> &TypeName {
        &self.type_name
    }

    /// Which shape of the type they hold, from 1.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// What wrote them.
    pub fn codec(&self) -> CodecId {
        self.codec
    }
}

impl fmt::Debug for Payload {
    /// Shows everything but the bytes, which may be large or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, type_name, version, codec } = self;
        write!(f, "Payload({type_name} v{version}, {codec}, {} bytes)", bytes.len())
    }
}

/// Which codec wrote a payload.
///
/// | Id | Codec | For |
/// |---|---|---|
/// | 1 | bincode | compact, short-lived; an added field silently changes the meaning |
/// | 2 | field-named (`MessagePack` with names) | long-lived events; the one to choose |
/// | 3 | JSON | people and other languages |
/// | 4 | raw | bytes that are their own format |
///
/// Other ids are free for codecs of an application, from 128 on.
///
/// # Example
///
/// ```
/// use steadfast_eventlog::CodecId;
///
/// assert_eq!(CodecId::NAMED.get(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodecId(u8);

impl CodecId {
    /// bincode in one fixed configuration.
    pub const BINCODE: Self = Self(1);
    /// `MessagePack` with field names.
    pub const NAMED: Self = Self(2);
    /// JSON.
    pub const JSON: Self = Self(3);
    /// Bytes as they are.
    pub const RAW: Self = Self(4);

    /// The codec with this number.
    pub const fn new(id: u8) -> Self {
        Self(id)
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BINCODE => f.pad("bincode"),
            Self::NAMED => f.pad("named"),
            Self::JSON => f.pad("json"),
            Self::RAW => f.pad("raw"),
            Self(id) => write!(f, "codec {id}"),
        }
    }
}
