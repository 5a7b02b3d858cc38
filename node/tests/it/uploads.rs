//! How long a file says that it is.

use std::io;

use narthex::bitcoin::hashes::{Hash as _, sha256};
use narthex_node::party::{UploadError, Uploads};
use tempfile::TempDir;

#[test]
fn what_is_too_long_is_not_read_and_what_does_not_say_has_its_bound() {
    let folder = TempDir::new().unwrap();
    let uploads = |most| Uploads::open(folder.path().to_owned(), most).unwrap();
    let (piece, count) = (vec![0; 1 << 20], 65);
    let whole = sha256::Hash::hash(&piece.repeat(count)).to_string();
    let unread = std::iter::from_fn(|| -> Option<io::Result<Vec<u8>>> { panic!("read") });
    let full = uploads(64 << 20).take(&whole, Some(65 << 20), unread);
    assert!(matches!(full, Err(UploadError::Full { .. })), "{full:?}");
    let pieces = || std::iter::repeat_n(&piece, count).map(Ok::<_, io::Error>);
    let large = uploads(1 << 30);
    let unsaid = large.take(&whole, None, pieces());
    assert!(matches!(unsaid, Err(UploadError::Unsaid)), "{unsaid:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(large.take(&whole, Some(65 << 20), pieces()).is_ok());
}
