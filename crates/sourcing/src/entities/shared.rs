//! What all entities of one kind share: stores, settings, who is in memory, figures.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Semaphore;

use steadfast_actor_core::{ActorRef, System};
use steadfast_base::{Event, Sink, Value};
use steadfast_eventlog::{ActorName, Append, Appending, EventStore, Fence, TypeName, Upcasters};
use steadfast_supervision::SupervisorRef;

use super::config::EntitiesConfig;
use super::keeper::Order;
use super::recover::{Moment, Recovered, Seat, Source};
use super::residents::Residents;
use crate::{CommandFault, EventSourced, RecoveryFailed, TurnRecorder, names};

/// Reasons kept for askers that have not come for them; the oldest go.
const BLAMES_MAX: usize = 1_024;

/// Opens the log again after it was poisoned.
pub(crate) type Reopen = Arc<
    dyn Fn() -> std::pin::Pin<
            Box<
                dyn Future<Output = Result<Arc<dyn EventStore>, steadfast_actor_core::BoxError>>
                    + Send,
            >,
        > + Send
        + Sync,
>;

pub(crate) struct Shared<S: EventSourced> {
    pub(crate) kind: Arc<str>,
    pub(crate) config: EntitiesConfig,
    pub(crate) system: System,
    log: RwLock<Opened>,
    pub(crate) reopen: Option<Reopen>,
    pub(crate) seat: Option<Seat<S>>,
    pub(crate) upcasters: Upcasters,
    pub(crate) event_type: TypeName,
    pub(crate) fence: Option<Fence>,
    pub(crate) recorder: Option<Arc<dyn TurnRecorder<S>>>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) gate: Gate,
    pub(crate) residents: Residents<S>,
    pub(crate) recoveries: Semaphore,
    pub(crate) supervisor: OnceLock<SupervisorRef>,
    pub(crate) keeper: OnceLock<ActorRef<Order>>,
    pub(crate) counters: Counters,
    blames: Blames,
}

/// The log, and how often it was opened again.
struct Opened {
    log: Arc<dyn EventStore>,
    times: u64,
}

/// An append under way, and which opening of the log it went to.
pub(crate) struct Handed {
    pub(crate) answer: Appending,
    pub(crate) opening: u64,
}

/// Everything that a builder has put together.
pub(crate) struct Parts<S: EventSourced> {
    pub(crate) kind: Arc<str>,
    pub(crate) config: EntitiesConfig,
    pub(crate) log: Arc<dyn EventStore>,
    pub(crate) reopen: Option<Reopen>,
    pub(crate) seat: Option<Seat<S>>,
    pub(crate) upcasters: Upcasters,
    pub(crate) fence: Option<Fence>,
    pub(crate) recorder: Option<Arc<dyn TurnRecorder<S>>>,
    pub(crate) sink: Arc<dyn Sink>,
}

impl<S: EventSourced> Shared<S> {
    pub(crate) fn new(parts: Parts<S>, system: System) -> Self {
        let Parts { kind, config, log, reopen, seat, upcasters, fence, recorder, sink } = parts;
        Self {
            kind,
            system,
            log: RwLock::new(Opened { log, times: 0 }),
            reopen,
            seat,
            upcasters: upcasters.current(S::EVENT_TYPE, S::EVENT_VERSION),
            event_type: TypeName::new(S::EVENT_TYPE),
            fence,
            recorder,
            sink,
            gate: Gate::default(),
            residents: Residents::new(config.resident_max),
            recoveries: Semaphore::new(config.recoveries_max),
            supervisor: OnceLock::new(),
            keeper: OnceLock::new(),
            counters: Counters::default(),
            blames: Blames::default(),
            config,
        }
    }

    /// The name under which an entity's events are stored.
    pub(crate) fn actor_name(&self, id: &str) -> ActorName {
        ActorName::from(format!("{}/{id}", self.kind))
    }

