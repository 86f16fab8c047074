//! Typed ids: time-ordered 128-bit ids in the `UUIDv7` layout, and their source.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::random::Stream;
use crate::time::{Clock, Timestamp};

#[cfg(test)]
mod tests;

/// Random bits of an id: 12 after the version, 62 after the variant.
const RANDOM_BITS: u32 = 74;
const RANDOM_MASK: u128 = (1 << RANDOM_BITS) - 1;

/// Defines one 128-bit id type; all are alike but for their name and what they stand for.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The id with these bits, of whatever origin.
            ///
            /// # Example
            ///
            /// ```
            #[doc = concat!("use steadfast_base::", stringify!($name), ";")]
            ///
            #[doc = concat!("assert_eq!(", stringify!($name), "::from_u128(5).as_u128(), 5);")]
            /// ```
            pub const fn from_u128(bits: u128) -> Self {
                Self(bits)
            }

            /// The bits of the id; their order is the order of the ids.
            ///
            /// # Example
            ///
            /// ```
            #[doc = concat!("use steadfast_base::", stringify!($name), ";")]
            ///
            #[doc = concat!("assert_eq!(", stringify!($name), "::from_u128(5).as_u128(), 5);")]
            /// ```
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// When the id was made, to the millisecond; `None` for an id that is no `UUIDv7`.
            ///
            /// # Example
            ///
            /// ```
            #[doc = concat!("use steadfast_base::", stringify!($name), ";")]
            ///
            #[doc = concat!("let id: ", stringify!($name), " =")]
            ///     "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse()?;
            /// assert_eq!(id.timestamp().unwrap().to_string(), "2022-02-22T19:22:22Z");
            /// # Ok::<(), steadfast_base::ParseIdError>(())
            /// ```
            pub fn timestamp(self) -> Option<Timestamp> {
                timestamp_of(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hyphenated(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Reads the hyphenated form, in either case, of any 128-bit UUID.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hyphenated(text).map(Self).ok_or(ParseIdError(()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.to_be_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(|bytes| Self(u128::from_be_bytes(bytes)))
                }
            }
        }
    };
}

uuid_id! {
    /// Names one event, message or record for ever; made by [`IdSource::event`].
    ///
    /// In the `UUIDv7` layout (RFC 9562): ids of one source sort by the order in which they were
    /// made. Shown hyphenated; serialized as that text in human-readable formats, as 16 big-endian
    /// bytes in the others.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::EventId;
    ///
    /// let id: EventId = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse()?;
    /// assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    /// # Ok::<(), steadfast_base::ParseIdError>(())
    /// ```
    EventId
}

uuid_id! {
    /// Names one piece of work across everything it causes; made by [`IdSource::correlation`].
    ///
    /// In the `UUIDv7` layout when made here; one that comes from outside may be any UUID. Shown
    /// and serialized like [`EventId`].
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::CorrelationId;
    ///
    /// // A version 4 UUID from a caller's header is as good as one of ours.
    /// let id: CorrelationId = "919108f7-52d1-4320-9bac-f847db4148a8".parse()?;
    /// assert_eq!(id.timestamp(), None);
    /// # Ok::<(), steadfast_base::ParseIdError>(())
    /// ```
    CorrelationId
}

/// Names one actor within its system, across restarts; never reused while the system runs.
///
/// # Example
///
/// ```
/// use steadfast_base::ActorId;
///
/// assert_eq!(ActorId::new(7).to_string(), "7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActorId(u64);

impl ActorId {
    /// The id with this number.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::ActorId::new(7).as_u64(), 7);
    /// ```
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the id.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::ActorId::new(7).as_u64(), 7);
    /// ```
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Makes ids from an injected clock and stream; the same clock and seed make the same ids.
///
/// Layout and monotonicity follow RFC 9562, sections 5.7 and 6.2 (method 2). Within a source every
/// id is greater than the one before, of either type, from whatever thread: while the wall clock
/// stands still or steps back, the last time is kept and the random part counts up by random steps;
/// should it ever run out, the time moves on by a millisecond. Sources with different streams do
/// not collide for any practical number of ids (73 random bits per millisecond).
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use steadfast_base::{IdSource, Seed, SystemClock};
///
/// let ids = IdSource::new(Arc::new(SystemClock::new()), Seed::new(1).stream("ids"));
/// let (first, second) = (ids.event(), ids.event());
/// assert!(first < second);
/// ```
#[derive(Debug)]
pub struct IdSource {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stream: Stream,
    millis: u64,
    /// The last random part; `None` before the first id.
    random: Option<u128>,
}

