//! Events: borrowed while they are emitted, owned where they are kept.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::id::{ActorId, CorrelationId, EventId};
use crate::time::Timestamp;

/// One thing that happened, as its emitter describes it, without an allocation.
///
/// Names and field keys are constants of the emitting crate, `<layer>.<what-happened>`. Fields say
/// what changed and for whom; payloads of messages do not belong here.
///
/// # Example
///
/// ```
/// use steadfast_base::{Event, Timestamp, Value};
///
/// let fields = [("breaker", Value::Str("payments")), ("failures", Value::U64(5))];
/// let event = Event::new("breaker.opened", Timestamp::UNIX_EPOCH, &fields);
/// assert_eq!(event.to_string(), "breaker.opened breaker=payments failures=5");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened.
    pub name: &'static str,
    /// When it happened.
    pub at: Timestamp,
    /// The particulars, in the order in which they are shown.
    pub fields: &'a [(&'static str, Value<'a>)],
}

impl<'a> Event<'a> {
    /// An event with its particulars.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Event, Timestamp};
    ///
    /// let event = Event::new("system.started", Timestamp::UNIX_EPOCH, &[]);
    /// assert_eq!(event.name, "system.started");
    /// ```
    pub const fn new(
        name: &'static str,
        at: Timestamp,
        fields: &'a [(&'static str, Value<'a>)],
    ) -> Self {
        Self { name, at, fields }
    }

    /// The value of a field, if the event has it.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Event, Timestamp, Value};
    ///
    /// let fields = [("failures", Value::U64(5))];
    /// let event = Event::new("breaker.opened", Timestamp::UNIX_EPOCH, &fields);
    /// assert!(matches!(event.field("failures"), Some(Value::U64(5))));
    /// assert!(event.field("successes").is_none());
    /// ```
    pub fn field(&self, key: &str) -> Option<Value<'a>> {
        self.fields.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// A copy to keep.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Event, OwnedValue, Timestamp, Value};
    ///
    /// let fields = [("breaker", Value::Str("payments"))];
    /// let kept = Event::new("breaker.opened", Timestamp::UNIX_EPOCH, &fields).to_owned();
    /// assert_eq!(kept.field("breaker"), Some(&OwnedValue::Text("payments".to_owned())));
    /// ```
    pub fn to_owned(&self) -> OwnedEvent {
        let fields = self.fields.iter().map(|(key, value)| (*key, value.to_owned())).collect();
        OwnedEvent { name: self.name, at: self.at, fields }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.fields.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// The value of an event's field, borrowed from the emitter.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::{EventId, Value};
///
/// let wait: Value = Duration::from_millis(20).into();
/// assert_eq!(wait.to_string(), "20ms");
/// let id = EventId::from_u128(1);
/// assert_eq!(Value::Display(&id).to_string(), id.to_string());
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Yes or no.
    Bool(bool),
    /// A count or a size.
    U64(u64),
    /// A number that may be negative.
    I64(i64),
    /// A ratio or another measure.
    F64(f64),
    /// A span of time.
    Duration(Duration),
    /// A text.
    Str(&'a str),
    /// Anything that is formatted only if somebody looks: an id, an error.
    Display(&'a dyn fmt::Display),
}

impl Value<'_> {
    /// A copy to keep; what is only displayable becomes text.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{OwnedValue, Value};
    ///
    /// assert_eq!(Value::U64(3).to_owned(), OwnedValue::U64(3));
    /// ```
    pub fn to_owned(&self) -> OwnedValue {
        match *self {
            Self::Bool(value) => OwnedValue::Bool(value),
            Self::U64(value) => OwnedValue::U64(value),
            Self::I64(value) => OwnedValue::I64(value),
            Self::F64(value) => OwnedValue::F64(value),
            Self::Duration(value) => OwnedValue::Duration(value),
            Self::Str(value) => OwnedValue::Text(value.to_owned()),
            Self::Display(value) => OwnedValue::Text(value.to_string()),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => fmt::Display::fmt(value, f),
            Self::U64(value) => fmt::Display::fmt(value, f),
            Self::I64(value) => fmt::Display::fmt(value, f),
            Self::F64(value) => fmt::Display::fmt(value, f),
            Self::Duration(value) => fmt::Debug::fmt(value, f),
            Self::Str(value) => fmt::Display::fmt(value, f),
            Self::Display(value) => fmt::Display::fmt(value, f),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_owned(), f)
    }
}

/// `From` for the values that convert without loss.
macro_rules! value_from {
    ($($source:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$source> for Value<'_> {
            fn from(value: $source) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}

value_from! {
    bool => Bool,
    u16 => U64,
    u32 => U64,
    u64 => U64,
    i32 => I64,
    i64 => I64,
    f64 => F64,
    Duration => Duration,
}

impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        Self::U64(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl From<ActorId> for Value<'_> {
    fn from(value: ActorId) -> Self {
        Self::U64(value.as_u64())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Str(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Str(value)
    }
}

impl<'a> From<&'a EventId> for Value<'a> {
    fn from(value: &'a EventId) -> Self {
        Self::Display(value)
    }
}

impl<'a> From<&'a CorrelationId> for Value<'a> {
    fn from(value: &'a CorrelationId) -> Self {
        Self::Display(value)
    }
}

/// An event that is kept; see [`Event::to_owned`].
///
/// # Example
///
/// ```
/// use steadfast_base::{Event, OwnedEvent, Timestamp};
///
/// let kept: OwnedEvent = Event::new("system.started", Timestamp::UNIX_EPOCH, &[]).to_owned();
/// assert_eq!(kept.to_string(), "system.started");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OwnedEvent {
    /// What happened.
    pub name: &'static str,
    /// When it happened.
    pub at: Timestamp,
    /// The particulars, in the order in which they are shown.
    pub fields: Vec<(&'static str, OwnedValue)>,
}

impl OwnedEvent {
    /// The value of a field, if the event has it.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Event, Timestamp};
    ///
    /// let kept = Event::new("system.started", Timestamp::UNIX_EPOCH, &[]).to_owned();
    /// assert_eq!(kept.field("seed"), None);
    /// ```
    pub fn field(&self, key: &str) -> Option<&OwnedValue> {
        self.fields.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }
}

impl fmt::Display for OwnedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.fields.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// The value of a field of an [`OwnedEvent`].
///
/// # Example
///
/// ```
/// use steadfast_base::OwnedValue;
///
/// assert_eq!(OwnedValue::Text("payments".to_owned()).to_string(), "payments");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum OwnedValue {
    /// Yes or no.
    Bool(bool),
    /// A count or a size.
    U64(u64),
    /// A number that may be negative.
    I64(i64),
    /// A ratio or another measure.
    F64(f64),
    /// A span of time; serialized in seconds.
    Duration(#[serde(serialize_with = "in_seconds")] Duration),
    /// A text.
    Text(String),
}

fn in_seconds<S: serde::Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

impl fmt::Display for OwnedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::U64(value) => Value::U64(*value),
            Self::I64(value) => Value::I64(*value),
            Self::F64(value) => Value::F64(*value),
            Self::Duration(value) => Value::Duration(*value),
            Self::Text(value) => Value::Str(value),
        };
        fmt::Display::fmt(&value, f)
    }
}
