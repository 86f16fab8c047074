//! The one receiving end of an actor's mailbox, held together with the cell that the mailbox is in.

use std::{mem::ManuallyDrop, ops::Deref, sync::Arc};

use super::receive::Receiver;
use crate::{cell::Cell, cell::Envelope, sync::Ordering};

/// An actor's cell with the right to receive from its mailbox; there is one at a time.
///
/// One pointer: the task of an actor lives as long as the actor, so every byte in it counts.
pub(crate) struct Held<M: Send + 'static> {
    cell: Arc<Cell<M>>,
}

impl<M: Send + 'static> Held<M> {
    /// Takes the receiving end, unless it is handed out already.
    pub(crate) fn new(cell: Arc<Cell<M>>) -> Option<Self> {
        let _taken = ManuallyDrop::new(cell.mailbox.receiver()?);
        Some(Self { cell })
    }

    /// The receiving end; dropping it changes nothing.
    #[inline]
    pub(crate) fn inbox(&mut self) -> ManuallyDrop<Receiver<'_, M, Envelope>> {
        ManuallyDrop::new(Receiver::of(&self.cell.mailbox))
    }
}

impl<M: Send + 'static> Deref for Held<M> {
    type Target = Arc<Cell<M>>;

    fn deref(&self) -> &Arc<Cell<M>> {
        &self.cell
    }
}

impl<M: Send + 'static> Drop for Held<M> {
    fn drop(&mut self) {
        self.cell.mailbox.received.store(false, Ordering::Release);
    }
}
