//! Input records of one width, read from comma-separated integers.

use std::fmt;

use crate::caps::MAX_RECORD_BYTES;

/// Largest input in bytes, so that a wrong file cannot fill the memory.
const MAX_INPUT_BYTES: usize = 1 << 30;

/// Equally long records, one byte per value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    width: usize,
    bytes: Vec<u8>,
}

impl Records {
    /// Reads one record per line: `width` integers from 0 to `max`, separated by commas. A byte order
    /// mark in front of all and blank lines are skipped; spaces around values are allowed; there is no header line.
    ///
    /// # Errors
    /// [`RecordsError`] with the number of the first bad line.
    pub fn from_csv(text: &str, width: usize, max: u8) -> Result<Self, RecordsError> {
        if text.len() > MAX_INPUT_BYTES {
            return Err(RecordsError::TooLarge { bytes: text.len() });
        }
        let mut bytes = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (line, row) in (1..).zip(text.lines()) {
            if !row.trim().is_empty() {
                read_row(row, width, max, &mut bytes)
                    .map_err(|fault| RecordsError::Line { line, fault })?;
            }
        }
        Self::from_bytes(width, bytes)
    }

    /// Records that lie one after the other.
    ///
    /// # Errors
    /// [`RecordsError::Empty`] without any, [`RecordsError::Ragged`] if the bytes do not divide.
    pub fn from_bytes(width: usize, bytes: Vec<u8>) -> Result<Self, RecordsError> {
        if width == 0 || bytes.is_empty() {
            return Err(RecordsError::Empty);
        }
        if width > MAX_RECORD_BYTES {
            return Err(RecordsError::RecordTooLarge { width });
        }
        if !bytes.len().is_multiple_of(width) {
            let bytes = bytes.len();
            return Err(RecordsError::Ragged { bytes, width });
        }
        Ok(Self { width, bytes })
    }

    /// Number of records, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> u64 {
        (self.bytes.len() / self.width) as u64
    }

    /// Values per record.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Record `index`.
    pub fn get(&self, index: u64) -> Option<&[u8]> {
        let start = usize::try_from(index).ok()?.checked_mul(self.width)?;
        self.bytes.get(start..start.checked_add(self.width)?)
    }

    /// All records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.width)
    }
}

fn read_row(row: &str, width: usize, max: u8, bytes: &mut Vec<u8>) -> Result<(), LineFault> {
    let found = row.split(',').count();
    if found != width {
        let expected = width;
        return Err(LineFault::Columns { expected, found });
    }
    for (column, text) in (1..).zip(row.split(',')) {
        let text = text.trim();
        let value: i64 = text.parse().map_err(|_| LineFault::NotAnInteger {
            column,
            text: text.chars().take(20).collect(),
        })?;
        match u8::try_from(value) {
            Ok(value) if value <= max => bytes.push(value),
            _ => return Err(LineFault::OutOfRange { column, value, max }),
        }
    }
    Ok(())
}

/// Why a text holds no records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// A line is bad.
    #[error("line {line}: {fault}")]
    Line {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// There is no record.
    #[error("there is no record")]
    Empty,
    /// The bytes are no whole number of records.
    #[error("{bytes} bytes are no whole number of records of {width} bytes")]
    Ragged {
        /// Number of bytes.
        bytes: usize,
        /// Size of a record.
        width: usize,
    },
    /// A record larger than any evidence may hold.
    #[error("records of {width} bytes, at most {MAX_RECORD_BYTES} allowed")]
    RecordTooLarge {
        /// Size of a record.
        width: usize,
    },
    /// More input than allowed.
    #[error("input of {bytes} bytes, at most {MAX_INPUT_BYTES} allowed")]
    TooLarge {
        /// Size found.
        bytes: usize,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineFault {
    /// Another number of values.
    Columns {
        /// Values per record.
        expected: usize,
        /// Values in the line.
        found: usize,
    },
    /// A value is no integer.
    NotAnInteger {
        /// Column, from 1.
        column: usize,
        /// The text found, cut to 20 characters.
        text: String,
    },
    /// A value is negative or too large.
    OutOfRange {
        /// Column, from 1.
        column: usize,
        /// The value found.
        value: i64,
        /// Largest allowed.
        max: u8,
    },
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Columns { expected, found } => {
                write!(f, "{found} values, expected {expected}")
            }
            Self::NotAnInteger { column, text } => {
                write!(f, "column {column}: `{text}` is not an integer")
            }
            Self::OutOfRange { column, value, max } => {
                write!(f, "column {column}: {value} is not between 0 and {max}")
            }
        }
    }
}
