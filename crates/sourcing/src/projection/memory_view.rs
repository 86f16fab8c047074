//! Output in memory.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use steadfast_eventlog::Position;

use super::store::{OutputError, ProjectionStore};

/// A value in memory with its offset, empty at each start of the process: rebuilt from the log then.
///
/// A unit is a copy of the value, which takes its place when it is committed; so readers see whole units
/// only. For values that are cheap to clone next to handling a batch. Clones share the value.
///
/// # Example
///
/// ```
/// use steadfast_sourcing::projection::MemoryView;
///
/// let view = MemoryView::<Vec<String>>::default();
/// assert!(view.read(|names| names.is_empty()));
/// ```
pub struct MemoryView<V> {
    held: Arc<RwLock<Held<V>>>,
}

#[derive(Default)]
struct Held<V> {
    value: V,
    offset: Position,
}

impl<V> MemoryView<V> {
    /// Looks at the value as the last committed unit left it.
    pub fn read<R>(&self, look: impl FnOnce(&V) -> R) -> R {
        look(&self.held.read().unwrap_or_else(PoisonError::into_inner).value)
    }

    /// The position up to which the log is in the value.
    pub fn offset(&self) -> Position {
        self.held.read().unwrap_or_else(PoisonError::into_inner).offset
    }

    fn put(&self, value: V, offset: Position) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held { value, offset };
    }
}

impl<V: Default> Default for MemoryView<V> {
    fn default() -> Self {
        Self { held: Arc::default() }
    }
}

impl<V> Clone for MemoryView<V> {
    fn clone(&self) -> Self {
        Self { held: Arc::clone(&self.held) }
    }
}

impl<V> fmt::Debug for MemoryView<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryView").field("offset", &self.offset()).finish_non_exhaustive()
    }
}

#[async_trait]
impl<V: Default + Clone + Send + Sync + 'static> ProjectionStore for MemoryView<V> {
    type Output = V;

    async fn begin(&self) -> Result<(V, Position), OutputError> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Ok((held.value.clone(), held.offset))
    }

    async fn commit(&self, output: V, offset: Position) -> Result<(), OutputError> {
        self.put(output, offset);
        Ok(())
    }

    async fn reset(&self) -> Result<(), OutputError> {
        self.put(V::default(), Position::ZERO);
        Ok(())
    }
}
