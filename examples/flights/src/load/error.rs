//! What can be wrong with the data, where, and what to do about it.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// A data file that cannot be used.
#[derive(Debug)]
pub struct LoadError {
    file: PathBuf,
    fault: LoadFault,
}

/// What is wrong with a data file. Lines are counted from 1, the header included.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadFault {
    /// The file cannot be opened or read.
    Unreadable(io::Error),
    /// It is not gzip, its checksum is wrong, or it ends too early.
    Gzip {
        /// Bytes of text that came out before.
        text_bytes: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// It holds more text than any file of this kind.
    TooLarge {
        /// The limit.
        text_bytes_max: u64,
    },
    /// A column of the header line is not the one expected.
    Header {
        /// Counted from 1.
        column: usize,
        /// What the header says there.
        found: String,
        /// What belongs there; `None` for a column too many.
        expected: Option<&'static str>,
    },
    /// A line has too few or too many fields.
    Width {
        /// Where.
        line: u64,
        /// Byte of the text at which the line starts.
        byte: u64,
        /// How many fields it has.
        found: u64,
        /// How many it should have.
        expected: u64,
    },
    /// A line that is not CSV at all.
    Csv(csv::Error),
    /// A field holds something else than it should.
    Field {
        /// Where.
        line: u64,
        /// In which column.
        column: &'static str,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// Fields of one line that cannot both be right.
    Contradiction {
        /// Where.
        line: u64,
        /// Which.
        what: &'static str,
    },
    /// More different codes than a 16-bit number can count.
    TooManyCodes {
        /// Where.
        line: u64,
        /// Codes of what.
        column: &'static str,
    },
    /// A header and no row.
    Empty,
    /// More flights were asked for than the file holds.
    TooFew {
        /// How many were asked for.
        asked: usize,
        /// How many there are.
        held: usize,
    },
}

impl LoadError {
    pub(super) fn new(file: &Path, fault: LoadFault) -> Self {
        Self { file: file.to_owned(), fault }
    }

    /// The file at fault.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self) -> &LoadFault {
        &self.fault
    }

    /// What a user can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match &self.fault {
            LoadFault::Unreadable(source) if source.kind() == io::ErrorKind::NotFound => {
                "the data comes with the repository in examples/flights/data; restore it from \
                 version control, or name the folder that holds it with --flights-from DIR"
            }
            LoadFault::Unreadable(_) => {
                "check that the file may be read, or name another folder \
                 with --flights-from DIR"
            }
            LoadFault::TooFew { .. } => "ask for fewer flights, or leave --flights out to take all",
            _ => {
                "the file is damaged; restore it from version control \
                 (examples/flights/data), or name another folder with --flights-from DIR"
            }
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.fault)
    }
}

impl fmt::Display for LoadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(_) => f.write_str("cannot be read"),
            Self::Gzip { text_bytes: 0, .. } => f.write_str("is not a readable gzip file"),
            Self::Gzip { text_bytes, .. } => {
                write!(
                    f,
                    "the gzip stream breaks off or is corrupt after byte {text_bytes} of its text"
                )
            }
            Self::TooLarge { text_bytes_max } => {
                write!(f, "holds more than {text_bytes_max} bytes of text")
            }
            Self::Header { column, found, expected: Some(expected) } => write!(
                f,
                "line 1: column {column} of the header is `{found}`, expected `{expected}`"
            ),
            Self::Header { column, found, expected: None } => {
                write!(f, "line 1: the header has a column {column} too many: `{found}`")
            }
            Self::Width { line, byte, found, expected } => write!(
                f,
                "line {line} (byte {byte} of the text) has {found} fields, expected {expected}"
            ),
            Self::Csv(_) => f.write_str("is not readable as comma-separated values"),
            Self::Field { line, column, found, expected } => {
                write!(f, "line {line}: column `{column}` holds `{found}`, expected {expected}")
            }
            Self::Contradiction { line, what } => write!(f, "line {line}: {what}"),
            Self::TooManyCodes { line, column } => {
                write!(f, "line {line}: column `{column}` has more than {} codes", u16::MAX)
            }
            Self::Empty => f.write_str("holds no rows"),
            Self::TooFew { asked, held } => {
                write!(f, "holds {held} flights, {asked} were asked for")
            }
        }
    }
}

impl error::Error for LoadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.fault {
            LoadFault::Unreadable(source) | LoadFault::Gzip { source, .. } => Some(source),
            LoadFault::Csv(source) => Some(source),
            _ => None,
        }
    }
}
