//! The event of a change that a plain actor recorded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The type name of [`StateChange`] in the log; its version is 1.
pub const CHANGE_TYPE: &str = "steadfast.StateChange";

/// What changed in a plain actor, as it is stored: field by field, with names.
///
/// # Example
///
/// ```
/// use steadfast_eventlog::{CodecId, Payload};
/// use steadfast_sourcing::persist::{CHANGE_TYPE, StateChange};
///
/// let change = StateChange::new("balance", 5_u64, 8);
/// let stored = Payload::encode(CodecId::NAMED, CHANGE_TYPE, 1, &change)?;
/// assert_eq!(stored.decode::<StateChange<u64>>()?, change);
/// # Ok::<(), steadfast_eventlog::CodecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StateChange<T> {
    /// What sort of change it is, in the application's words.
    pub kind: String,
    /// What was before.
    pub old: T,
    /// What is now.
    pub new: T,
    /// What the application wants to know about it later.
    pub metadata: BTreeMap<String, String>,
}

impl<T> StateChange<T> {
    /// A change without metadata.
    pub fn new(kind: impl Into<String>, old: T, new: T) -> Self {
        Self { kind: kind.into(), old, new, metadata: BTreeMap::new() }
    }
}
