//! The events of a replay, in the order of the log, put together into what is played at once.

use std::collections::VecDeque;

use steadfast_eventlog::{Event, EventKind, Events, Position, Query, ReadError};

use super::{ReadOnly, player::Unit};

/// Reads a log from a position on, one unit after the other; at most two batches are in memory.
#[derive(Debug)]
pub(crate) struct Feed {
    log: ReadOnly,
    query: Query,
    events: Option<Events>,
    ready: VecDeque<Event>,
    /// The last event that was given out.
    last: Position,
}

impl Feed {
    pub(crate) fn new(log: ReadOnly, query: Query) -> Self {
        let last = query.from.previous();
        Self { log, query, events: None, ready: VecDeque::new(), last }
    }

    /// Another one of the same events, from the first on.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.log.clone(), self.query.clone())
    }

    /// The position of the last event that was given out.
    pub(crate) fn last(&self) -> Position {
        self.last
    }

    /// Goes on behind this position.
    pub(crate) fn rewind(&mut self, last: Position) {
        self.events = None;
        self.ready.clear();
        self.last = last;
    }

    /// The next unit; none at the end. A dropped call has given nothing out.
    pub(crate) async fn next(&mut self) -> Result<Option<Unit>, ReadError> {
        loop {
            if let Some(end) = self.end_of_unit() {
                let mut unit = self.ready.drain(..end);
                let Some(event) = unit.next() else { return Ok(None) };
                let mut whole = Unit { event, sent: Vec::new(), kept: None };
                for event in unit {
                    self.last = event.position;
                    match event.kind {
                        EventKind::MessageSent => whole.sent.push(event),
                        EventKind::SnapshotTaken => whole.kept = Some(event),
                        _ => {}
                    }
                }
                self.last = self.last.max(whole.event.position);
                return Ok(Some(whole));
            }
            if !self.read().await? {
                return Ok(self.ready.pop_front().map(|event| {
                    self.last = event.position;
                    self.last_unit(event)
                }));
            }
        }
    }

    /// The unit of the first event and all that is left, at the end of the log.
    fn last_unit(&mut self, event: Event) -> Unit {
        let mut whole = Unit { event, sent: Vec::new(), kept: None };
        while let Some(next) = self.ready.front().filter(|next| belongs(&whole.event, next)) {
            self.last = next.position;
            let Some(event) = self.ready.pop_front() else { break };
            match event.kind {
                EventKind::MessageSent => whole.sent.push(event),
                EventKind::SnapshotTaken => whole.kept = Some(event),
                _ => {}
            }
        }
        whole
    }

    /// How many of the ready events are the first unit, if its end is in sight.
    fn end_of_unit(&self) -> Option<usize> {
        let first = self.ready.front()?;
        if first.kind != EventKind::MessageProcessed {
            return Some(1);
        }
        self.ready
            .iter()
            .skip(1)
            .position(|event| !belongs(first, event))
            .map(|at| at.saturating_add(1))
    }

    /// Reads the next batch; false at the end.
    async fn read(&mut self) -> Result<bool, ReadError> {
        let from = self.ready.back().map_or(self.last, |event| event.position).next();
        let query = self.query.clone().positions(from.max(self.query.from)..=self.query.to);
        let log = &self.log;
        let events = self.events.get_or_insert_with(|| log.read(query));
        let batch = events.next().await?;
        let more = !batch.is_empty();
        self.ready.extend(batch);
        Ok(more)
    }
}

/// Whether an event was appended with a turn and belongs to it.
fn belongs(turn: &Event, event: &Event) -> bool {
    event.actor == turn.actor
        && event.turn == turn.turn
        && match event.kind {
            EventKind::MessageSent | EventKind::FailureOccurred => event.causation == Some(turn.id),
            EventKind::SnapshotTaken => true,
            _ => false,
        }
}
