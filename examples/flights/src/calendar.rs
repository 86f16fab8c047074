//! Minutes and days: the only time the flights know.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast::base::Timestamp;

const MINUTES_PER_HOUR: u32 = 60;
const HOURS_PER_DAY: u32 = 24;
const MINUTES_PER_DAY: u32 = MINUTES_PER_HOUR * HOURS_PER_DAY;

/// A moment in minutes since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Minute(u32);

/// A calendar day in days since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Day(u16);

impl Minute {
    /// A moment from its count of minutes.
    #[must_use]
    pub const fn new(minutes: u32) -> Self {
        Self(minutes)
    }

    /// Minutes since the Unix epoch.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// Reads `2013-01-01T10:00:00Z`; seconds must be zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix(":00Z")?.split_once('T')?;
        let mut parts = date.splitn(3, '-');
        let day = Day::from_civil(
            parts.next()?.parse().ok()?,
            parts.next()?.parse().ok()?,
            parts.next()?.parse().ok()?,
        )?;
        let (hour, minute) = time.split_once(':')?;
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        if hour >= HOURS_PER_DAY || minute >= MINUTES_PER_HOUR {
            return None;
        }
        Some(Self(u32::from(day.0) * MINUTES_PER_DAY + hour * MINUTES_PER_HOUR + minute))
    }

    /// This moment moved by some minutes (saturating).
    #[must_use]
    pub fn plus(self, minutes: i32) -> Self {
        Self(self.0.saturating_add_signed(minutes))
    }

    /// Minutes since an earlier moment (0 when it is later).
    #[must_use]
    pub fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day it lies in, in UTC.
    #[must_use]
    pub fn day(self) -> Day {
        Day(u16::try_from(self.0 / MINUTES_PER_DAY).unwrap_or(u16::MAX))
    }

    /// The same moment on the wall clock of a log.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        let since = Duration::from_mins(u64::from(self.0));
        Timestamp::from_unix_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The full hour at or before this moment.
    #[must_use]
    pub fn hour_start(self) -> Self {
        Self(self.0 - self.0 % MINUTES_PER_HOUR)
    }

    /// Whether an hour begins at this moment.
    #[must_use]
    pub fn is_full_hour(self) -> bool {
        self == self.hour_start()
    }

    /// The hour of the day in UTC, 0..=23.
    #[must_use]
    pub fn hour(self) -> usize {
        (self.0 % MINUTES_PER_DAY / MINUTES_PER_HOUR) as usize
    }
}

impl Day {
    /// The day of a date of the Gregorian calendar, `None` for one that does not exist.
    ///
    /// Days are counted as in Howard Hinnant, "chrono-compatible low-level date algorithms"
    /// (`days_from_civil`).
    #[must_use]
    pub fn from_civil(year: u32, month: u32, day: u32) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        if !(1970..=2100).contains(&year) || day == 0 || day > last {
            return None;
        }
        let shifted = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (shifted / 400, shifted % 400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        u16::try_from(days.checked_sub(719_468)?).ok().map(Self)
    }

    /// A day from its count of days.
    #[must_use]
    pub const fn new(days: u16) -> Self {
        Self(days)
    }

    /// Days since the Unix epoch.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    /// Its first minute, in UTC.
    #[must_use]
    pub fn start(self) -> Minute {
        Minute(u32::from(self.0) * MINUTES_PER_DAY)
    }

    /// The day after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Year, month and day.
    fn civil(self) -> (u32, u32, u32) {
        let days = u32::from(self.0) + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        (year + era * 400 + u32::from(month <= 2), month, day)
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, of_day) = (self.0 / MINUTES_PER_DAY, self.0 % MINUTES_PER_DAY);
        let day = Day(u16::try_from(days).unwrap_or(u16::MAX));
        write!(f, "{day} {:02}:{:02}", of_day / MINUTES_PER_HOUR, of_day % MINUTES_PER_HOUR)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_as_it_was_written() {
        for (text, shown) in [
            ("2013-01-01T10:00:00Z", "2013-01-01 10:00"),
            ("2013-02-28T23:59:00Z", "2013-02-28 23:59"),
            ("2012-02-29T00:00:00Z", "2012-02-29 00:00"),
            ("2014-01-01T04:00:00Z", "2014-01-01 04:00"),
            ("1970-01-01T00:00:00Z", "1970-01-01 00:00"),
        ] {
            assert_eq!(Minute::parse(text).expect(text).to_string(), shown);
        }
    }

    #[test]
    fn minutes_are_counted_from_the_epoch() {
        // 2013-01-01T00:00:00Z is second 1,356,998,400 of Unix time.
        let start = Minute::parse("2013-01-01T00:00:00Z").expect("a real date");
        assert_eq!(start.get(), 1_356_998_400 / 60);
        assert_eq!(start.plus(-1).to_string(), "2012-12-31 23:59");
        assert_eq!(start.plus(61).hour(), 1);
        assert_eq!(start.plus(61).since(start), 61);
        assert_eq!(start.since(start.plus(61)), 0);
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in [
            "2013-02-29T10:00:00Z",
            "2013-13-01T10:00:00Z",
            "2013-00-01T10:00:00Z",
            "2013-01-00T10:00:00Z",
            "2013-01-01T24:00:00Z",
            "2013-01-01T10:60:00Z",
            "2013-01-01T10:00:30Z",
            "2013-01-01 10:00:00",
            "2013-01-01T10:00:00",
            "-2013-01-01T10:00:00Z",
            "",
        ] {
            assert_eq!(Minute::parse(text), None, "{text}");
        }
    }
}
