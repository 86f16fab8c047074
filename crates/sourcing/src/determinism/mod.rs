//! The runtime check of determinism: the same inputs, several times at once, and a look at what comes out.
//!
//! A handler that is not deterministic cannot be replayed. [`Check`] finds out without a recording: it
//! takes each input in several worlds that agree in everything a handler may look at (its clock, its
//! randomness) and differ in all else: the machine's clock moves on, hash maps have other keys, and the
//! clock behind the actor's back reads otherwise. [`replays_alike`] does so with a recording.
//!
//! `docs/determinism.md` lists what breaks it, and the lints that find it at compile time.

mod check;

use crate::replay::{ReplayBuilder, ReplayError};

pub use self::check::{CHECK_WORLDS_DEFAULT, Check, CheckError};

/// Runs a replay several times, and says whether all came to the same state.
///
/// Each run is compared with the record as well, so that most of what is not deterministic is an error of
/// the first one. What differs between two runs without differing from the record (a state that was never
/// hashed in the recording) is found here.
///
/// # Errors
///
/// [`ReplayError`] of the first run that had one.
///
/// # Cancel safety
///
/// Nothing is lost by dropping the future.
pub async fn replays_alike(
    mut replay: impl FnMut() -> ReplayBuilder,
    runs: u32,
) -> Result<bool, ReplayError> {
    let mut first = None;
    for _ in 0..runs {
        let mut replay = replay().checkpoint_every(0).build().await?;
        while replay.run().await? != crate::replay::Halt::End {}
        let hash = replay.state_hash();
        if *first.get_or_insert(hash) != hash {
            return Ok(false);
        }
    }
    Ok(true)
}
