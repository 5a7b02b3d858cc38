//! Small contracts are signed once, also by a party that went down and came back: records in files, closed and opened
//! again after every attempt.

use crate::contracts::once;
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
