//! Telling a sink what policies decide, at no cost where nobody listens.

use std::sync::Arc;

use steadfast_base::{Event, Sink, Time, Value};

use crate::names;
use crate::rejection::Rejection;

/// Emits the decisions of the policies of one pipeline.
///
/// Without a sink it is one test of a pointer: no clock is read and no field is made.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use steadfast_base::{MemorySink, Time, Value};
/// use steadfast_policy::{Events, names};
///
/// let sink = Arc::new(MemorySink::new(8));
/// let events = Events::new("inventory", Time::system(), sink.clone());
/// events.emit(names::RETRY_SCHEDULED, || [("attempt", Value::U64(2))]);
/// assert_eq!(sink.events()[0].to_string(), "policy.retry.scheduled pipeline=inventory attempt=2");
/// Events::off().emit(names::RETRY_SCHEDULED, || -> [_; 0] { unreachable!("nobody listens") });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Events {
    on: Option<Arc<On>>,
}

#[derive(Debug)]
struct On {
    pipeline: Box<str>,
    time: Time,
    sink: Arc<dyn Sink>,
}

impl Events {
    /// Fields of one event at most, the pipeline's name not counted; further ones are left out.
    pub const FIELDS_MAX: usize = 7;

    /// Emits nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Emits to a sink, in the name of a pipeline.
    pub fn new(pipeline: impl Into<String>, time: Time, sink: Arc<dyn Sink>) -> Self {
        let pipeline = pipeline.into().into();
        Self { on: Some(Arc::new(On { pipeline, time, sink })) }
    }

    /// Whether somebody listens.
    #[inline]
    pub fn enabled(&self) -> bool {
        self.on.as_ref().is_some_and(|on| on.sink.enabled())
    }

    /// Emits an event with these fields behind the pipeline's name, if somebody listens.
    #[inline]
    pub fn emit<'a, const N: usize>(
        &self,
        name: &'static str,
        fields: impl FnOnce() -> [(&'static str, Value<'a>); N],
    ) {
        if let Some(on) = &self.on {
            on.emit(name, fields);
        }
    }

    /// Emits that a policy rejected a call.
    #[inline]
    pub fn rejected(&self, rejection: &Rejection) {
        if let Some(on) = &self.on {
            // A copy, made only where somebody listens: the rejection itself stays in registers.
            let told = *rejection;
            on.rejected(&told);
        }
    }
}

impl On {
    #[cold]
    fn emit<'a, const N: usize>(
        &self,
        name: &'static str,
        fields: impl FnOnce() -> [(&'static str, Value<'a>); N],
    ) {
        if !self.sink.enabled() {
            return;
        }
        let mut all = [("pipeline", Value::Str(&self.pipeline)); Events::FIELDS_MAX + 1];
        let given = fields();
        let kept = N.min(Events::FIELDS_MAX);
        for (place, field) in all.iter_mut().skip(1).zip(given) {
            *place = field;
        }
        let used = all.get(..=kept).unwrap_or(&all);
        self.sink.emit(&Event::new(name, self.time.timestamp(), used));
    }

    #[cold]
    fn rejected(&self, rejection: &Rejection) {
        let (policy, reason) = (Value::Str(rejection.policy), Value::Str(rejection.reason.name()));
        match rejection.retry_after {
            Some(wait) => self.emit(names::REJECTED, || {
                [("policy", policy), ("reason", reason), ("retry_after", Value::Duration(wait))]
            }),
            None => self.emit(names::REJECTED, || [("policy", policy), ("reason", reason)]),
        }
    }
}
