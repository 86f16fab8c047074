//! Where a replay parts from the record.

use std::fmt;

use serde_json::Value;

use steadfast_eventlog::{ActorName, Position};

use crate::record::{Sent, TurnEnding, ValueHash};

/// The first place where a replay parts from what was recorded.
///
/// Nothing behind that turn was run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NonDeterminism {
    /// Whose turn it was.
    pub actor: ActorName,
    /// The number of the turn.
    pub turn: u64,
    /// The position of the turn's event.
    pub position: Position,
    /// What was recorded and what came instead.
    pub difference: Difference,
    /// Where the states differ, if the state after the turn was recorded; the first 100 places.
    pub state: Vec<StateDifference>,
}

impl fmt::Display for NonDeterminism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { actor, turn, difference, .. } = self;
        write!(f, "{actor} parts from its record at turn {turn}: {difference}")?;
        self.state.iter().try_for_each(|place| write!(f, "\n  {place}"))
    }
}

impl std::error::Error for NonDeterminism {}

/// What was recorded and what came instead.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// An output of the turn.
    Output {
        /// Which one, from 0.
        number: u32,
        /// The recorded one; none if there was no further one.
        expected: Option<Sent>,
        /// The one that came; none if the turn ended without it.
        found: Option<Sent>,
    },
    /// How the turn ended.
    Ending {
        /// As recorded.
        expected: TurnEnding,
        /// What came; [`TurnEnding::CutShort`] if it waits for something.
        found: TurnEnding,
    },
    /// How much randomness was drawn.
    Random {
        /// The 32-bit words drawn so far, as recorded.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The state after the turn.
    State {
        /// The recorded hash.
        expected: ValueHash,
        /// The one that came.
        found: ValueHash,
    },
    /// The handler took in what is not on the tape.
    Unrecorded {
        /// What it was.
        what: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = || "nothing".to_owned();
        match self {
            Self::Output { number, expected, found } => {
                let expected = expected.as_ref().map_or_else(none, Sent::to_string);
                let found = found.as_ref().map_or_else(none, Sent::to_string);
                write!(f, "output {number}: expected {expected}, found {found}")
            }
            Self::Ending { expected, found } => {
                write!(f, "ending: expected {expected:?}, found {found:?}")
            }
            Self::Random { expected, found } => {
                write!(f, "random words drawn: expected {expected}, found {found}")
            }
            Self::State { expected, found } => {
                write!(f, "state: expected {expected}, found {found}")
            }
            Self::Unrecorded { what } => write!(f, "not on the tape: {what}"),
        }
    }
}

/// One place where two states differ.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StateDifference {
    /// The path of the place, from the root `$`: `$.accounts[3].cents`.
    pub path: String,
    /// What was recorded; none if the place is new.
    pub expected: Option<Value>,
    /// What came; none if the place is gone.
    pub found: Option<Value>,
}

impl fmt::Display for StateDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string)
        };
        write!(f, "{}: expected {}, found {}", self.path, show(&self.expected), show(&self.found))
    }
}

/// Places that are listed of two states at most; the rest is left out.
pub const STATE_DIFFERENCES_MAX: usize = 100;

/// The places where two trees differ, in the order of the first one.
pub fn state_differences(expected: &Value, found: &Value) -> Vec<StateDifference> {
    let mut places = Vec::new();
    let mut left = vec![("$".to_owned(), Some(expected), Some(found))];
    while let Some((path, expected, found)) = left.pop() {
        if places.len() >= STATE_DIFFERENCES_MAX {
            break;
        }
        match (expected, found) {
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                let new = b.keys().filter(|key| !a.contains_key(*key));
                let keys: Vec<&String> = a.keys().chain(new).collect();
                let place = |key: &&String| (format!("{path}.{key}"), a.get(*key), b.get(*key));
                left.extend(keys.iter().rev().map(place));
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) => {
                let place = |at: usize| (format!("{path}[{at}]"), a.get(at), b.get(at));
                left.extend((0..a.len().max(b.len())).rev().map(place));
            }
            (expected, found) if expected == found => {}
            (expected, found) => {
                let (expected, found) = (expected.cloned(), found.cloned());
                places.push(StateDifference { path, expected, found });
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_differ_at_the_paths_that_differ() {
        let expected = json!({"cents": 5, "log": ["a", "b"], "gone": 1});
        let found = json!({"cents": 6, "log": ["a", "c", "d"], "new": null});
        let places = state_differences(&expected, &found);
        let shown: Vec<String> = places.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "$.cents: expected 5, found 6",
                "$.gone: expected 1, found nothing",
                "$.log[1]: expected \"b\", found \"c\"",
                "$.log[2]: expected nothing, found \"d\"",
                "$.new: expected nothing, found null",
            ]
        );
        assert_eq!(state_differences(&expected, &expected), []);
    }
}
