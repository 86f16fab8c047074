//! Telling a sink, whose panics are its own.

use std::sync::Arc;

use steadfast_base::{Event, NullSink, Sink, Time, Value};

use super::caught_now;

/// Emits events with the time they happen at.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    sink: Arc<dyn Sink>,
    time: Time,
}

impl Reporter {
    pub(crate) fn new(sink: Option<Arc<dyn Sink>>, time: Time) -> Self {
        Self { sink: sink.unwrap_or_else(|| Arc::new(NullSink)), time }
    }

    /// Emits one event. A sink that panics has lost it, nothing else.
    pub(crate) fn emit(&self, name: &'static str, fields: &[(&'static str, Value<'_>)]) {
        let told = caught_now(|| {
            if self.sink.enabled() {
                self.sink.emit(&Event::new(name, self.time.timestamp(), fields));
            }
        });
        drop(told);
    }
}
