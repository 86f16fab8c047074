//! What became of keeping a state, on the tape of a recorded actor.

use serde::Serialize;
use serde::de::DeserializeOwned;

use steadfast_base::{EventId, Timestamp};
use steadfast_eventlog::{Appended, Payload, Placed, Seq};
use steadfast_snapshot::SnapshotInfo;

use super::error::PersistError;
use super::persistence::PersistedSnapshot;
use crate::record::effect_by;
use crate::record::vocabulary::CODEC;

/// A result that can be kept on a tape, and given again from there.
pub(super) trait Taped: Sized {
    /// The form it is kept in.
    type Kept: Serialize + DeserializeOwned;

    fn keep(&self) -> Option<Self::Kept>;
    fn give(kept: Self::Kept) -> Option<Self>;
}

/// Runs a future for its result; of a recorded actor, the result goes to the record, and in a replay it comes
/// from there: nothing is saved or written then.
pub(super) async fn taped<T: Taped>(
    name: &str,
    future: impl Future<Output = Result<T, PersistError>>,
) -> Result<T, PersistError> {
    let type_name = std::any::type_name::<T::Kept>();
    let keep = |result: &Result<T, PersistError>| {
        let kept = match result {
            Ok(value) => Ok(value.keep()?),
            Err(error) => Err(error.to_string()),
        };
        Payload::encode(CODEC, type_name, 1, &kept).ok()
    };
    let give = |payload: Payload| {
        let kept = payload.decode::<Result<T::Kept, String>>().ok()?;
        Some(match kept {
            Ok(kept) => Ok(T::give(kept)?),
            Err(text) => Err(PersistError::Recorded(text.into())),
        })
    };
    effect_by(name, type_name, future, keep, give).await
}

impl Taped for SnapshotInfo {
    type Kept = Self;

    fn keep(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn give(kept: Self) -> Option<Self> {
        Some(kept)
    }
}

impl Taped for Appended {
    type Kept = (Vec<Placed>, bool);

    fn keep(&self) -> Option<Self::Kept> {
        Some((self.places.as_slice().to_vec(), self.duplicate))
    }

    fn give((places, duplicate): Self::Kept) -> Option<Self> {
        Some(Self { places: places.into(), duplicate })
    }
}

/// A state that was found again: encoded, number, time, id, how many were passed over.
type KeptSnapshot = (Vec<u8>, Seq, Timestamp, Option<EventId>, usize);

impl<S: Serialize + DeserializeOwned> Taped for Option<PersistedSnapshot<S>> {
    type Kept = Option<KeptSnapshot>;

    fn keep(&self) -> Option<Self::Kept> {
        let Some(found) = self else { return Some(None) };
        let PersistedSnapshot { state, seq, at, event, passed_over } = found;
        let state = Payload::encode(CODEC, STATE, 1, state).ok()?;
        Some(Some((state.bytes().to_vec(), *seq, *at, *event, *passed_over)))
    }

    fn give(kept: Self::Kept) -> Option<Self> {
        let Some((state, seq, at, event, passed_over)) = kept else { return Some(None) };
        let state = Payload::new(CODEC, STATE, 1, state).decode().ok()?;
        Some(Some(PersistedSnapshot { state, seq, at, event, passed_over }))
    }
}

/// The type of a state within a record.
const STATE: &str = "state";
