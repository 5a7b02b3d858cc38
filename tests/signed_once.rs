//! Small contracts are signed once, also by a party that went down and came back: records in files, closed and opened
//! again after every attempt.
// Each support module brings the random source that it needs.
#![allow(clippy::unwrap_used, clippy::duplicate_mod, missing_docs)]

#[path = "../contracts/tests/bank_support/mod.rs"]
mod bank_support;
#[path = "../contracts/tests/bounty_support/mod.rs"]
mod bounty_support;
#[path = "../contracts/tests/deliver_support/mod.rs"]
mod deliver_support;
#[path = "../contracts/tests/once/mod.rs"]
mod once;
#[path = "../contracts/tests/slice_support/mod.rs"]
mod slice_support;

use narthex::bindings::FileBindings;
use narthex_contracts::binding::conformance::Reopen;
use tempfile::TempDir;

struct Record {
    folder: TempDir,
    open: Option<FileBindings>,
}

impl Record {
    fn new() -> Record {
        let folder = TempDir::new().unwrap();
        let open = FileBindings::open(&folder.path().join("bindings")).unwrap();
        Record {
            folder,
            open: Some(open),
        }
    }
}

impl Reopen for Record {
    type Store = FileBindings;

    fn store(&mut self) -> Result<&mut FileBindings, String> {
        self.open.as_mut().ok_or("closed".into())
    }

    fn reopen(&mut self) -> Result<(), String> {
        self.open = None;
        let path = self.folder.path().join("bindings");
        self.open = Some(FileBindings::open(&path).map_err(|e| e.to_string())?);
        Ok(())
    }
}

once::signed_once!(Record::new());
