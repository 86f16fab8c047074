//! One pass over the log: from the stored offset on, until an order or a failure ends it.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use steadfast_base::{Recoverable, Recovery};
use steadfast_eventlog::{Delivery, Event, Position, ReadError, Subscription};

use super::control::{Order, OrderInbox};
use super::interest::{Interest, Projection};
use super::projector::Inner;
use super::status::{PoisonEvent, ProjectionState};
use super::store::{OutputError, ProjectionStore};

/// Why a pass ended.
pub(super) enum Turn {
    Ordered(Order),
    LogClosed,
    Failed(Trouble),
}

/// What failed in a pass.
pub(super) struct Trouble {
    pub(super) message: String,
    pub(super) retry: bool,
    /// The event whose handling failed.
    pub(super) event: Option<PoisonEvent>,
}

impl Trouble {
    fn store(error: &OutputError) -> Turn {
        Turn::Failed(Self {
            message: chain(error),
            retry: error.recovery() != Recovery::Never,
            event: None,
        })
    }

    fn read(error: &ReadError) -> Turn {
        match error {
            ReadError::Closed => Turn::LogClosed,
            error => Turn::Failed(Self {
                message: chain(error),
                retry: error.recovery() != Recovery::Never,
                event: None,
            }),
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// What a projection's run keeps over its passes.
#[derive(Default)]
pub(super) struct Progress {
    /// Tries in a row that failed, without a unit stored between them.
    pub(super) failures: u32,
    /// Events that are left out, until they are behind the offset.
    pub(super) skips: BTreeSet<Position>,
}

/// What was taken from the subscription in one go.
#[derive(Default)]
struct Gathered {
    events: Vec<Event>,
    /// The end of the log was reached, up to here.
    caught_up: Option<Position>,
    /// What ends the pass once the events are handled.
    end: Option<Turn>,
}

pub(super) struct Pass<'a, P, S> {
    pub(super) inner: &'a Inner<P, S>,
    pub(super) orders: &'a mut OrderInbox,
    pub(super) progress: &'a mut Progress,
    interest: Interest,
    /// What the store has.
    offset: Position,
}

impl<'a, P, S> Pass<'a, P, S>
where
    P: Projection,
    S: ProjectionStore<Output = P::Output>,
{
    pub(super) fn new(
        inner: &'a Inner<P, S>,
        orders: &'a mut OrderInbox,
        progress: &'a mut Progress,
    ) -> Self {
        let interest = inner.projection.interest();
        Self { inner, orders, progress, interest, offset: Position::ZERO }
    }

    /// Follows the log until something ends it.
    pub(super) async fn run(&mut self) -> Turn {
        match self.try_run().await {
            Ok(never) => match never {},
            Err(turn) => turn,
        }
    }

    async fn try_run(&mut self) -> Result<std::convert::Infallible, Turn> {
        if let Some(number) = self.inner.handle.rebuild_due() {
            self.refuse_to_lose(number).await?;
            self.inner.output.reset().await.map_err(|error| Trouble::store(&error))?;
            self.inner.handle.rebuilt(number);
            self.progress.failures = 0;
        }
        // The unit is dropped: only its offset is of interest here.
        let (_, offset) =
            self.inner.output.begin().await.map_err(|error| Trouble::store(&error))?;
        self.offset = offset;
        self.inner.handle.update(|status| {
            (status.offset, status.seen) = (offset, offset);
            status.state = ProjectionState::CatchingUp;
        });
        let mut subscription = self.inner.log.subscribe(offset, self.interest.query());
        loop {
            let Gathered { events, caught_up, end } = self.gather(&mut subscription).await;
            self.store_all(events).await?;
            if let Some(position) = caught_up {
                self.catch_up(position).await?;
            }
            if let Some(turn) = end {
                return Err(turn);
            }
        }
    }

    /// Refuses to empty an output that the log cannot give again: retention has removed its beginning.
    async fn refuse_to_lose(&mut self, rebuild: u64) -> Result<(), Turn> {
        let first = self.inner.log.extent().await.map_err(|error| Trouble::read(&error))?.first;
        let (_, offset) =
            self.inner.output.begin().await.map_err(|error| Trouble::store(&error))?;
        if first <= Position::FIRST || offset == Position::ZERO {
            return Ok(());
        }
        // It is not tried again: told to go on, the projection goes on with the output it has.
        self.inner.handle.rebuilt(rebuild);
        self.orders.note_rebuild(rebuild);
        let message = format!(
            "events before position {first} have been removed: built again, the output would lack them"
        );
        Err(Turn::Failed(Trouble { message, retry: false, event: None }))
    }

    /// Waits for events, and takes what else comes until the batch is full or `linger` is over.
    async fn gather(&mut self, subscription: &mut Subscription) -> Gathered {
        let mut gathered = Gathered::default();
        let mut deadline = None;
        while gathered.events.len() < self.batch_max() && gathered.end.is_none() {
            let wait = async {
                match deadline {
                    None => std::future::pending().await,
                    Some(at) => self.inner.time.sleep_until(at).await,
                }
            };
            let delivery = match first(self.orders.next(), first(subscription.next(), wait)).await {
                Either::First(order) => {
                    gathered.end = Some(Turn::Ordered(order));
                    break;
                }
                Either::Second(Either::Second(())) => break,
                Either::Second(Either::First(delivery)) => delivery,
            };
            match delivery {
                Ok(Some(Delivery::Events(events))) => gathered.events.extend(events),
                Ok(Some(Delivery::CaughtUp(position))) => gathered.caught_up = Some(position),
                Ok(None) => gathered.end = Some(Turn::LogClosed),
                Err(error) => gathered.end = Some(Trouble::read(&error)),
            }
            let linger = self.inner.settings.linger;
            let has_nothing = gathered.events.is_empty() || linger.is_zero();
            if gathered.caught_up.is_some() && has_nothing {
                break;
            }
            deadline.get_or_insert_with(|| self.inner.time.now() + linger);
        }
        gathered
    }

    fn batch_max(&self) -> usize {
        self.inner.settings.batch_events_max.max(1)
    }

    /// Stores events in units, in order, each once.
    async fn store_all(&mut self, events: Vec<Event>) -> Result<(), Turn> {
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let (batch, behind) = rest.split_at(rest.len().min(self.batch_max()));
            self.store_batch(batch).await?;
            rest = behind;
        }
        Ok(())
    }

    /// Stores a batch; of one that fails, what lies in front of the failure.
    async fn store_batch(&mut self, batch: &[Event]) -> Result<(), Turn> {
        let mut sound = batch;
        let mut failed = None;
        // Ends: `sound` gets shorter with each failure.
        loop {
            let mut output = self.begin().await?;
            match self.handle_all(sound, &mut output).await {
                Ok(()) => {
                    if let Some(last) = sound.last() {
                        self.commit(output, last.position, sound).await?;
                    }
                    break;
                }
                Err((index, trouble)) => {
                    sound = sound.get(..index).unwrap_or_default();
                    failed = Some(trouble);
                    if sound.is_empty() {
                        break;
                    }
                }
            }
        }
        failed.map_or(Ok(()), |trouble| Err(Turn::Failed(trouble)))
    }

    async fn handle_all(
        &self,
        events: &[Event],
        output: &mut P::Output,
    ) -> Result<(), (usize, Trouble)> {
        for (index, event) in events.iter().enumerate() {
            if self.progress.skips.contains(&event.position)
                || !self.interest.has_type(event.payload.type_name())
            {
                continue;
            }
            if let Err(message) = self.handle(event, output).await {
                let event = Some(PoisonEvent::of(event));
                return Err((index, Trouble { message, retry: true, event }));
            }
        }
        Ok(())
    }

    async fn handle(&self, event: &Event, output: &mut P::Output) -> Result<(), String> {
        let projection = &self.inner.projection;
        let Some(upcasters) = &self.inner.upcasters else {
            return projection.handle(event, output).await.map_err(|error| chain(&*error.into()));
        };
        for event in upcasters.apply(event.clone()).map_err(|error| chain(&error))? {
            let handled = projection.handle(&event, output).await;
            handled.map_err(|error| chain(&*error.into()))?;
        }
        Ok(())
    }

    /// Begins a unit on top of what this projector stored last, and of nothing else.
    async fn begin(&mut self) -> Result<P::Output, Turn> {
        let begun = self.inner.output.begin().await;
        let (output, found) = begun.map_err(|error| Trouble::store(&error))?;
        if found != self.offset {
            let error = OutputError::Moved { expected: self.offset, found };
            return Err(Trouble::store(&error));
        }
        Ok(output)
    }

    async fn commit(
        &mut self,
        output: P::Output,
        offset: Position,
        events: &[Event],
    ) -> Result<(), Turn> {
        let stored = self.inner.output.commit(output, offset).await;
        stored.map_err(|error| Trouble::store(&error))?;
        self.offset = offset;
        self.progress.failures = 0;
        let skipped: Vec<&Event> =
            events.iter().filter(|event| self.progress.skips.remove(&event.position)).collect();
        self.inner.handle.update(|status| {
            (status.offset, status.seen) = (offset, offset);
            status.units_total += 1;
            status.events_total += (events.len() - skipped.len()) as u64;
            status.poison = None;
            for event in skipped {
                status.note_skipped(event);
            }
            if status.state == ProjectionState::Retrying {
                status.state = ProjectionState::CatchingUp;
            }
        });
        Ok(())
    }

    /// Notes that the log was looked at up to a position, durably where that is far ahead of the offset.
    async fn catch_up(&mut self, position: Position) -> Result<(), Turn> {
        let ahead = position.get().saturating_sub(self.offset.get());
        if ahead > self.inner.settings.idle_offset_every {
            let output = self.begin().await?;
            self.commit(output, position, &[]).await?;
        }
        self.inner.handle.update(|status| {
            status.seen = position.max(status.offset);
            status.state = ProjectionState::Live;
        });
        Ok(())
    }
}

/// Waits for a span or an order, whichever comes first.
pub(super) async fn wait<P, S>(
    inner: &Inner<P, S>,
    orders: &mut OrderInbox,
    span: Duration,
) -> Option<Order> {
    match first(orders.next(), inner.time.sleep(span)).await {
        Either::First(order) => Some(order),
        Either::Second(()) => None,
    }
}

enum Either<A, B> {
    First(A),
    Second(B),
}

/// The output of the future that is ready first; where both are, of the first one.
async fn first<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> Either<A, B> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|task| match first.as_mut().poll(task) {
        Poll::Ready(output) => Poll::Ready(Either::First(output)),
        Poll::Pending => second.as_mut().poll(task).map(Either::Second),
    })
    .await
}
