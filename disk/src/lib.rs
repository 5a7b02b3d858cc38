//! The one place that makes, writes, moves or locks files. A test of the root package (`tests/it/one_writer.rs`) refuses
//! any other.
//!
//! Two kinds of names, told apart by who chose them:
//! * names *inside a folder of ours* ([`replace`], [`open_log`], [`lock`]): whatever is there and is no ordinary file is
//!   refused, never followed, so that nobody can have a secret written elsewhere by planting a link;
//! * names that *the user gave* ([`save`], [`Draft::publish_new`]): a link leads where the user wants it to, and a file
//!   that is replaced keeps owner, group and rights.
//!
//! Common to all: content is written under an unpredictable name in the same folder, made with its final rights
//! before there is anything in it, synced, renamed, and the folder synced. So a name shows the old content or the
//! new, whatever fails in between, a full disk included.
//!
//! Why one place: a secret that is lost loses money, one that is written twice is signed with twice, and each of ten writers
//! would forget another one of these steps.
//!
//! ```
//! use narthex_disk::{Readers, lock_folder, read_bounded, replace, temporary_folder};
//!
//! # fn main() -> std::io::Result<()> {
//! let folder = temporary_folder("example", None)?;
//! // One process at a time, until this is dropped.
//! let mine = lock_folder(folder.path())?;
//! mine.lock()?;
//! let file = folder.path().join("secret");
//! replace(&file, b"of yesterday", Readers::Owner)?;
//! replace(&file, b"of today", Readers::Owner)?;
//! assert_eq!(read_bounded(&file, 100)?.as_deref(), Some(&b"of today"[..]));
//! assert_eq!(read_bounded(&file, 3)?, None, "more than was asked for is not read");
//! // A link that somebody planted is refused, and what it leads to is as it was.
//! let planted = folder.path().join("planted");
//! std::os::unix::fs::symlink(&file, &planted)?;
//! assert!(replace(&planted, b"elsewhere", Readers::Owner).is_err());
//! assert_eq!(std::fs::read(&file)?, b"of today");
//! # Ok(()) }
//! ```

mod draft;
mod folder;
mod log;
mod place;
mod read;
mod secret;
mod socket;
mod user;

pub use draft::{Draft, Readers, check_folder, check_name, replace};
pub use folder::{
    cache_folder, lock_folder, make_folder, move_new, remove, remove_folders, sweep,
    temporary_folder,
};
pub use log::{lock, open_log};
pub use place::sync_folder;
pub use read::{bounded, read_bounded};
pub use secret::{keep_secret, read_secret};
pub use socket::listen;
pub use tempfile::TempDir;
pub use user::{Saved, save, target};