impl IdSource {
    /// A source that reads the time from `clock` and draws from `stream`.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_base::{IdSource, Seed, SystemClock};
    ///
    /// let seed = Seed::from_entropy();
    /// let ids = IdSource::new(Arc::new(SystemClock::new()), seed.stream("ids"));
    /// assert!(ids.correlation().timestamp().is_some());
    /// ```
    pub fn new(clock: Arc<dyn Clock>, stream: Stream) -> Self {
        Self { clock, state: Mutex::new(State { stream, millis: 0, random: None }) }
    }

    /// The next event id.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use steadfast_base::{IdSource, Seed, SystemClock};
    /// let ids = IdSource::new(Arc::new(SystemClock::new()), Seed::new(1).stream("ids"));
    /// assert!(ids.event() < ids.event());
    /// ```
    pub fn event(&self) -> EventId {
        EventId(self.next())
    }

    /// The next correlation id.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use steadfast_base::{IdSource, Seed, SystemClock};
    /// let ids = IdSource::new(Arc::new(SystemClock::new()), Seed::new(1).stream("ids"));
    /// assert!(ids.correlation() < ids.correlation());
    /// ```
    pub fn correlation(&self) -> CorrelationId {
        CorrelationId(self.next())
    }

    fn next(&self) -> u128 {
        let millis = self.clock.timestamp().as_unix_millis();
        // A lock poisoned by a panicking allocator or the like still holds a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).step(millis)
    }
}

impl State {
    /// The next id, given what the wall clock reads.
    fn step(&mut self, millis: u64) -> u128 {
        let last = self.random.filter(|_| millis <= self.millis);
        // Steps are at least 1, so ids grow, and 32 bits wide, so ids do not tell how many there
        // are, while the 73 bits last for more than 2^41 ids per millisecond.
        let counted = last.map(|random| random + 1 + u128::from(self.stream.next_u64() >> 32));
        let random = match counted {
            Some(random) if random <= RANDOM_MASK => random,
            Some(_spent) => {
                self.millis += 1;
                self.fresh()
            }
            None => {
                self.millis = millis;
                self.fresh()
            }
        };
        self.random = Some(random);
        assemble(self.millis, random)
    }

    /// A random part for a new millisecond; its highest bit is clear, as room to count up.
    fn fresh(&mut self) -> u128 {
        let wide = u128::from(self.stream.next_u64()) << 64 | u128::from(self.stream.next_u64());
        wide & (RANDOM_MASK >> 1)
    }
}

/// Puts time, version 7, variant and the random part together (RFC 9562, section 5.7). The time
/// fits its 48 bits: a [`Timestamp`] has fewer than 2^45 milliseconds.
fn assemble(millis: u64, random: u128) -> u128 {
    let (high, low) = (random >> 62, random & ((1 << 62) - 1));
    u128::from(millis) << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low
}

fn timestamp_of(bits: u128) -> Option<Timestamp> {
    let is_version_7 = bits >> 76 & 0xF == 7 && bits >> 62 & 0b11 == 0b10;
    let millis = u64::try_from(bits >> 80).ok().filter(|_| is_version_7)?;
    millis.checked_mul(1_000_000).map(Timestamp::from_unix_nanos)
}

fn write_hyphenated(bits: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let field = |shift: u32, width: u32| bits >> shift & ((1 << width) - 1);
    let (time_low, time_mid, version) = (field(96, 32), field(80, 16), field(64, 16));
    let (variant, node) = (field(48, 16), field(0, 48));
    write!(f, "{time_low:08x}-{time_mid:04x}-{version:04x}-{variant:04x}-{node:012x}")
}

fn parse_hyphenated(text: &str) -> Option<u128> {
    let mut groups = text.split('-');
    let mut bits = 0;
    for width in [8, 4, 4, 4, 12] {
        let group = groups.next().filter(|group| group.len() == width)?;
        // from_str_radix would take a sign.
        group.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        bits = bits << (4 * width) | u128::from_str_radix(group, 16).ok()?;
    }
    groups.next().is_none().then_some(bits)
}

/// The text is not a hyphenated UUID.
///
/// # Example
///
/// ```
/// use steadfast_base::{EventId, ParseIdError};
///
/// let error: ParseIdError = "no".parse::<EventId>().unwrap_err();
/// assert_eq!(error.to_string(), "not a hyphenated UUID");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseIdError(());

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a hyphenated UUID")
    }
}

impl Error for ParseIdError {}
