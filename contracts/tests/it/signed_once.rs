//! Small contracts are signed once, by records in memory. `tests/it/signed_once.rs` checks the same with records in files.

use crate::once;

use narthex_contracts::binding::{MemoryBindings, conformance::Reopen};

struct Record(MemoryBindings);

impl Record {
    fn new() -> Record {
        Record(MemoryBindings::default())
    }
}

impl Reopen for Record {
    type Store = MemoryBindings;

    fn store(&mut self) -> Result<&mut MemoryBindings, String> {
        Ok(&mut self.0)
    }

    fn reopen(&mut self) -> Result<(), String> {
        Ok(())
    }
}

once::signed_once!(Record::new());
