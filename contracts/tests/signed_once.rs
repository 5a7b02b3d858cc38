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

fn once(check: impl Fn(&mut Record)) {
    check(&mut Record::new());
}

#[test]
fn shares_of_a_slice_sign_once() {
    once(once::shares);
}

#[test]
fn a_salt_of_a_slice_signs_once() {
    once(once::slice_salts);
}

#[test]
fn a_seed_of_a_relay_signs_once() {
    once(once::relay_seeds);
}

#[test]
fn a_salt_of_a_bounty_signs_once() {
    once(once::bounty_salts);
}

#[test]
fn a_chain_opens_one_bank() {
    once(once::chains);
}

#[test]
fn a_provider_opens_a_bank_once() {
    once(once::banks_of_a_provider);
}

#[test]
fn a_seed_of_a_delivery_serves_once() {
    once(once::deliveries);
}
