//! Feature switches: one word that says which features are on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The switches of all features; alone on its cache line, since it is read everywhere.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Word(AtomicU64);

/// The writing end.
#[derive(Clone, Debug, Default)]
pub(super) struct Switches(Arc<Word>);

impl Switches {
    /// Switches all features at once.
    pub(super) fn set(&self, on: u64) {
        self.0.0.store(on, Ordering::Release);
    }

    /// The switch of the feature with this bit.
    pub(super) fn switch(&self, bit: usize, name: &Arc<str>) -> FeatureSwitch {
        let mask = u32::try_from(bit).ok().and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0);
        FeatureSwitch { word: Arc::clone(&self.0), mask, name: Arc::clone(name) }
    }
}

/// Tells whether one feature is on at the current level; costs one load.
///
/// Get it once, from [`Degradation::feature`](crate::Degradation::feature), and keep it where the question
/// is asked. All features change at once when the level does. A switch outlives its degradation and
/// then stays as it was.
///
/// # Example
///
/// See [`Degradation`](crate::Degradation).
#[derive(Clone)]
pub struct FeatureSwitch {
    word: Arc<Word>,
    mask: u64,
    name: Arc<str>,
}

impl FeatureSwitch {
    /// Whether the feature is on.
    ///
    /// # Example
    ///
    /// See [`Degradation`](crate::Degradation).
    #[inline]
    pub fn is_on(&self) -> bool {
        self.word.0.load(Ordering::Acquire) & self.mask != 0
    }

    /// The feature's name.
    ///
    /// # Example
    ///
    /// See [`Degradation`](crate::Degradation).
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for FeatureSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureSwitch")
            .field("name", &self.name)
            .field("on", &self.is_on())
            .finish_non_exhaustive()
    }
}
