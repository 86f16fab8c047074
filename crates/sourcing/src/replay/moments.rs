//! Checkpoints with a description: moments of a replay that a person wants to come back to.

use steadfast_base::Timestamp;

use super::{NAMED_CHECKPOINTS_MAX, ReplayController, ReplayError};

/// A checkpoint that was set by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedCheckpoint {
    /// What it was called.
    pub description: String,
    /// Steps played by then.
    pub step: u64,
    /// The latest time of a step so far.
    pub at: Timestamp,
}

impl ReplayController {
    /// Keeps the present moment under a description; one of the same description is replaced.
    ///
    /// # Errors
    ///
    /// [`ReplayError::TooManyCheckpoints`] beyond [`NAMED_CHECKPOINTS_MAX`].
    pub fn checkpoint(&mut self, description: impl Into<String>) -> Result<(), ReplayError> {
        let description = description.into();
        if self.named.len() >= NAMED_CHECKPOINTS_MAX && !self.named.contains_key(&description) {
            return Err(ReplayError::TooManyCheckpoints { max: NAMED_CHECKPOINTS_MAX });
        }
        let moment = self.present();
        self.named.insert(description, moment);
        Ok(())
    }

    /// The checkpoints that were set by hand, by their description.
    pub fn named_checkpoints(&self) -> Vec<NamedCheckpoint> {
        let named = self.named.iter().map(|(description, moment)| NamedCheckpoint {
            description: description.clone(),
            step: moment.step,
            at: moment.latest,
        });
        named.collect()
    }

    /// Goes to a checkpoint that was set by hand.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NoCheckpoint`] if there is none of this description; else as for
    /// [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the replay stands at a step before the checkpoint.
    pub async fn return_to(&mut self, description: &str) -> Result<(), ReplayError> {
        let moment = self.named.get(description).cloned();
        let moment = moment.ok_or_else(|| ReplayError::NoCheckpoint(description.to_owned()))?;
        let target = moment.step;
        // One without states stands for a number of steps.
        let kept = (!moment.players.is_empty()).then_some(moment);
        self.go_to(kept.or_else(|| self.checkpoints.newest(|moment| moment.step <= target)));
        self.forward(target.saturating_sub(self.step())).await?;
        Ok(())
    }
}
