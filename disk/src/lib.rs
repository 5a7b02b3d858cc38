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

mod draft;
mod folder;
mod log;
mod read;
mod user;

pub use draft::{Draft, Readers, check_folder, check_name, replace};
pub use folder::{
    lock_folder, make_folder, move_new, remove, remove_folders, sweep, sync_folder,
    temporary_folder,
};
pub use log::{lock, open_log};
pub use read::{bounded, read_bounded};
pub use tempfile::TempDir;
pub use user::{Saved, save, target};
