//! One event-sourced actor as it was.

use serde::Serialize;

use steadfast_base::Timestamp;

use super::{ReadOnly, ReplayController, ReplayError};
use crate::EventSourced;

/// The state of an event-sourced actor at a time, from its stored events alone; no system is needed.
///
/// `name` is the actor's in the log, `kind/id`. Everything that happened at `at` or before counts, up to the
/// first event that happened later. Of one without events by then it is [`EventSourced::initial`]. In a running
/// system, [`EntityRef::state_at`](crate::EntityRef::state_at) does the same from the nearest snapshot.
///
/// # Errors
///
/// [`ReplayError`] if the log cannot be read, its first events are gone, or an event is not one that this program
/// knows.
///
/// # Cancel safety
///
/// Nothing is lost by dropping the future.
pub async fn state_at<E: EventSourced + Serialize + Clone>(
    log: impl Into<ReadOnly>,
    name: &str,
    at: Timestamp,
) -> Result<E, ReplayError> {
    let (kind, id) = name.split_once('/').unwrap_or((name, ""));
    let replay = ReplayController::builder(log).entities::<E>(kind).only_entities([name]);
    let mut replay = replay.checkpoint_every(0).build().await?;
    replay.travel_to(at).await?;
    Ok(replay.entity::<E>(name).cloned().unwrap_or_else(|| E::initial(id)))
}
