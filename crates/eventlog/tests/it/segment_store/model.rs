//! The whole store against a plain list of events, whatever is asked of it and whenever it crashes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use steadfast_base::storage::Persist;
use steadfast_base::{CorrelationId, Seed};
use steadfast_eventlog::segment_store::Durability;
use steadfast_eventlog::{Expected, Position, Retention, Seq, Unreleased};

use super::*;

const ACTORS: usize = 4;

/// Half a dozen of these do not fit into an empty segment.
const LARGE_BYTES: usize = 6_000;

/// One thing that is done to the store and to the list.
#[derive(Clone, Debug)]
enum Step {
    /// Appends so many events of an actor, the last of them of the next one too, expecting this much above
    /// (or below) what is there; `None` expects nothing. Large ones may need more than a whole segment.
    Append {
        actor: usize,
        count: u64,
        large: bool,
        off_by: Option<i64>,
        blocks: bool,
    },
    /// Appends once more what was appended at this place of the history.
    Retry(prop::sample::Index),
    Delete {
        actor: usize,
        to: u64,
    },
    Retain {
        events: u64,
    },
    Roll,
    Reopen,
    /// Cuts the power, and keeps what the seed says of what was not synced.
    Crash(u64),
    Read {
        actor: usize,
        from: u64,
        limit: u64,
        backward: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let off_by = prop_oneof![3 => Just(None), 4 => Just(Some(0)), 1 => (-2..3_i64).prop_map(Some)];
    let large = prop_oneof![7 => Just(false), 1 => Just(true)];
    let append = (0..ACTORS, 1..12_u64, large, off_by, any::<bool>());
    let append = append.prop_map(|(actor, count, large, off_by, blocks)| Step::Append {
        actor,
        count,
        large,
        off_by,
        blocks,
    });
    let read = (0..ACTORS, 0..40_u64, 1..30_u64, any::<bool>());
    let read =
        read.prop_map(|(actor, from, limit, backward)| Step::Read { actor, from, limit, backward });
    let step = prop_oneof![
        8 => append,
        2 => any::<prop::sample::Index>().prop_map(Step::Retry),
        1 => (0..ACTORS, 0..20_u64).prop_map(|(actor, to)| Step::Delete { actor, to }),
        1 => (0..60_u64).prop_map(|events| Step::Retain { events }),
        2 => Just(Step::Roll),
        2 => Just(Step::Reopen),
        2 => any::<u64>().prop_map(Step::Crash),
        4 => read,
    ];
    prop::collection::vec(step, 1..40)
}

/// What must be true of the store.
#[derive(Default)]
struct Model {
    /// Every event ever acknowledged.
    events: Vec<Event>,
    first: Position,
    deleted: BTreeMap<String, Seq>,
    highest: BTreeMap<String, Seq>,
    /// Every request that was stored, and what it expected.
    history: Vec<(Vec<NewEvent>, Expected, Vec<u64>)>,
    made: u64,
}

impl Model {
    fn highest(&self, actor: &str) -> Seq {
        self.highest.get(actor).copied().unwrap_or(Seq::ZERO)
    }

    fn found(&self, query: &Query) -> Vec<Event> {
        let is_left = |event: &&Event| {
            let deleted = self.deleted.get(event.actor.as_str()).copied().unwrap_or(Seq::ZERO);
            event.position >= self.first && event.seq > deleted && query.matches(event)
        };
        let mut found: Vec<Event> = self.events.iter().filter(is_left).cloned().collect();
        if query.direction == steadfast_eventlog::Direction::Backward {
            found.reverse();
        }
        found.truncate(query.limit.map_or(usize::MAX, |limit| limit.try_into().unwrap()));
        found
    }
}

fn name(actor: usize) -> String {
    format!("actor {}", actor % ACTORS)
}

struct Subject {
    storage: SimulatedStorage,
    config: Config,
    store: SegmentStore,
    model: Model,
}

impl Subject {
    fn new(config: Config) -> Self {
        let storage = SimulatedStorage::new();
        let store = Self::open(&storage, &config);
        Self { storage, config, store, model: Model::default() }
    }

    fn open(storage: &SimulatedStorage, config: &Config) -> SegmentStore {
        SegmentStore::open_on(Arc::new(storage.clone()), config.clone(), Time::system()).unwrap()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append { actor, count, large, off_by, blocks } => {
                let events = self.make(*actor, *count, *large);
                self.append(events, *off_by, *blocks);
            }
            Step::Retry(index) => self.retry(*index),
            Step::Delete { actor, to } => {
                let actor = name(*actor);
                block_on(self.store.delete_to(&actor.as_str().into(), Seq::new(*to))).unwrap();
                let to = Seq::new(*to).min(self.model.highest(&actor));
                let deleted = self.model.deleted.entry(actor).or_default();
                *deleted = to.max(*deleted);
            }
            Step::Retain { events } => {
                let policy = Retention::default().with_events_max(*events);
                let policy = policy.with_unreleased(Unreleased::Remove);
                let retired = block_on(self.store.retain(&policy)).unwrap();
                self.model.first = self.model.first.max(retired.first);
            }
            Step::Roll => block_on(self.store.begin_segment()).unwrap(),
            Step::Reopen => {
                block_on(self.store.close()).unwrap();
                self.store = Self::open(&self.storage, &self.config);
            }
            Step::Crash(seed) => {
                let mut stream = Seed::new(*seed).stream("crash");
                let disk = self.storage.crash(|_, _| match stream.below(3) {
                    0 => Persist::Nothing,
                    1 => Persist::All,
                    _ => Persist::Sectors(u128::from(stream.next_u64()) << 64 | 1),
                });
                self.storage = disk;
                self.store = Self::open(&self.storage, &self.config);
            }
            Step::Read { actor, from, limit, backward } => {
                let query = Query::actor(name(*actor)).limit(*limit);
                let query = query.seqs(Seq::new(from / 4)..).positions(Position::new(*from)..);
                let query = if *backward { query.backward() } else { query };
                self.compare(&query);
            }
        }
    }

