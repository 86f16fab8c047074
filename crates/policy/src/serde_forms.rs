//! Serialized forms of settings: durations as seconds, what is off as the word "off".

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value, or the word "off" (TOML has no null).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OrOff {
    Seconds(f64),
    Word(Off),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Off {
    Off,
}

fn to_duration<E: serde::de::Error>(seconds: f64) -> Result<Duration, E> {
    Duration::try_from_secs_f64(seconds).map_err(E::custom)
}

/// A duration as seconds.
pub(crate) mod seconds {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, to_duration};

    pub(crate) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_secs_f64().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        to_duration(f64::deserialize(deserializer)?)
    }
}

/// A duration as seconds, or "off".
pub(crate) mod or_off_seconds {
    use super::{
        Deserialize, Deserializer, Duration, Off, OrOff, Serialize, Serializer, to_duration,
    };

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let seconds = value.map(|value| OrOff::Seconds(value.as_secs_f64()));
        seconds.unwrap_or(OrOff::Word(Off::Off)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        match OrOff::deserialize(deserializer)? {
            OrOff::Seconds(seconds) => to_duration(seconds).map(Some),
            OrOff::Word(Off::Off) => Ok(None),
        }
    }
}

/// A duration as seconds, or nothing at all.
pub(crate) mod optional_seconds {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, to_duration};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(|value| value.as_secs_f64()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(deserializer)?.map(to_duration).transpose()
    }
}
