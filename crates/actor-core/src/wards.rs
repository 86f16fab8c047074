//! What a supervisor needs of its context: signals while it starts or stops, and an orderly end
//! of the children that it leaves behind.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    Actor, ActorHandle, Cx, Signal,
    cell::{ChildCell, Control, Flags},
};

/// How long the end of a supervisor waits for the children that its state left behind.
pub const WARDS_WAIT: Duration = Duration::from_millis(900);

/// Children that were killed when the state of their supervisor was dropped.
///
/// The supervisor's cell waits for their end, at most 900 ms, before it says that it has ended or
/// starts again: so their names are free by then.
#[derive(Clone, Debug, Default)]
pub struct Wards(Arc<Mutex<Vec<ActorHandle>>>);

impl Wards {
    /// Hands a child over.
    pub fn leave(&self, child: ActorHandle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    }

    fn take(&self) -> Vec<ActorHandle> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The seam for supervisors. Plain code has no use for it.
impl<A: Actor> Cx<A> {
    /// Where the state leaves its children when it is dropped.
    pub fn wards(&mut self) -> Wards {
        self.extras().wards.get_or_insert_default().clone()
    }

    /// The next signal of the control lane, for a hook that has to wait for one.
    pub fn poll_signal(&mut self, _: &mut Context<'_>) -> Poll<Signal> {
        // The task's waker was stored before its first start, and every signal wakes it.
        let mut rare = self.cell.rare();
        let Some(desk) = rare.desk.as_mut() else { return Poll::Pending };
        let place = desk.queue.iter().position(|waiting| matches!(waiting, Control::Signal(_)));
        match place.and_then(|place| desk.queue.remove(place)) {
            Some(Control::Signal(signal)) => Poll::Ready(signal),
            _ => Poll::Pending,
        }
    }

    /// True if the actor has been told to stop and has not come to it yet.
    #[must_use]
    pub fn is_told_to_stop(&self) -> bool {
        self.cell.flags.has(Flags::STOP)
    }

    pub(crate) async fn await_wards(&mut self) {
        let Some(wards) = self.extras_mut().and_then(|extras| extras.wards.as_ref()) else {
            return;
        };
        let left = wards.take();
        if left.is_empty() {
            return;
        }
        let system = Arc::clone(&self.cell.system);
        let gone = async {
            for child in left {
                ChildCell(child.cell_any()).gone(&system).await;
            }
        };
        // Those that compute without awaiting are left behind.
        let _late = system.time.timeout(WARDS_WAIT, gone).await;
    }
}