    fn opened(&self) -> RwLockReadGuard<'_, Opened> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log as it is open now.
    pub(crate) fn log(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.opened().log)
    }

    pub(crate) fn append(&self, append: Append) -> Handed {
        let opened = self.opened();
        Handed { answer: opened.log.append(append), opening: opened.times }
    }

    /// Brings a state back without an entity.
    pub(crate) async fn recover(
        &self,
        actor: &ActorName,
        id: &str,
        until: Moment,
    ) -> Result<Recovered<S>, RecoveryFailed> {
        let log = self.log();
        let (seat, upcasters) = (self.seat.as_ref(), &self.upcasters);
        Source { log: &*log, seat, upcasters, actor, id }.recover(until).await
    }

    /// Remembers why the command with this ticket came to nothing, for its asker.
    pub(crate) fn blame(&self, ticket: u64, fault: CommandFault) {
        if ticket > 0 {
            self.blames.put(ticket, fault);
        }
    }

    pub(crate) fn take_blame(&self, ticket: u64) -> Option<CommandFault> {
        self.blames.lock().remove(&ticket)
    }

    /// Takes no commands any more, since the log failed that was opened then.
    pub(crate) fn log_failed(&self, fault: &CommandFault, opening: u64) {
        let opened = self.opened();
        // The answer of a log that has been replaced says nothing about the one in its place.
        if opened.times == opening {
            let reason = match fault {
                CommandFault::Fenced => CommandFault::Fenced,
                _ => CommandFault::Poisoned,
            };
            self.close(reason, fault);
        }
    }

    /// Takes no commands any more, for good.
    pub(crate) fn end(&self) {
        self.close(CommandFault::Closed, &CommandFault::Closed);
    }

    fn close(&self, reason: CommandFault, fault: &CommandFault) {
        if !self.gate.close(reason) {
            return;
        }
        self.emit(names::GATE_CLOSED, || {
            [(names::KIND, Value::Str(&self.kind)), (names::MESSAGE, Value::Display(fault))]
        });
        if self.reopen.is_some()
            && let Some(keeper) = self.keeper.get()
        {
            // A full mailbox of the keeper means that it looks at the gate anyway.
            drop(keeper.tell(Order::Reopen).now());
        }
    }

    /// Goes on with a log that was opened again.
    pub(crate) fn reopened(&self, log: Arc<dyn EventStore>) {
        let mut opened = self.log.write().unwrap_or_else(PoisonError::into_inner);
        *opened = Opened { log, times: opened.times + 1 };
        let open = self.gate.open();
        drop(opened);
        if open {
            self.emit(names::REOPENED, || [(names::KIND, Value::Str(&self.kind))]);
        }
    }

    pub(crate) fn emit<'a, const N: usize>(
        &self,
        name: &'static str,
        fields: impl FnOnce() -> [(&'static str, Value<'a>); N],
    ) {
        if self.sink.enabled() {
            self.sink.emit(&Event::new(name, self.system.time().timestamp(), &fields()));
        }
    }
}

impl<S: EventSourced> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Whether entities take commands, and why not.
#[derive(Default)]
pub(crate) struct Gate {
    closed: AtomicBool,
    reason: Mutex<Option<CommandFault>>,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Option<CommandFault>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(crate) fn check(&self) -> Result<(), CommandFault> {
        if self.closed.load(Ordering::Acquire) {
            // It may have been opened between the two looks; then there is no reason any more.
            return self.lock().clone().map_or(Ok(()), Err);
        }
        Ok(())
    }

    /// Closes it; false if it was. What is final takes the place of what may pass.
    fn close(&self, fault: CommandFault) -> bool {
        let mut reason = self.lock();
        if matches!(*reason, None | Some(CommandFault::Poisoned)) {
            let new = reason.is_none();
            *reason = Some(fault);
            self.closed.store(true, Ordering::Release);
            return new;
        }
        false
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        matches!(*self.lock(), Some(CommandFault::Poisoned))
    }

    /// Opens it after poison; nothing else passes.
    fn open(&self) -> bool {
        let mut reason = self.lock();
        let poisoned = matches!(*reason, Some(CommandFault::Poisoned));
        if poisoned {
            *reason = None;
            self.closed.store(false, Ordering::Release);
        }
        poisoned
    }
}

/// Why commands came to nothing, by ticket: taken by whoever asked.
#[derive(Default)]
struct Blames(Mutex<BTreeMap<u64, CommandFault>>);

impl Blames {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, CommandFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, ticket: u64, fault: CommandFault) {
        let mut blames = self.lock();
        blames.insert(ticket, fault);
        if blames.len() > BLAMES_MAX {
            blames.pop_first();
        }
    }
}

/// Figures since the start.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) commands: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) activations: AtomicU64,
    pub(crate) passivations: AtomicU64,
    pub(crate) recoveries: AtomicU64,
    pub(crate) recovering: AtomicU64,
    pub(crate) recovering_max: AtomicU64,
    pub(crate) recovery_failures: AtomicU64,
    pub(crate) recovered_events: AtomicU64,
    pub(crate) snapshots_used: AtomicU64,
    pub(crate) snapshots_passed_over: AtomicU64,
    pub(crate) snapshots_saved: AtomicU64,
    pub(crate) snapshot_failures: AtomicU64,
}

/// One recovery under way; counted for as long as this lives.
pub(crate) struct Recovering<'a>(&'a Counters);

impl<'a> Recovering<'a> {
    pub(crate) fn begin(counters: &'a Counters) -> Self {
        let now = counters.recovering.fetch_add(1, Ordering::Relaxed) + 1;
        counters.recovering_max.fetch_max(now, Ordering::Relaxed);
        Self(counters)
    }
}

impl Drop for Recovering<'_> {
    fn drop(&mut self) {
        self.0.recovering.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

pub(crate) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::Gate;
    use crate::CommandFault;

    #[test]
    fn a_gate_that_is_just_being_opened_says_open_or_poisoned_and_nothing_else() {
        let gate = Gate::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200_000 {
                    assert!(gate.close(CommandFault::Poisoned) && gate.open());
                }
            });
            for _ in 0..200_000 {
                let found = gate.check();
                assert!(matches!(found, Ok(()) | Err(CommandFault::Poisoned)), "{found:?}");
            }
        });
    }
}
