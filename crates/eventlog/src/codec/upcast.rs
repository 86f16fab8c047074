//! Upcasting: old shapes of payloads become the newest ones, a version at a time.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CodecError;
use crate::event::{Event, Payload, TypeName};

type Step = Box<dyn Fn(&Payload) -> Result<Vec<Payload>, CodecError> + Send + Sync>;

/// Knows the newest version of each type and the steps that lead there, each from vN to vN+1.
///
/// A step may give several payloads, or none; their order is kept. A type or version that is not known is
/// an error, never passed over: an event that is skipped is state that is wrong.
///
/// # Example
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use steadfast_eventlog::{CodecId, Payload, Upcasters};
///
/// #[derive(Serialize, Deserialize)]
/// struct DepositedV1 {
///     euros: u64,
/// }
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Deposited {
///     cents: u64,
/// }
///
/// let upcasters = Upcasters::new()
///     .current("bank.Deposited", 2)
///     .step("bank.Deposited", 1, |old: DepositedV1| vec![Deposited { cents: old.euros * 100 }]);
/// let old = Payload::encode(CodecId::NAMED, "bank.Deposited", 1, &DepositedV1 { euros: 5 })?;
/// let new = upcasters.upcast(old)?;
/// assert_eq!(new[0].decode::<Deposited>()?, Deposited { cents: 500 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Upcasters {
    current: BTreeMap<TypeName, u16>,
    steps: BTreeMap<(TypeName, u16), Step>,
}

impl Upcasters {
    /// The most payloads that one may become.
    pub const PAYLOADS_MAX: usize = 1_024;

    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares the version of a type that the program works with.
    #[must_use]
    pub fn current(mut self, type_name: impl Into<TypeName>, version: u16) -> Self {
        self.current.insert(type_name.into(), version);
        self
    }

    /// Adds the step from version `from` of a type to the next one, over values.
    ///
    /// The new values are encoded with the codec of the old one, under the same type name.
    #[must_use]
    pub fn step<Old, New>(
        self,
        type_name: impl Into<TypeName>,
        from: u16,
        step: impl Fn(Old) -> Vec<New> + Send + Sync + 'static,
    ) -> Self
    where
        Old: DeserializeOwned,
        New: Serialize,
    {
        let next = from.saturating_add(1);
        self.step_payload(type_name, from, move |old| {
            let values = step(old.decode()?);
            let encode = |value| Payload::encode(old.codec(), old.type_name(), next, &value);
            values.into_iter().map(encode).collect()
        })
    }

    /// Adds the step from version `from` of a type to the next one, over payloads.
    ///
    /// What it gives must have the version `from + 1`, and may be of other types.
    #[must_use]
    pub fn step_payload(
        mut self,
        type_name: impl Into<TypeName>,
        from: u16,
        step: impl Fn(&Payload) -> Result<Vec<Payload>, CodecError> + Send + Sync + 'static,
    ) -> Self {
        self.steps.insert((type_name.into(), from), Box::new(step));
        self
    }

    /// What a payload has become by now, in order.
    ///
    /// # Errors
    ///
    /// [`UpcastError`] if a type or version is not known, or a step fails or breaks the rules.
    pub fn upcast(&self, payload: Payload) -> Result<Vec<Payload>, UpcastError> {
        let mut done = Vec::new();
        // What is still to be looked at, the next one last. Ends: versions rise with every step, and
        // the number of payloads is bounded.
        let mut left = vec![payload];
        while let Some(payload) = left.pop() {
            if done.len().saturating_add(left.len()) >= Self::PAYLOADS_MAX {
                return Err(UpcastError::TooMany);
            }
            let (type_name, version) = (payload.type_name().clone(), payload.version());
            if self.current.get(&type_name) == Some(&version) {
                done.push(payload);
                continue;
            }
            let Some(step) = self.steps.get(&(type_name.clone(), version)) else {
                return Err(UpcastError::Unknown { type_name, version });
            };
            let next = step(&payload).map_err(|cause| UpcastError::Step {
                type_name: type_name.clone(),
                version,
                cause,
            })?;
            if next.iter().any(|payload| version.checked_add(1) != Some(payload.version())) {
                return Err(UpcastError::Leap { type_name, version });
            }
            left.extend(next.into_iter().rev());
        }
        Ok(done)
    }

    /// The event with what its payload has become by now: one event for each, alike but for the payload.
    ///
    /// # Errors
    ///
    /// [`UpcastError`] as for [`upcast`](Self::upcast).
    pub fn apply(&self, mut event: Event) -> Result<Vec<Event>, UpcastError> {
        let payload = event.payload.clone();
        let mut payloads = self.upcast(payload)?;
        if let [_] = payloads.as_slice() {
            event.payload = payloads.remove(0);
            return Ok(vec![event]);
        }
        Ok(payloads.into_iter().map(|payload| Event { payload, ..event.clone() }).collect())
    }
}

impl fmt::Debug for Upcasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps.keys().collect();
        f.debug_struct("Upcasters").field("current", &self.current).field("steps", &steps).finish()
    }
}

/// Why a payload could not be brought to the newest version.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum UpcastError {
    /// Nothing is known of this version of this type: the program is older than the event, or the type
    /// was never declared.
    Unknown {
        /// The type.
        type_name: TypeName,
        /// The version.
        version: u16,
    },
    /// A step could not read the old value or write the new one.
    Step {
        /// The type.
        type_name: TypeName,
        /// The version it started from.
        version: u16,
        /// Why.
        cause: CodecError,
    },
    /// A step gave another version than the next one.
    Leap {
        /// The type.
        type_name: TypeName,
        /// The version it started from.
        version: u16,
    },
    /// One payload became more than [`Upcasters::PAYLOADS_MAX`].
    TooMany,
}

impl fmt::Display for UpcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { type_name, version } => {
                write!(f, "version {version} of type {type_name} is not known")
            }
            Self::Step { type_name, version, .. } => {
                write!(f, "the step from version {version} of type {type_name} failed")
            }
            Self::Leap { type_name, version } => {
                write!(
                    f,
                    "the step from version {version} of type {type_name} does not lead to the next"
                )
            }
            Self::TooMany => f.write_str("one payload became too many"),
        }
    }
}

impl Error for UpcastError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Step { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
