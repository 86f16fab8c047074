//! A CSV text whose header is known: rows of checked width, fields read with their place.

use std::path::Path;
use std::str;

use csv::{ByteRecord, ErrorKind, ReaderBuilder};

use super::error::{LoadError, LoadFault};

/// Marks a missing value, as an empty field does.
const MISSING: &[u8] = b"NA";

/// One line of a table.
pub(super) struct Row<'a> {
    file: &'a Path,
    columns: &'static [&'static str],
    record: &'a ByteRecord,
}

/// Calls `each` with every line below the header; the header must be exactly `columns`.
pub(super) fn for_each_row(
    file: &Path,
    text: &[u8],
    columns: &'static [&'static str],
    mut each: impl FnMut(&Row<'_>) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(text);
    let mut record = ByteRecord::new();
    if !read(file, &mut reader, &mut record)? {
        return Err(LoadError::new(file, LoadFault::Empty));
    }
    check_header(file, &record, columns)?;
    while read(file, &mut reader, &mut record)? {
        each(&Row { file, columns, record: &record })?;
    }
    Ok(())
}

fn read(
    file: &Path,
    reader: &mut csv::Reader<&[u8]>,
    record: &mut ByteRecord,
) -> Result<bool, LoadError> {
    reader.read_byte_record(record).map_err(|source| {
        let fault = match source.kind() {
            ErrorKind::UnequalLengths { pos: Some(at), expected_len, len } => LoadFault::Width {
                line: at.line(),
                byte: at.byte(),
                found: *len,
                expected: *expected_len,
            },
            _ => LoadFault::Csv(source),
        };
        LoadError::new(file, fault)
    })
}

fn check_header(
    file: &Path,
    header: &ByteRecord,
    columns: &'static [&'static str],
) -> Result<(), LoadError> {
    for column in 0..header.len().max(columns.len()) {
        let expected = columns.get(column).copied();
        let found = header.get(column);
        if found != expected.map(str::as_bytes) {
            let found = String::from_utf8_lossy(found.unwrap_or_default()).into_owned();
            let fault = LoadFault::Header { column: column + 1, found, expected };
            return Err(LoadError::new(file, fault));
        }
    }
    Ok(())
}

impl<'a> Row<'a> {
    /// The line this row starts on.
    pub(super) fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// A fault of this row's file.
    pub(super) fn fault(&self, fault: LoadFault) -> LoadError {
        LoadError::new(self.file, fault)
    }

    /// Two fields that cannot both be right.
    pub(super) fn contradiction(&self, what: &'static str) -> LoadError {
        self.fault(LoadFault::Contradiction { line: self.line(), what })
    }

    fn raw(&self, column: usize) -> &'a [u8] {
        self.record.get(column).unwrap_or_default()
    }

    /// A field that does not hold what it should.
    pub(super) fn bad(&self, column: usize, expected: &'static str) -> LoadError {
        self.fault(LoadFault::Field {
            line: self.line(),
            column: self.columns.get(column).copied().unwrap_or_default(),
            found: String::from_utf8_lossy(self.raw(column)).into_owned(),
            expected,
        })
    }

    /// A text, `None` where it is missing.
    pub(super) fn optional_text(&self, column: usize) -> Result<Option<&'a str>, LoadError> {
        match self.raw(column) {
            b"" | MISSING => Ok(None),
            raw => match str::from_utf8(raw) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(self.bad(column, "text in UTF-8")),
            },
        }
    }

    /// A text that must be there.
    pub(super) fn text(&self, column: usize, expected: &'static str) -> Result<&'a str, LoadError> {
        self.optional_text(column)?.ok_or_else(|| self.bad(column, expected))
    }

    /// A whole number, `None` where it is missing.
    pub(super) fn optional_number<N: str::FromStr>(
        &self,
        column: usize,
        expected: &'static str,
    ) -> Result<Option<N>, LoadError> {
        let Some(text) = self.optional_text(column)? else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.bad(column, expected)),
        }
    }

    /// A whole number that must be there and at most `max`.
    pub(super) fn number<N: str::FromStr + PartialOrd + Copy>(
        &self,
        column: usize,
        max: N,
        expected: &'static str,
    ) -> Result<N, LoadError> {
        self.optional_number(column, expected)?
            .filter(|number| *number <= max)
            .ok_or_else(|| self.bad(column, expected))
    }
}
