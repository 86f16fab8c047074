//! Who is told what happens, and how a listener that panics is kept apart.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use steadfast_base::{Event as SinkEvent, Limit, LimitExceeded, Sink, Value};

use crate::event::{Event, EventKind};
use crate::limits;

use super::CircuitBreaker;

/// Names a listener of one breaker, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

type Tell = dyn Fn(&Event) + Send + Sync;

#[derive(Clone)]
struct Listener {
    id: ListenerId,
    /// Whether it hears of calls too, not only of changes.
    calls: bool,
    tell: Arc<Tell>,
}

#[derive(Default)]
pub(super) struct Listeners {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    /// Replaced as a whole, so that telling needs the lock only for a moment.
    listeners: Option<Arc<[Listener]>>,
    last_id: u64,
}

impl List {
    fn set(&mut self, listeners: Vec<Listener>) {
        self.listeners = (!listeners.is_empty()).then(|| listeners.into());
    }

    fn to_vec(&self) -> Vec<Listener> {
        self.listeners.as_deref().map(<[Listener]>::to_vec).unwrap_or_default()
    }
}

impl Listeners {
    pub(super) fn tell_changes(&self, changes: &[Event]) {
        for change in changes {
            self.tell(change, |_| true);
        }
    }

    pub(super) fn tell_call(&self, event: &Event) {
        self.tell(event, |listener| listener.calls);
    }

    fn tell(&self, event: &Event, wants: impl Fn(&Listener) -> bool) {
        let listeners = self.lock().listeners.clone();
        for listener in listeners.iter().flat_map(|all| all.iter()).filter(|one| wants(one)) {
            // A listener that panics has lost its event; neither the call nor the others suffer.
            drop(catch_unwind(AssertUnwindSafe(|| (listener.tell)(event))));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").field("count", &self.lock().to_vec().len()).finish()
    }
}

impl CircuitBreaker {
    /// Tells `listener` of every change: transitions with their cause, exceeded rules, resets.
    ///
    /// Listeners are called by the thread whose call made the change, outside of the breaker's lock
    /// and in the order in which they were added. Changes that different threads make may be told out of
    /// order; their epochs tell which came first.
    ///
    /// # Errors
    ///
    /// Fails at [`limits::LISTENERS_MAX`] listeners.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, State};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// let (sender, changes) = mpsc::channel();
    /// breaker.on_change(move |change| sender.send(change.kind).unwrap())?;
    /// breaker.set_state(State::Open)?;
    /// assert_eq!(changes.try_iter().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_change(
        &self,
        listener: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Result<ListenerId, LimitExceeded> {
        self.listen(false, Arc::new(listener))
    }

    /// Tells `listener` of every change and of every call.
    ///
    /// Calls then take the lock and the time, also while closed.
    ///
    /// # Errors
    ///
    /// Fails at [`limits::LISTENERS_MAX`] listeners.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// let seen = Arc::new(AtomicU32::new(0));
    /// let count = Arc::clone(&seen);
    /// breaker.on_event(move |_| {
    ///     count.fetch_add(1, Ordering::Relaxed);
    /// })?;
    /// let _ = breaker.call(|| Ok::<_, ()>(()));
    /// assert_eq!(seen.load(Ordering::Relaxed), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_event(
        &self,
        listener: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Result<ListenerId, LimitExceeded> {
        self.listen(true, Arc::new(listener))
    }

    /// Removes a listener; `false` if it was removed before.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// let id = breaker.on_change(|_| ())?;
    /// assert!(breaker.remove_listener(id));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove_listener(&self, id: ListenerId) -> bool {
        let mut list = self.inner.listeners.lock();
        let mut listeners = list.to_vec();
        let before = listeners.len();
        listeners.retain(|listener| listener.id != id);
        let removed = listeners.len() < before;
        self.observe_calls(&listeners);
        list.set(listeners);
        removed
    }

    /// Emits every change as an event to `sink`: `breaker.transition`, `breaker.exceeded`, `breaker.reset`.
    ///
    /// # Errors
    ///
    /// Fails at [`limits::LISTENERS_MAX`] listeners.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_base::{MemorySink, Time};
    /// use steadfast_breaker::{CircuitBreaker, Config, State};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// let sink = Arc::new(MemorySink::new(8));
    /// breaker.report_to(sink.clone())?;
    /// breaker.set_state(State::Open)?;
    /// assert_eq!(sink.names(), ["breaker.transition"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report_to(&self, sink: Arc<dyn Sink>) -> Result<ListenerId, LimitExceeded> {
        let family = Arc::clone(&self.inner.family);
        self.on_change(move |change| {
            emit(&*sink, &family.name, family.time.timestamp(), change);
        })
    }

    fn listen(&self, calls: bool, tell: Arc<Tell>) -> Result<ListenerId, LimitExceeded> {
        let mut list = self.inner.listeners.lock();
        let mut listeners = list.to_vec();
        let asked = listeners.len() as u64 + 1;
        Limit::new("breaker.listeners", limits::LISTENERS_MAX as u64).check(asked)?;
        list.last_id += 1;
        let id = ListenerId(list.last_id);
        listeners.push(Listener { id, calls, tell });
        self.observe_calls(&listeners);
        list.set(listeners);
        Ok(id)
    }

    fn observe_calls(&self, listeners: &[Listener]) {
        self.inner.gate.lock().observe_calls(listeners.iter().any(|listener| listener.calls));
    }
}

fn emit(sink: &dyn Sink, name: &str, at: steadfast_base::Timestamp, change: &Event) {
    let head = [("breaker", Value::Str(name)), ("epoch", Value::U64(change.epoch.into()))];
    let [breaker, epoch] = head;
    match change.kind {
        EventKind::Transition { from, to, cause, attempt, .. } => {
            let fields = [
                breaker,
                epoch,
                ("from", Value::Str(from.name())),
                ("to", Value::Str(to.name())),
                ("cause", Value::Str(cause.name())),
                ("attempt", Value::U64(attempt.into())),
            ];
            sink.emit(&SinkEvent::new("breaker.transition", at, &fields));
        }
        EventKind::Exceeded(cause) => {
            let fields = [breaker, epoch, ("rule", Value::Str(cause.name()))];
            sink.emit(&SinkEvent::new("breaker.exceeded", at, &fields));
        }
        EventKind::Reset(from) => {
            let fields = [breaker, epoch, ("from", Value::Str(from.name()))];
            sink.emit(&SinkEvent::new("breaker.reset", at, &fields));
        }
        _ => {}
    }
}
