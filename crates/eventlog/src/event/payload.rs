//! Payloads: opaque bytes with what is needed to read them years later.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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
#[derive(Clone, PartialEq, Eq, Hash)]
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

/// A payload where people read it: text where the bytes are text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Readable<'a> {
    #[serde(rename = "type")]
    type_name: TypeName,
    version: u16,
    codec: CodecId,
    #[serde(skip_serializing_if = "Option::is_none", borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    hex: Option<String>,
}

impl Serialize for Payload {
    /// In human-readable formats the bytes are `text`, or `hex` where they are not UTF-8.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { bytes, type_name, version, codec } = self;
        if !serializer.is_human_readable() {
            return (type_name, version, codec, bytes).serialize(serializer);
        }
        let text = str::from_utf8(bytes).ok().map(Cow::Borrowed);
        let hex = text.is_none().then(|| to_hex(bytes));
        let (type_name, version, codec) = (type_name.clone(), *version, *codec);
        Readable { type_name, version, codec, text, hex }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let (type_name, version, codec, bytes) =
                <(TypeName, u16, CodecId, Bytes)>::deserialize(deserializer)?;
            return Ok(Self { bytes, type_name, version, codec });
        }
        let Readable { type_name, version, codec, text, hex } =
            Readable::deserialize(deserializer)?;
        let bytes = match (text, hex) {
            (Some(text), None) => Some(text.into_owned().into_bytes()),
            (None, Some(hex)) => from_hex(&hex),
            _ => None,
        };
        let bytes = bytes.ok_or_else(|| de::Error::custom("a payload is either text or hex"))?;
        Ok(Self { bytes: bytes.into(), type_name, version, codec })
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8; 2]| Some((digit(pair[0])? << 4) | digit(pair[1])?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
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
