//! Wall-clock time, shown and read as RFC 3339.

use std::error::Error;
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// A moment of wall-clock time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// For records and display. The wall clock may step, so order events by their sequence numbers and
/// measure with [`Instant`](super::Instant). It covers 1970 to 2554; arithmetic saturates at the
/// ends.
///
/// Shown as RFC 3339 in UTC, with as many groups of three decimals as are needed, or as many
/// decimals as the format asks for (`{:.3}`, truncated). Serialized as that text in human-readable
/// formats and as nanoseconds in the others. RFC 3339: <https://www.rfc-editor.org/rfc/rfc3339>.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Timestamp;
///
/// let at: Timestamp = "2013-01-01T05:15:00Z".parse()?;
/// assert_eq!(at.as_unix_nanos(), 1_357_017_300_000_000_000);
/// let later = at + Duration::from_millis(1_250);
/// assert_eq!(later.to_string(), "2013-01-01T05:15:01.250Z");
/// # Ok::<(), steadfast_base::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Timestamp::UNIX_EPOCH.to_string(), "1970-01-01T00:00:00Z");
    /// ```
    pub const UNIX_EPOCH: Self = Self(0);

    /// The moment this many nanoseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_unix_nanos(1).to_string(), "1970-01-01T00:00:00.000000001Z");
    /// ```
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Timestamp::UNIX_EPOCH.as_unix_nanos(), 0);
    /// ```
    pub const fn as_unix_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_unix_nanos(7_999_999).as_unix_millis(), 7);
    /// ```
    pub const fn as_unix_millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// The moment `duration` later, at most the last one there is (in 2554).
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// Time since `earlier` by the wall clock; zero if `earlier` is in fact later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / NANOS_PER_SECOND, self.0 % NANOS_PER_SECOND);
        let (days, second) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        let decimals = f.precision().unwrap_or_else(|| decimals_needed(nanos)).min(9);
        if decimals > 0 {
            let digits = format!("{nanos:09}");
            write!(f, ".{}", digits.get(..decimals).unwrap_or(&digits))?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

/// 0, 3, 6 or 9: the fewest groups of decimals that lose nothing.
fn decimals_needed(nanos: u64) -> usize {
    match nanos {
        0 => 0,
        _ if nanos.is_multiple_of(1_000_000) => 3,
        _ if nanos.is_multiple_of(1_000) => 6,
        _ => 9,
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant, `civil_from_days`,
/// <https://howardhinnant.github.io/date_algorithms.html>; the era starts on March 1st of year 0).
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil_from_days`], for years from 1970 on.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339: `2013-01-01T05:15:00.25+01:00`. Decimals beyond nanoseconds are cut off.
    ///
    /// # Errors
    ///
    /// [`ParseTimestampError`] for anything else, dates that do not exist, leap seconds, and
    /// moments outside of 1970 to 2554.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        parse(text).ok_or(ParseTimestampError(()))
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let mut rest = text;
    let year = take_number(&mut rest, 4).filter(|year| *year >= 1970)?;
    take_any(&mut rest, "-")?;
    let month = take_number(&mut rest, 2).filter(|month| (1..=12).contains(month))?;
    take_any(&mut rest, "-")?;
    let day = take_number(&mut rest, 2)?;
    let days = days_from_civil(year, month, day.max(1));
    (civil_from_days(days) == (year, month, day)).then_some(())?;
    take_any(&mut rest, "Tt ")?;
    let hour = take_number(&mut rest, 2).filter(|hour| *hour < 24)?;
    take_any(&mut rest, ":")?;
    let minute = take_number(&mut rest, 2).filter(|minute| *minute < 60)?;
    take_any(&mut rest, ":")?;
    let second = take_number(&mut rest, 2).filter(|second| *second < 60)?;
    let nanos = take_fraction(&mut rest)?;
    let offset = take_offset(&mut rest)?;
    rest.is_empty().then_some(())?;
    let local = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    let seconds = local.checked_add_signed(-offset)?;
    seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos).map(Timestamp)
}

/// Takes exactly `width` digits.
fn take_number(rest: &mut &str, width: usize) -> Option<u64> {
    let (digits, tail) = rest.split_at_checked(width)?;
    *rest = tail;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Takes one of the characters of `allowed`.
fn take_any(rest: &mut &str, allowed: &str) -> Option<char> {
    let first = rest.chars().next().filter(|first| allowed.contains(*first))?;
    *rest = rest.get(first.len_utf8()..)?;
    Some(first)
}

/// Takes an optional fraction of a second, in nanoseconds.
fn take_fraction(rest: &mut &str) -> Option<u64> {
    if take_any(rest, ".").is_none() {
        return Some(0);
    }
    let (mut nanos, mut unit) = (0, NANOS_PER_SECOND / 10);
    let mut digits = 0;
    while let Some(digit) = take_any(rest, "0123456789") {
        nanos += u64::from(digit.to_digit(10)?) * unit;
        unit /= 10;
        digits += 1;
    }
    (digits > 0).then_some(nanos)
}

/// Takes `Z` or a signed offset from UTC, in seconds.
fn take_offset(rest: &mut &str) -> Option<i64> {
    let sign = match take_any(rest, "Zz+-")? {
        '+' => 1,
        '-' => -1,
        _ => return Some(0),
    };
    let hours = take_number(rest, 2).filter(|hours| *hours < 24)?;
    take_any(rest, ":")?;
    let minutes = take_number(rest, 2).filter(|minutes| *minutes < 60)?;
    i64::try_from(hours * 3_600 + minutes * 60).ok().map(|seconds| sign * seconds)
}

/// The text is not an RFC 3339 time between 1970 and 2554.
///
/// # Example
///
/// ```
/// use steadfast_base::{ParseTimestampError, Timestamp};
///
/// let error: ParseTimestampError = "yesterday".parse::<Timestamp>().unwrap_err();
/// assert_eq!(error.to_string(), "not an RFC 3339 time between 1970 and 2554");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTimestampError(());

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 time between 1970 and 2554")
    }
}

impl Error for ParseTimestampError {}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(de::Error::custom)
        } else {
            u64::deserialize(deserializer).map(Self)
        }
    }
}
