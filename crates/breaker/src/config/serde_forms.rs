//! Serialized forms of settings: durations as seconds, absent rules as the word "off".

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value, or the word "off" (TOML has no null).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OrOff<T> {
    Value(T),
    Word(Off),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Off {
    Off,
}

impl<T> From<Option<T>> for OrOff<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Word(Off::Off), Self::Value)
    }
}

impl<T> From<OrOff<T>> for Option<T> {
    fn from(value: OrOff<T>) -> Self {
        match value {
            OrOff::Value(value) => Some(value),
            OrOff::Word(Off::Off) => None,
        }
    }
}

fn to_duration<E: serde::de::Error>(seconds: f64) -> Result<Duration, E> {
    Duration::try_from_secs_f64(seconds).map_err(E::custom)
}

/// A duration as seconds.
pub(super) mod seconds {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, to_duration};

    pub(in crate::config) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_secs_f64().serialize(serializer)
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        to_duration(f64::deserialize(deserializer)?)
    }
}

/// A rule, or "off".
pub(super) mod or_off {
    use super::{Deserialize, Deserializer, OrOff, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(in crate::config) fn serialize<T: Serialize + Copy, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        OrOff::from(*value).serialize(serializer)
    }

    pub(in crate::config) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        OrOff::deserialize(deserializer).map(Into::into)
    }
}

/// A duration as seconds, or "off".
pub(super) mod or_off_seconds {
    use super::{Deserializer, Duration, Serializer, or_off, to_duration};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(in crate::config) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        or_off::serialize(&value.map(|value| value.as_secs_f64()), serializer)
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        or_off::deserialize::<f64, D>(deserializer)?.map(to_duration).transpose()
    }
}
