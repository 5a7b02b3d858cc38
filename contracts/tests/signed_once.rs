//! Small contracts are signed once, by records in memory. `tests/signed_once.rs` checks the same with records in files.
// Each support module brings the random source that it needs.
#![allow(clippy::unwrap_used, clippy::duplicate_mod, missing_docs)]

mod bank_support;
mod bounty_support;
mod deliver_support;
mod once;
mod slice_support;

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
