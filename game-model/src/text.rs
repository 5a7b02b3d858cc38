//! Text that users bring in files, as editors save it.

/// The mark that some editors put in front of UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// What a file says, without the byte order mark that some editors put in front of it. It need not be UTF-8.
///
/// # Errors
/// [`NotText::Utf16`] for the other encodings that carry a mark.
pub fn without_mark(bytes: &[u8]) -> Result<&[u8], NotText> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(NotText::Utf16),
        _ => Ok(bytes.strip_prefix(MARK).unwrap_or(bytes)),
    }
}

/// A file's text without a byte order mark.
///
/// # Errors
/// [`NotText`] for what is not UTF-8; the other encodings that carry a mark are named.
pub fn read(bytes: &[u8]) -> Result<&str, NotText> {
    let text = without_mark(bytes)?;
    std::str::from_utf8(text).map_err(|error| NotText::Bytes {
        at: bytes.len() - text.len() + error.valid_up_to(),
    })
}

/// A file's text as a parser of JSON or the like takes it, whose error says so if it is none.
///
/// # Errors
/// Those of the parser, and [`NotText`] as one of them.
pub fn parsed<'a, T, E: serde::de::Error>(
    bytes: &'a [u8],
    parse: impl FnOnce(&'a str) -> Result<T, E>,
) -> Result<T, E> {
    parse(read(bytes).map_err(E::custom)?)
}

/// Why a file is no text. The file is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotText {
    /// Two bytes a letter.
    #[error("this is UTF-16; save it as UTF-8")]
    Utf16,
    /// Bytes that no letter has.
    #[error("invalid utf-8: byte {at} belongs to no letter; save it as UTF-8")]
    Bytes {
        /// Bytes before the bad one.
        at: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_or_named() {
        assert_eq!(read(b"\xef\xbb\xbf0,1"), Ok("0,1"));
        assert_eq!(read(b"0,1"), Ok("0,1"));
        assert_eq!(without_mark(b"\xef\xbb\xbf{\xff"), Ok(&b"{\xff"[..]));
        assert_eq!(without_mark(b"\xff\xfe{\0"), Err(NotText::Utf16));
        // One is taken off, not all: a second is what the file says.
        assert_eq!(read(b"\xef\xbb\xbf\xef\xbb\xbf"), Ok("\u{feff}"));
        assert_eq!(read(b"\xff\xfe0\0"), Err(NotText::Utf16));
        assert_eq!(read(b"\xfe\xff\x000"), Err(NotText::Utf16));
        assert_eq!(read(b"ab\xff"), Err(NotText::Bytes { at: 2 }));
        assert_eq!(read(b"\xef\xbb\xbfab\xff"), Err(NotText::Bytes { at: 5 }));
        let number = |bytes| parsed(bytes, serde_json::from_str::<u8>).map_err(|e| e.to_string());
        assert_eq!(number(b"\xef\xbb\xbf7"), Ok(7));
        assert!(number(b"\xff\xfe7\0").is_err_and(|e| e.contains("UTF-16")));
    }
}
