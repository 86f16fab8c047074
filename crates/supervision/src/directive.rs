//! What a supervisor is told to do about one failure.

use serde::{Deserialize, Serialize};

/// The answer of a decider to one failure of one child.
///
/// The decider is asked only about failures; normal ends follow the
/// [`RestartPolicy`](crate::RestartPolicy) alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Directive {
    /// Keep state and mailbox, skip the failing message. Spends no budget.
    ///
    /// Where no state is left (a failed start, a kill, a melted supervisor) it stops the child.
    Resume,
    /// Start a new incarnation, if the child's policy allows it. The default.
    #[default]
    Restart,
    /// End the child for good.
    Stop,
    /// End the supervisor with `Escalated`, so that its own parent decides.
    Escalate,
}

impl Directive {
    /// The name used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Restart => "restart",
            Self::Stop => "stop",
            Self::Escalate => "escalate",
        }
    }
}
