//! Bringing a batch to its entity, through whatever goes wrong on the way.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use steadfast::actor_core::System;
use steadfast_sourcing::EntityRef;

use crate::fault::{Fault, FaultKind};
use crate::fleet::Fleet;
use crate::participant::{Batch, Command, Participant, Strike, Taken};
use crate::run::{RunError, STALL};
use crate::tally::{RestartCause, Tally};

/// How long to wait before a command is sent again.
const AGAIN: Duration = Duration::from_millis(1);

/// Nothing is told to an entity more often than this to fill its mailbox.
const BURST: usize = 256;

/// A batch, and the faults that come with it by the number of the event that brings them.
pub(crate) struct Delivery {
    pub(crate) batch: Arc<Batch>,
    pub(crate) faults: Vec<(u64, Fault)>,
}

impl Delivery {
    /// Has the batch stored, and says which faults came to pass and were absorbed. What is stored already does
    /// no harm.
    pub(crate) async fn deliver(self, fleet: &Fleet, system: &System) -> Result<Tally, RunError> {
        let mut faults = Tally::default();
        let deadline = system.time().now() + STALL;
        for (number, fault) in &self.faults {
            // In an earlier life the event was stored, so its fault came to pass, and was absorbed.
            let stored = self.entity(fleet).seq().await.is_ok_and(|seq| seq.get() >= *number);
            if !stored {
                Box::pin(self.suffer(*fault, fleet, system)).await;
            }
            faults.inject(fault.kind);
        }
        loop {
            let taken = self.take(fleet, None).await;
            if taken == Some(Taken::Stored) {
                break;
            }
            if taken.is_none() {
                fleet.revive(self.batch.role).await.map_err(RunError::Entities)?;
            }
            if system.time().now() > deadline {
                return Err(RunError::Stalled {
                    waiting_for: "an entity to take its events",
                    after: STALL,
                });
            }
            system.time().sleep(AGAIN).await;
        }
        for (_, fault) in &self.faults {
            faults.absorb(fault.kind);
        }
        Ok(faults)
    }

    fn entity(&self, fleet: &Fleet) -> EntityRef<Participant> {
        fleet.entity(self.batch.role)
    }

    /// Tells the entity; `None` if it failed, whatever the reason.
    async fn take(&self, fleet: &Fleet, strike: Option<Strike>) -> Option<Taken> {
        let batch = Arc::clone(&self.batch);
        let entity = self.entity(fleet);
        let ask = entity.ask(|reply| Command::Take { batch, strike, reply });
        ask.within(STALL).await.ok()
    }

    async fn suffer(&self, fault: Fault, fleet: &Fleet, system: &System) {
        match fault.kind {
            FaultKind::Panic => drop(self.take(fleet, Some(Strike::Panic)).await),
            FaultKind::Error => drop(self.take(fleet, Some(Strike::Error)).await),
            FaultKind::Slow => {
                let time = system.time().clone();
                self.take(fleet, Some(Strike::Slow(time))).await;
            }
            FaultKind::Kill => self.kill(fleet).await,
            FaultKind::FullMailbox => self.fill_mailbox(fleet).await,
            FaultKind::Meltdown => {
                // The entities that went down with it, and the supervisor itself.
                let downed = fleet.melt_down(fault.victim).await + 1;
                let restart = |tally: &mut Tally| tally.restart(RestartCause::Meltdown);
                fleet.count(|tally| (0..downed).for_each(|_| restart(tally)));
            }
        }
    }

    /// Kills the entity while it has the command.
    async fn kill(&self, fleet: &Fleet) {
        let batch = Arc::clone(&self.batch);
        let entity = self.entity(fleet);
        let ask = entity.ask(|reply| Command::Take { batch, strike: None, reply });
        let mut ask = pin!(ask.within(STALL).into_future());
        let mut killed = false;
        let answer = poll_fn(|task| {
            let polled = ask.as_mut().poll(task);
            if !killed && let Some(actor) = entity.handle() {
                actor.kill();
                killed = true;
            }
            polled
        });
        // Answered before the kill or not: the batch is sent again.
        answer.await.ok();
    }

    /// Suspends the entity and fills its mailbox to the brim, then lets it go on.
    async fn fill_mailbox(&self, fleet: &Fleet) {
        let entity = self.entity(fleet);
        // Brings it into memory, if it is not.
        if entity.seq().await.is_err() {
            return;
        }
        let Some(actor) = entity.handle() else { return };
        actor.suspend();
        for _ in 0..BURST {
            let told = now_or_never(entity.tell(Command::Noise)).await;
            if told != Some(true) {
                break;
            }
        }
        actor.resume();
    }
}

/// What a future comes to if it is ready at once; it is dropped otherwise.
async fn now_or_never<T, E>(future: impl Future<Output = Result<T, E>>) -> Option<bool> {
    let mut future = pin!(future);
    poll_fn(|task| match future.as_mut().poll(task) {
        Poll::Ready(told) => Poll::Ready(Some(told.is_ok())),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
