//! The types that a recording knows by value: what it can hash, keep and give back.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    fmt,
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use steadfast_eventlog::{CodecError, CodecId, Payload, TypeName};

/// The codec of what a recording keeps: compact, read by the same program that wrote it.
pub(crate) const CODEC: CodecId = CodecId::BINCODE;

type Encode = fn(&dyn Any, &TypeName) -> Option<Result<Payload, CodecError>>;
type Decode = fn(&Payload) -> Result<Box<dyn Any + Send>, CodecError>;

#[derive(Clone)]
struct Word {
    name: TypeName,
    encode: Encode,
    decode: Decode,
}

/// The types of messages and answers that a recording can encode.
///
/// A message to an actor, or an answer to an ask, whose type is not known is recorded by the name of
/// its type only: a replay then compares that it was sent, and to whom, but not what it said; and an
/// ask with such an answer cannot be answered in a replay.
///
/// Known from the start: `()`, `bool`, `char`, `String` and the integers and floats.
#[derive(Clone)]
pub struct Vocabulary(Arc<BTreeMap<TypeId, Word>>);

impl Default for Vocabulary {
    fn default() -> Self {
        let plain = Self(Arc::default()).with::<()>().with::<bool>().with::<char>();
        let plain = plain.with::<String>().with::<f32>().with::<f64>();
        let plain = plain.with::<u8>().with::<u16>().with::<u32>().with::<u64>().with::<u128>();
        plain.with::<i8>().with::<i16>().with::<i32>().with::<i64>().with::<i128>()
    }
}

impl Vocabulary {
    /// Also knows this type.
    #[must_use]
    pub fn with<T: Serialize + DeserializeOwned + Send + 'static>(mut self) -> Self {
        let word = Word {
            name: std::any::type_name::<T>().into(),
            encode: |value, name| {
                let value = value.downcast_ref::<T>()?;
                Some(Payload::encode(CODEC, name, 1, value))
            },
            decode: |payload| Ok(Box::new(payload.decode::<T>()?)),
        };
        Arc::make_mut(&mut self.0).insert(TypeId::of::<T>(), word);
        self
    }

    /// The bytes of a value; none if its type is not known or it cannot be encoded.
    pub(crate) fn encode(&self, value: &dyn Any) -> Option<Payload> {
        let word = self.0.get(&value.type_id())?;
        (word.encode)(value, &word.name)?.ok()
    }

    /// The value of a type that these bytes are of; none if the type is not known or they are not.
    pub(crate) fn decode(
        &self,
        wanted: TypeId,
        bytes: bytes::Bytes,
    ) -> Option<Box<dyn Any + Send>> {
        let word = self.0.get(&wanted)?;
        (word.decode)(&Payload::new(CODEC, &word.name, 1, bytes)).ok()
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.values().map(|word| &word.name)).finish()
    }
}
