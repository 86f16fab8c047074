//! Calling code of others: its panics become values, its texts are kept short.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::limits::REASON_BYTES_MAX;

/// How a call of foreign code ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer<T> {
    /// It answered.
    Given(T),
    /// It panicked, with this text.
    Panicked(String),
    /// It did not answer in time, or has not yet ended from the last time.
    Late,
}

/// Runs a future; a panic of it becomes its text.
///
/// The state that a panic leaves behind is the future's own, which is not polled again.
pub(crate) async fn caught<F: Future>(future: F) -> Answer<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Answer::Given(output)),
            Err(payload) => Poll::Ready(Answer::Panicked(text_of(payload))),
        }
    })
    .await
}

/// Calls a function; a panic of it becomes its text.
pub(crate) fn caught_now<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(text_of)
}

fn text_of(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&'static str>().unwrap_or_else(|_| Box::new(""))).into(),
    };
    if text.is_empty() { "panicked".to_owned() } else { shortened(&format!("panicked: {text}")) }
}

/// The text, cut at [`REASON_BYTES_MAX`].
pub(crate) fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(REASON_BYTES_MAX);
    text.get(..end).unwrap_or_default().to_owned()
}
