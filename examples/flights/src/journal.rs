//! The feeder's own position: an event in the same log as everything else.

use serde::{Deserialize, Serialize};

use steadfast::base::IdSource;
use steadfast_eventlog::{
    Append, AppendError, Appending, CodecId, EventKind, EventStore, Expected, NewEvent, Payload,
    Query, ReadError, Seq,
};

use crate::tally::Tally;

/// The name of the feeder in the log.
const FEEDER: &str = "feeder";

/// The name of its positions in the log.
const POSITION: &str = "flights.Position";

/// How far the year is fed and stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Which run it is.
    pub(crate) run: RunId,
    /// The events before this index are stored with all whom they concern.
    pub(crate) fed: u32,
    /// What went wrong in what is fed, and was absorbed.
    pub(crate) tally: Tally,
}

/// What must be the same in all lives of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunId {
    pub(crate) flights: u64,
    pub(crate) events: u64,
    pub(crate) seed: u64,
    pub(crate) fault_rate_ppb: u64,
}

/// The positions of one life.
pub(crate) struct Journal<'a> {
    log: &'a dyn EventStore,
    ids: &'a IdSource,
    seq: Seq,
    /// The last position on its way.
    under_way: Option<Appending>,
}

impl<'a> Journal<'a> {
    /// Finds the last position, if there is one.
    pub(crate) async fn open(
        log: &'a dyn EventStore,
        ids: &'a IdSource,
    ) -> Result<(Self, Option<Position>), ReadError> {
        let last = log.read(Query::actor(FEEDER).backward().limit(1)).all().await?;
        let seq = last.first().map_or(Seq::ZERO, |event| event.seq);
        // A position that cannot be read is of another program: the run begins with one of its own.
        let position = last.first().and_then(|event| event.payload.decode().ok());
        Ok((Self { log, ids, seq, under_way: None }, position))
    }

    /// Writes a position, once the last one is stored.
    pub(crate) async fn write(&mut self, position: &Position) -> Result<(), AppendError> {
        self.settle().await?;
        let payload = Payload::encode(CodecId::NAMED, POSITION, 1, position)
            .expect("numbers and names can be encoded");
        let kind = EventKind::application("fed");
        let event = NewEvent::new(self.ids.event(), FEEDER, kind, payload);
        let append = Append::one(event).expecting(Expected::Exact(self.seq));
        self.under_way = Some(self.log.append(append));
        self.seq = self.seq.next();
        Ok(())
    }

    /// Waits until the last position is stored.
    pub(crate) async fn settle(&mut self) -> Result<(), AppendError> {
        match self.under_way.take() {
            Some(appending) => appending.await.map(drop),
            None => Ok(()),
        }
    }
}
