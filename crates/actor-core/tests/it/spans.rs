//! Spans of turns, for programs that collect them.

use std::sync::{Arc, Mutex};

use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::{CallContext, CorrelationId, context};

use crate::common::*;

/// Knows the fields of the spans that are opened, and nothing else.
struct Spans(Arc<Mutex<Vec<String>>>);

struct Fields<'a>(&'a mut String);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write as _;
        write!(self.0, " {}={value:?}", field.name()).expect("a string takes any text");
    }
}

impl tracing::Subscriber for Spans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut line = span.metadata().name().to_owned();
        span.record(&mut Fields(&mut line));
        self.0.lock().expect("no panic under it").push(line);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_span_names_the_actor_and_the_call() {
    let lines = Arc::default();
    let spans = Spans(Arc::clone(&lines));
    let (test, log) = (TestSystem::new(), Log::default());
    tracing::subscriber::with_default(spans, || {
        test.run(async {
            let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
            let span = || act(|_, cx| drop(cx.span()));
            actor.tell(span()).await.unwrap();
            let call = CallContext::new().with_correlation(CorrelationId::from_u128(7));
            context::scope(call, async { actor.tell(span()).await.unwrap() }).await;
            test.settle().await;
        });
    });
    let lines = lines.lock().expect("no panic under it").clone();
    let id = CorrelationId::from_u128(7);
    let first = "actor path=/test/a incarnation=1".to_owned();
    assert_eq!(lines, [first.clone(), format!("{first} correlation={id}")]);
}
