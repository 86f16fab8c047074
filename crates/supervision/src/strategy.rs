//! Who is restarted with whom, and when a supervisor ends by itself.

use serde::{Deserialize, Serialize};

/// Which children a failure takes down and brings back.
///
/// A group comes back as it is listed: those of it that had stopped before are started too, as in OTP;
/// temporary ones are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Only the child that failed. The default.
    #[default]
    OneForOne,
    /// All children: stopped in reverse order, then started in order.
    AllForOne,
    /// The child that failed and those after it in the list.
    RestForOne,
    /// Many children of one template (OTP's `simple_one_for_one`), each for itself.
    Dynamic,
}

impl Strategy {
    /// Whether a failure takes siblings down.
    pub const fn is_group(self) -> bool {
        matches!(self, Self::AllForOne | Self::RestForOne)
    }

    /// The name used in text, DOT and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneForOne => "one_for_one",
            Self::AllForOne => "all_for_one",
            Self::RestForOne => "rest_for_one",
            Self::Dynamic => "dynamic",
        }
    }
}

/// Whether the end of significant children ends the supervisor.
///
/// It fires only when a significant child ends by itself and is not restarted; never by a
/// command or by the restart of a sibling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoShutdown {
    /// It does not. The default.
    #[default]
    Never,
    /// The first significant child that ends shuts the supervisor down.
    AnySignificant,
    /// The last significant child that ends shuts the supervisor down.
    AllSignificant,
}
