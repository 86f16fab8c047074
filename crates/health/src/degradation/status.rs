//! What is known of the level: for operators, and the errors of asking for what is not there.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::resource::Resource;

/// The level in force, what it switches, and what it comes from.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DegradationStatus {
    /// The level in force.
    pub level: String,
    /// The level that the readings ask for.
    pub automatic_level: String,
    /// Whether the level in force was applied by hand and holds until released.
    pub pinned: bool,
    /// Each feature, in the order of their names, and whether it is on.
    pub features: Vec<(String, bool)>,
    /// The last reading of each monitor, in the order in which they were added.
    pub readings: Vec<ReadingStatus>,
}

/// The last reading of one monitor.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadingStatus {
    /// The monitor's name.
    pub monitor: String,
    /// What it measures.
    pub resource: Resource,
    /// The share in use, 0 to 1; none before the first reading.
    pub reading: Option<f64>,
    /// How old that is.
    #[serde(serialize_with = "maybe_seconds", rename = "age_seconds")]
    pub age: Option<Duration>,
    /// Whether it is too old to count.
    pub stale: bool,
    /// Why the last attempt to read failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn maybe_seconds<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(serializer)
}

/// There is no level of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(pub(super) String);

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no level {:?}", self.0)
    }
}

impl Error for UnknownLevel {}

/// There is no feature of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFeature(pub(super) String);

impl fmt::Display for UnknownFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no feature {:?}", self.0)
    }
}

impl Error for UnknownFeature {}
