//! Why bytes are not what they should be.

use std::error::Error;
use std::fmt;

use crate::read::DamageKind;

/// Bytes that are not a whole, unchanged structure of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatError {
    kind: DamageKind,
    what: &'static str,
}

impl FormatError {
    pub(crate) const fn new(kind: DamageKind, what: &'static str) -> Self {
        Self { kind, what }
    }

    pub(crate) const fn truncated(what: &'static str) -> Self {
        Self::new(DamageKind::Truncated, what)
    }

    pub(crate) const fn content(what: &'static str) -> Self {
        Self::new(DamageKind::Content, what)
    }

    pub(crate) const fn checksum(what: &'static str) -> Self {
        Self::new(DamageKind::Checksum, what)
    }

    /// The sort of damage.
    pub fn kind(&self) -> DamageKind {
        self.kind
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.kind)
    }
}

impl Error for FormatError {}