    fn make(&mut self, actor: usize, count: u64, large: bool) -> Vec<NewEvent> {
        let actors = [name(actor), name(actor + 1)];
        let event = |index: u64| {
            self.model.made += 1;
            let mut new = event(self.model.made);
            new.actor = actors[usize::from(index + 1 == count)].as_str().into();
            if large {
                new.payload = Payload::raw("test.Noted", vec![0; LARGE_BYTES]);
            }
            new.with_correlation(CorrelationId::from_u128(u128::from(self.model.made / 7 + 1)))
        };
        (0..count).map(event).collect()
    }

    fn append(&mut self, events: Vec<NewEvent>, off_by: Option<i64>, blocks: bool) {
        let expected = off_by.map_or(Expected::Any, |off_by| {
            let highest = self.model.highest(events[0].actor.as_str()).get();
            Expected::Exact(Seq::new(highest.saturating_add_signed(off_by)))
        });
        let meets = expected.exact().is_none_or(|seq| {
            events.iter().all(|event| self.model.highest(event.actor.as_str()) == seq)
        });
        let request = Append::new(events.clone()).expecting(expected);
        let answer = if blocks {
            self.store.append_blocking(request)
        } else {
            self.store.append(request).wait()
        };
        if !meets {
            let error = answer.unwrap_err();
            assert!(error.conflict().is_some(), "{error:?}");
            assert_eq!(error.into_events(), events);
            return;
        }
        let appended = answer.unwrap();
        assert!(!appended.duplicate && appended.places.as_slice().len() == events.len());
        let last = self.model.events.last().map_or(Position::ZERO, |event| event.position);
        let mut positions = Vec::new();
        for (event, placed) in events.iter().zip(appended.places.as_slice()) {
            let highest = self.model.highest.entry(event.actor.to_string()).or_default();
            *highest = highest.next();
            assert_eq!(placed.seq, *highest);
            assert_eq!(placed.position, last.plus(positions.len() as u64 + 1));
            positions.push(placed.position.get());
            self.model.events.push(event.clone().placed(*placed));
        }
        self.model.history.push((events, expected, positions));
    }

    /// Without a retention or deletion in between, a retry is a duplicate.
    fn retry(&mut self, index: prop::sample::Index) {
        if self.model.history.is_empty() {
            return;
        }
        let (events, expected, positions) = index.get(&self.model.history).clone();
        let is_left = |position: &u64| {
            let query = Query::all().positions(Position::new(*position)..=Position::new(*position));
            !self.model.found(&query).is_empty()
        };
        if !positions.iter().all(is_left) {
            return;
        }
        let again = self.store.append(Append::new(events).expecting(expected)).wait().unwrap();
        assert!(again.duplicate);
        let places: Vec<u64> =
            again.places.as_slice().iter().map(|place| place.position.get()).collect();
        assert_eq!(places, positions);
    }

    fn compare(&self, query: &Query) {
        let found = block_on(self.store.read(query.clone()).all()).unwrap();
        assert_eq!(found, self.model.found(query), "{query:?}");
    }

    fn compare_all(&self) {
        self.compare(&Query::all());
        self.compare(&Query::all().backward().limit(7));
        for actor in 0..ACTORS {
            let actor = name(actor);
            self.compare(&Query::actor(actor.as_str()));
            let extent = block_on(self.store.actor(&actor.as_str().into())).unwrap();
            assert_eq!(extent.highest, self.model.highest(&actor));
        }
        for work in 1..self.model.made / 7 + 2 {
            self.compare(&Query::correlation(CorrelationId::from_u128(u128::from(work))));
        }
        if let Some(event) = self.model.events.last() {
            self.compare(&Query::event(event.id));
        }
        let last = block_on(self.store.extent()).unwrap().last;
        assert_eq!(last, self.model.events.last().map_or(Position::ZERO, |event| event.position));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_store_does_what_a_list_of_events_does(
        steps in steps(), seals in any::<bool>(), caches in any::<bool>(),
    ) {
        let config = config().with_segment_bytes(16 << 10);
        let config = config.with_seal_level(seals.then_some(1));
        let config = config.with_tail_events(if caches { 20 } else { 0 });
        let mut subject = Subject::new(config);
        for step in &steps {
            subject.step(step);
        }
        subject.compare_all();
        subject.step(&Step::Reopen);
        subject.compare_all();
        prop_assert!(block_on(subject.store.verify()).unwrap().is_sound());
    }

    /// Without crashes: what is not synced need not survive one.
    #[test]
    fn so_it_does_at_any_durability(steps in steps(), memory in any::<bool>()) {
        let durability = if memory { Durability::Memory } else { Durability::Os };
        let config = config().with_segment_bytes(16 << 10).with_tail_events(5);
        let mut subject = Subject::new(config.with_durability(durability));
        for step in steps.iter().filter(|step| !matches!(step, Step::Crash(_))) {
            subject.step(step);
        }
        subject.compare_all();
        subject.step(&Step::Reopen);
        subject.compare_all();
        prop_assert!(block_on(subject.store.verify()).unwrap().is_sound());
    }
}
