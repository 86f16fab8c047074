//! What the supervisors of one tree share: the gate over restarts and the history of failures.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use steadfast_actor_core::{ActorHandle, ExitReason, System};
use steadfast_base::{ActorId, FailureRecord, Instant, Sink, Value};
use steadfast_breaker::State;

use super::{ErrorHistory, RestartGate, RootFaults, RootRules};
use crate::ChildKey;
use crate::names;
use crate::shell::SupervisorActor;

/// One child of one incarnation of one supervisor, waiting for a permit.
#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    supervisor: ActorHandle,
    incarnation: u32,
    child: ChildKey,
}

impl Waiter {
    pub(crate) fn new(supervisor: ActorHandle, incarnation: u32, child: ChildKey) -> Self {
        Self { supervisor, incarnation, child }
    }

    fn rank(&self) -> (ActorId, u32, ChildKey) {
        (self.supervisor.id(), self.incarnation, self.child)
    }
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Waiter {}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// The gate, and the permits that their supervisors have not fetched yet.
struct Permits {
    gate: RestartGate<Waiter>,
    granted: BTreeMap<(ActorId, u32), Vec<ChildKey>>,
}

/// What the supervisors of one tree share.
pub(crate) struct Root {
    system: System,
    sink: Option<Arc<dyn Sink>>,
    permits: Mutex<Permits>,
    /// Whether the gate is not closed, for those who need no lock to hear that it is.
    holding: AtomicBool,
    history: Mutex<ErrorHistory>,
    actor: OnceLock<ActorHandle>,
}

impl Root {
    pub(crate) fn new(
        system: &System,
        rules: &RootRules,
        sink: Option<Arc<dyn Sink>>,
    ) -> Result<Self, RootFaults> {
        let gate = RestartGate::new(rules)?;
        Ok(Self {
            system: system.clone(),
            sink,
            permits: Mutex::new(Permits { gate, granted: BTreeMap::new() }),
            holding: AtomicBool::new(false),
            history: Mutex::new(ErrorHistory::new(rules.history_max)),
            actor: OnceLock::new(),
        })
    }

    /// The actor at the top, which keeps the gate's time.
    pub(crate) fn set_actor(&self, actor: ActorHandle) {
        // The root is not restarted, so there is only one.
        drop(self.actor.set(actor));
    }

    fn permits(&self) -> MutexGuard<'_, Permits> {
        self.permits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history(&self) -> MutexGuard<'_, ErrorHistory> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(&self, failure: FailureRecord) {
        self.history().record(failure);
    }

    pub(crate) fn ask(&self, waiter: Waiter, now: Instant) {
        let asking = waiter.supervisor.id();
        self.at_gate(Some(asking), |gate, granted| gate.ask(waiter, now, granted));
    }

    pub(crate) fn withdraw(&self, waiter: &Waiter, now: Instant) {
        let asking = waiter.supervisor.id();
        self.at_gate(Some(asking), |gate, granted| gate.withdraw(waiter, now, granted));
    }

    /// As [`withdraw`](Self::withdraw), for a supervisor that is being dropped.
    pub(crate) fn withdraw_late(&self, waiter: &Waiter) {
        let now = self.system.time().now();
        self.permits().granted.remove(&(waiter.supervisor.id(), waiter.incarnation));
        self.at_gate(None, |gate, granted| gate.withdraw(waiter, now, granted));
    }

    pub(crate) fn up(&self, waiter: &Waiter, now: Instant) {
        let asking = waiter.supervisor.id();
        self.at_gate(Some(asking), |gate, granted| gate.up(waiter, now, granted));
    }

    pub(crate) fn failed(&self, waiter: &Waiter, now: Instant) {
        let asking = waiter.supervisor.id();
        self.at_gate(Some(asking), |gate, granted| gate.failed(waiter, now, granted));
    }

    pub(crate) fn tick(&self, now: Instant) {
        self.at_gate(None, |gate, granted| gate.tick(now, granted));
    }

    pub(crate) fn reset(&self) {
        let now = self.system.time().now();
        self.at_gate(None, |gate, granted| gate.reset(now, granted));
    }

    pub(crate) fn state(&self) -> State {
        self.permits().gate.state()
    }

    /// Whether restarts are held back or tried.
    pub(crate) fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Relaxed)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.permits().gate.waiting()
    }

    /// When the gate wants a tick; never while it is closed.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let permits = self.permits();
        if permits.gate.state() == State::Closed { None } else { permits.gate.next_wake() }
    }

    /// The permits granted to one incarnation of a supervisor since the last look.
    pub(crate) fn take_granted(&self, supervisor: ActorId, incarnation: u32) -> Vec<ChildKey> {
        let mut permits = self.permits();
        if permits.granted.is_empty() {
            return Vec::new();
        }
        permits.granted.remove(&(supervisor, incarnation)).unwrap_or_default()
    }

    /// Works on the gate, then tells those whom it granted something, and the root if it has to
    /// wake. `asking` looks for itself.
    fn at_gate(
        &self,
        asking: Option<ActorId>,
        work: impl FnOnce(&mut RestartGate<Waiter>, &mut Vec<Waiter>),
    ) {
        let mut granted = Vec::new();
        let (state, waiting, changed) = {
            let mut permits = self.permits();
            let before = permits.gate.state();
            work(&mut permits.gate, &mut granted);
            for waiter in &granted {
                let of = (waiter.supervisor.id(), waiter.incarnation);
                permits.granted.entry(of).or_default().push(waiter.child);
            }
            let state = permits.gate.state();
            self.holding.store(state != State::Closed, Ordering::Relaxed);
            drop(permits.gate.take_changes());
            (state, permits.gate.waiting(), state != before)
        };
        if changed {
            self.emit(state, waiting);
        }
        let mut last = asking;
        for waiter in granted {
            let id = waiter.supervisor.id();
            if last != Some(id) {
                last = Some(id);
                nudge(&waiter.supervisor);
            }
        }
        if state != State::Closed
            && let Some(actor) = self.actor.get().filter(|actor| asking != Some(actor.id()))
        {
            nudge(actor);
        }
    }

    fn emit(&self, state: State, waiting: usize) {
        let Some(sink) = self.sink.as_ref().filter(|sink| sink.enabled()) else { return };
        let path = self.actor.get().map(ActorHandle::path);
        let fields = [
            (names::SUPERVISOR, Value::Str(path.as_deref().unwrap_or(""))),
            (names::STATE, Value::Display(&state)),
            (names::WAITING, Value::U64(waiting as u64)),
        ];
        let at = self.system.time().timestamp();
        sink.emit(&steadfast_base::Event::new(names::BREAKER_CHANGED, at, &fields));
    }

    /// The root has ended: so does the system.
    pub(crate) fn end(&self, reason: Option<ExitReason>) {
        self.system.begin_shutdown(reason.unwrap_or(ExitReason::Killed));
    }
}

/// Lets a supervisor look at the gate. One that has ended, or is full of visits that end in a
/// look, needs none.
fn nudge(supervisor: &ActorHandle) {
    let _unneeded = supervisor.visit::<SupervisorActor>(SupervisorActor::look_at_gate);
}
