//! Every timestamp is written as the RFC 3339 text of exactly that moment.

use steadfast_base::Timestamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Takes the first eight bytes as nanoseconds since 1970.
pub(crate) fn run(data: &[u8]) {
    let Some(bytes) = data.first_chunk::<8>() else { return };
    let nanos = u64::from_le_bytes(*bytes);
    let text = Timestamp::from_unix_nanos(nanos).to_string();
    assert_eq!(read(&text), Some(nanos), "{text}");
}

/// The nanoseconds since 1970 of an RFC 3339 text in UTC; by another method than the crate's.
fn read(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let whole_years: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let whole_months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && fraction.len() <= 9;
    let days = whole_years + whole_months + day - 1;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
    in_range.then_some(seconds * NANOS_PER_SECOND + nanos)
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let parts: Option<Vec<u64>> = text.split(separator).map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
