//! Text that users bring in files, as editors save it.

/// The mark that some editors put in front of UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// What a file says, without the byte order mark that some editors put in front of it.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

/// A file's text without a byte order mark.
///
/// # Errors
/// [`NotText`] for what is not UTF-8; the other encodings that carry a mark are named.
pub fn read(bytes: &[u8]) -> Result<&str, NotText> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        return Err(NotText::Utf16);
    }
    std::str::from_utf8(without_mark(bytes)).map_err(|error| NotText::Bytes {
        at: error.valid_up_to(),
    })
}

/// Why a file is no text. The file is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Two bytes a letter.
    #[error("this is UTF-16; save it as UTF-8")]
    Utf16,
    /// Bytes that no letter has.
    #[error("this is no UTF-8: byte {at} belongs to no letter")]
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
        assert_eq!(without_mark(b"\xef\xbb\xbf{}"), b"{}");
        // One is taken off, not all: a second is what the file says.
        assert_eq!(read(b"\xef\xbb\xbf\xef\xbb\xbf"), Ok("\u{feff}"));
        assert_eq!(read(b"\xff\xfe0\0"), Err(NotText::Utf16));
        assert_eq!(read(b"\xfe\xff\x000"), Err(NotText::Utf16));
        assert_eq!(read(b"ab\xff"), Err(NotText::Bytes { at: 2 }));
    }
}
