//! What the tests of projections share.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use steadfast_actor_core::BoxError;
use steadfast_base::{EventId, Time};
use steadfast_eventlog::{
    Append, CodecId, Event, EventKind, EventStore, NewEvent, Payload, Position,
};
use steadfast_sourcing::projection::{
    Interest, MemoryView, OutputError, Projection, ProjectionStore, Projector, ProjectorHandle,
};

/// Every position that was handled, in order, and the sum of the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) positions: Vec<u64>,
    pub(crate) sum: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Number {
    pub(crate) number: u64,
}

/// Notes every number of the log; fails on the ones it is told to.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) fails_on: Option<u64>,
    pub(crate) panics_on: Option<u64>,
}

impl Projection for Numbers {
    type Output = Ledger;
    type Error = BoxError;

    fn interest(&self) -> Interest {
        Interest::all().kinds([EventKind::StateChanged]).types(["test.Number"])
    }

    async fn handle(&self, event: &Event, ledger: &mut Ledger) -> Result<(), BoxError> {
        let number = event.payload.decode::<Number>()?.number;
        ledger.positions.push(event.position.get());
        assert!(self.panics_on != Some(number), "the number {number} is too much");
        if self.fails_on == Some(number) {
            return Err(format!("the number {number} is not liked").into());
        }
        ledger.sum += number;
        Ok(())
    }
}

pub(crate) fn event(number: u64) -> NewEvent {
    let payload = Payload::encode(CodecId::NAMED, "test.Number", 1, &Number { number });
    let id = EventId::from_u128(u128::from(number) + 1_000);
    let payload = payload.expect("a number can be encoded");
    NewEvent::new(id, format!("actor-{}", number % 3), EventKind::StateChanged, payload)
}

/// Appends the numbers, and an event that nobody wants behind each third one.
pub(crate) fn append(log: &dyn EventStore, numbers: impl IntoIterator<Item = u64>) -> Position {
    let mut last = Position::ZERO;
    for number in numbers {
        let mut events = vec![event(number)];
        if number % 3 == 0 {
            let id = EventId::from_u128(u128::from(number) + 1_000_000);
            let payload = Payload::raw("test.Other", "noise");
            events.push(NewEvent::new(id, "noise", EventKind::MessageSent, payload));
        }
        let placed = log.append(Append::new(events)).wait().expect("stored");
        last = placed.last().expect("it has events").position;
    }
    last
}

/// What the ledger must be: every number of the log once.
pub(crate) fn expected(log: &dyn EventStore) -> Ledger {
    let query = steadfast_eventlog::Query::kind(EventKind::StateChanged);
    let events = steadfast_eventlog::block_on(log.read(query).all()).expect("readable");
    let number = |event: &Event| event.payload.decode::<Number>().expect("a number").number;
    Ledger {
        positions: events.iter().map(|event| event.position.get()).collect(),
        sum: events.iter().map(number).sum(),
    }
}

pub(crate) fn projector<S: ProjectionStore<Output = Ledger>>(
    log: &Arc<dyn EventStore>,
    output: S,
    time: Time,
) -> Projector<Numbers, S> {
    Projector::new("numbers", Numbers::default(), Arc::clone(log), output, time)
}

/// Runs a projector until it has reached a position or gave up; false for the latter.
pub(crate) async fn run_to<S: ProjectionStore<Output = Ledger>>(
    projector: &Projector<Numbers, S>,
    position: Position,
) -> bool {
    let handle = projector.handle();
    let run = projector.run();
    let stop = async {
        let reached = handle.reached(position).await;
        handle.stop();
        reached
    };
    both(run, stop).await.1
}

/// Runs two futures to their ends, the first one first.
pub(crate) async fn both<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut two) = (None, None);
    poll_fn(|task| {
        if one.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(task)
        {
            one = Some(output);
        }
        if two.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(task)
        {
            two = Some(output);
        }
        if one.is_some() && two.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (one.expect("it has ended"), two.expect("it has ended"))
}

/// A store in memory that fails when it is told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failing {
    pub(crate) view: MemoryView<Ledger>,
    pub(crate) faults: Arc<std::sync::Mutex<Vec<CommitFault>>>,
}

/// What becomes of the next commit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CommitFault {
    /// It fails and stores nothing.
    Fails,
    /// It fails and has stored.
    StoresAndFails,
}

#[async_trait]
impl ProjectionStore for Failing {
    type Output = Ledger;

    async fn begin(&self) -> Result<(Ledger, Position), OutputError> {
        self.view.begin().await
    }

    async fn commit(&self, output: Ledger, offset: Position) -> Result<(), OutputError> {
        let fault = self.faults.lock().expect("no panic").pop();
        match fault {
            None => self.view.commit(output, offset).await,
            Some(CommitFault::Fails) => Err(OutputError::Unavailable("out of order".into())),
            Some(CommitFault::StoresAndFails) => {
                self.view.commit(output, offset).await?;
                Err(OutputError::Unavailable("the answer was lost".into()))
            }
        }
    }

    async fn reset(&self) -> Result<(), OutputError> {
        self.view.reset().await
    }
}

/// The handle's state in one word, for messages of tests.
pub(crate) async fn describe(handle: &ProjectorHandle) -> String {
    format!("{:?}", handle.status().await)
}
