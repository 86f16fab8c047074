//! The right to run one call.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::thread;

use crate::names;

use super::Inner;

/// A place in a bulkhead; dropping it gives the place back, whatever the call came to.
///
/// Say how the call ended where it is known: a dropped permit counts as neither success nor failure,
/// but one that is dropped by a panic counts as a failure.
#[must_use = "dropping a permit at once gives the place back"]
pub struct BulkheadPermit<'a> {
    owner: Owner<'a>,
    ending: Ending,
}

impl<'a> BulkheadPermit<'a> {
    #[inline]
    pub(super) fn new(owner: Owner<'a>) -> Self {
        owner.events.emit(names::BULKHEAD_PERMITTED, || []);
        Self { owner, ending: Ending::Dropped }
    }

    /// The call ended well.
    #[inline]
    pub fn succeed(mut self) {
        self.ending = Ending::Succeeded;
    }

    /// The call ended with a failure.
    #[inline]
    pub fn fail(mut self) {
        self.ending = Ending::Failed;
    }
}

impl Drop for BulkheadPermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.ending == Ending::Dropped && thread::panicking() {
            self.ending = Ending::Failed;
        }
        self.owner.give_back(self.ending);
    }
}

impl fmt::Debug for BulkheadPermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadPermit").finish_non_exhaustive()
    }
}

/// How a permitted call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeded,
    Failed,
    Dropped,
}

impl Ending {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// The bulkhead of a permit or of a wait.
pub(super) enum Owner<'a> {
    Borrowed(&'a Inner),
    Shared(Arc<Inner>),
}

impl Deref for Owner<'_> {
    type Target = Inner;

    #[inline]
    fn deref(&self) -> &Inner {
        match self {
            Self::Borrowed(inner) => inner,
            Self::Shared(inner) => inner,
        }
    }
}
