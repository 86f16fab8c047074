//! Results of what happens outside of the actors: recorded once, and never asked for again.

use std::future::pending;

use serde::{Serialize, de::DeserializeOwned};

use steadfast_actor_core::tape::{self, Outcome, Output, OutputKind, Passage, Recalled};
use steadfast_eventlog::Payload;

use super::vocabulary::CODEC;

/// Runs a future for its result, which is recorded; in a replay the result comes from the record.
///
/// The way to files, sockets, configuration and anything else that is not asked of the actor's
/// [`Cx`](steadfast_actor_core::Cx) or of another actor. Off tape it is the future and nothing else. In a
/// replay the future is dropped unpolled; what was done to make it has been done.
///
/// Use it inside of a turn: a future piped to the actor needs none, its result comes as a message.
///
/// # Source
///
/// `ctx.run` of Restate, side effects of Temporal.
///
/// # Cancel safety
///
/// As cancel safe as the future.
///
/// # Example
///
/// ```
/// use steadfast_sourcing::record::effect;
///
/// # steadfast_eventlog::block_on(async {
/// let rate: u64 = effect("exchange-rate", async { 42 }).await;
/// assert_eq!(rate, 42);
/// # });
/// ```
pub async fn effect<T, F>(name: &str, future: F) -> T
where
    T: Serialize + DeserializeOwned,
    F: Future<Output = T>,
{
    let type_name = std::any::type_name::<T>();
    let keep = |value: &T| Payload::encode(CODEC, type_name, 1, value).ok();
    effect_by(name, type_name, future, keep, |payload| payload.decode().ok()).await
}

/// As [`effect`], for a result that is kept in another form: `give` makes it of what `keep` made.
pub(crate) async fn effect_by<T>(
    name: &str,
    type_name: &'static str,
    future: impl Future<Output = T>,
    keep: impl FnOnce(&T) -> Option<Payload>,
    give: impl FnOnce(Payload) -> Option<T>,
) -> T {
    match announce(name, type_name) {
        None => future.await,
        Some(Passage::Out(number)) => {
            let value = future.await;
            if let Some(payload) = keep(&value) {
                tape::with(|tape| tape.outcome(number, Outcome::Bytes(payload.bytes())));
            }
            value
        }
        Some(Passage::Kept(number)) => {
            drop(future);
            match recall(number, type_name).and_then(give) {
                Some(value) => value,
                // Not on the tape: the replay says so, and takes the turn no further.
                None => pending().await,
            }
        }
    }
}

fn announce(name: &str, type_name: &'static str) -> Option<Passage> {
    let output = Output::new(OutputKind::Effect, name, None, type_name);
    tape::with(|tape| tape.output(&output))
}

fn recall(number: u32, type_name: &'static str) -> Option<Payload> {
    match tape::with(|tape| tape.recall(number, None))? {
        Recalled::Bytes(bytes) => Some(Payload::new(CODEC, type_name, 1, bytes.into_vec())),
        _ => None,
    }
}
