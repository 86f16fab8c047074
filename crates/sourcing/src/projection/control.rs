//! Looking at a projection and telling it what to do.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use steadfast_eventlog::{EventStore, Position};

use super::status::{ProjectionState, ProjectionStatus};

/// Looks at a projection and tells it what to do, from anywhere. Clones are alike.
#[derive(Clone)]
pub struct ProjectorHandle {
    pub(super) name: Arc<str>,
    pub(super) log: Arc<dyn EventStore>,
    pub(super) status: Arc<watch::Sender<ProjectionStatus>>,
    orders: Arc<watch::Sender<Orders>>,
}

/// What was ordered so far; only ever rises, so that no order is lost or carried out twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Orders {
    stops: u64,
    resumes: u64,
    rebuilds: u64,
    /// How many of those are carried out.
    rebuilt: u64,
    skip: Position,
}

/// An order to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Stop,
    /// Begin again; the rebuild itself is due until it is done.
    Rebuild,
    /// Try again now, without the event at this position.
    Resume(Position),
}

impl ProjectorHandle {
    pub(super) fn new(name: Arc<str>, log: Arc<dyn EventStore>) -> Self {
        let status = Arc::new(watch::Sender::new(ProjectionStatus::default()));
        let orders = Arc::new(watch::Sender::new(Orders::default()));
        Self { name, log, status, orders }
    }

    /// The name of the projection.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the projection stands now.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn status(&self) -> ProjectionStatus {
        let mut status = self.status.borrow().clone();
        let end = self.log.extent().await.map_or(Position::ZERO, |extent| extent.last);
        status.lag = end.get().saturating_sub(status.seen.get());
        status
    }

    /// Waits until everything up to a position is in the output; false if the projection stands still.
    ///
    /// With the position of an append this gives reading one's own writes. A projection that nobody runs, or
    /// that gave up, is not waited for.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn reached(&self, position: Position) -> bool {
        let mut status = self.status.subscribe();
        let still = |state| matches!(state, ProjectionState::Idle | ProjectionState::Failed);
        let met = |now: &ProjectionStatus| now.seen >= position || still(now.state);
        status.wait_for(met).await.is_ok_and(|now| now.seen >= position)
    }

    /// Ends the run; what is not stored yet is handled by the next one.
    pub fn stop(&self) {
        self.orders.send_modify(|orders| orders.stops += 1);
    }

    /// Lets a projection that gave up, or waits for its next try, try again now.
    pub fn resume(&self) {
        self.wake();
        self.orders.send_modify(|orders| orders.resumes += 1);
    }

    /// Leaves the event at a position out of the output, and lets the projection try again now.
    pub fn skip(&self, position: Position) {
        self.wake();
        self.orders.send_modify(|orders| {
            orders.skip = position;
            orders.resumes += 1;
        });
    }

    /// Empties the output and builds it again from the first event of the log, now or at the next run.
    ///
    /// Where retention has removed the beginning of the log the output stays as it is, and the projection stands
    /// still and says so; [`resume`](Self::resume) goes on with it. To begin with what is left, give the projector
    /// an empty output.
    pub fn rebuild(&self) {
        self.wake();
        self.orders.send_modify(|orders| orders.rebuilds += 1);
    }

    /// It no longer stands still from here on, so that whoever waits for it now really waits.
    fn wake(&self) {
        self.update(|status| {
            if status.state == ProjectionState::Failed {
                status.state = ProjectionState::Retrying;
            }
        });
    }

    pub(super) fn inbox(&self) -> OrderInbox {
        let receiver = self.orders.subscribe();
        let now = *receiver.borrow();
        let seen = Orders { rebuilds: now.rebuilt, ..now };
        OrderInbox { receiver, seen }
    }

    /// The number of the rebuild that is due, if one is.
    pub(super) fn rebuild_due(&self) -> Option<u64> {
        let orders = self.orders.borrow();
        (orders.rebuilds > orders.rebuilt).then_some(orders.rebuilds)
    }

    pub(super) fn rebuilt(&self, number: u64) {
        self.orders.send_modify(|orders| orders.rebuilt = number);
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ProjectionStatus)) {
        self.status.send_modify(change);
    }
}

impl fmt::Debug for ProjectorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.borrow();
        f.debug_struct("ProjectorHandle")
            .field("name", &self.name)
            .field("state", &status.state)
            .field("offset", &status.offset)
            .finish_non_exhaustive()
    }
}

/// The orders that one run has not carried out yet.
pub(super) struct OrderInbox {
    receiver: watch::Receiver<Orders>,
    seen: Orders,
}

impl OrderInbox {
    /// A rebuild needs no further word.
    pub(super) fn note_rebuild(&mut self, number: u64) {
        self.seen.rebuilds = self.seen.rebuilds.max(number);
    }

    /// The next order, if there is one.
    pub(super) fn take(&mut self) -> Option<Order> {
        let now = *self.receiver.borrow_and_update();
        if now.stops > self.seen.stops {
            self.seen.stops = now.stops;
            return Some(Order::Stop);
        }
        if now.rebuilds > self.seen.rebuilds {
            self.seen.rebuilds = now.rebuilds;
            return Some(Order::Rebuild);
        }
        if now.resumes > self.seen.resumes {
            self.seen.resumes = now.resumes;
            return Some(Order::Resume(now.skip));
        }
        None
    }

    /// Waits for the next order; nothing is lost where this is dropped.
    pub(super) async fn next(&mut self) -> Order {
        loop {
            if let Some(order) = self.take() {
                return order;
            }
            if self.receiver.changed().await.is_err() {
                // All handles are gone, that of the projector itself included: nobody can order any more.
                std::future::pending::<()>().await;
            }
        }
    }
}
