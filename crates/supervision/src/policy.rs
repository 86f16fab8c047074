//! When a child that ended is started again.

use serde::{Deserialize, Serialize};

use crate::ExitKind;

/// Which ends of a child lead to a restart.
///
/// | policy | failure | `Normal` | `Shutdown` | OTP |
/// |---|---|---|---|---|
/// | `Never` | no | no | no | temporary |
/// | `OnFailure` (default) | yes | no | no | transient |
/// | `OnStop` | yes | yes | no | |
/// | `Always` | yes | yes | yes | permanent |
///
/// A child that the supervisor itself ended is never restarted by its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// Never; the spec is dropped with the child.
    Never,
    /// After every end that the supervisor did not order.
    Always,
    /// After failures only.
    #[default]
    OnFailure,
    /// After failures and normal ends, not after an ordered shutdown.
    OnStop,
}

impl RestartPolicy {
    /// OTP's `permanent`: [`RestartPolicy::Always`].
    pub const fn permanent() -> Self {
        Self::Always
    }

    /// OTP's `transient`: [`RestartPolicy::OnFailure`].
    pub const fn transient() -> Self {
        Self::OnFailure
    }

    /// OTP's `temporary`: [`RestartPolicy::Never`].
    pub const fn temporary() -> Self {
        Self::Never
    }

    /// Whether a child that ended by itself in this way is started again.
    ///
    /// ```
    /// use steadfast_supervision::{ExitKind, RestartPolicy};
    ///
    /// assert!(RestartPolicy::transient().restarts_after(ExitKind::Meltdown));
    /// assert!(!RestartPolicy::transient().restarts_after(ExitKind::Shutdown));
    /// ```
    pub const fn restarts_after(self, end: ExitKind) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::OnFailure => end.is_failure(),
            Self::OnStop => !matches!(end, ExitKind::Shutdown),
        }
    }
}
