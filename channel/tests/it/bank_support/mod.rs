//! A bank on coins that are on no chain, opened.

#[path = "../../../../contracts/tests/it/given/mod.rs"]
#[allow(dead_code)]
pub(crate) mod given;
pub mod promised;
#[path = "../../../../contracts/tests/it/bank_support/mod.rs"]
mod terms_of;
pub mod way;

use narthex_channel::bank::{Payer, Provider};
use narthex_contracts::{
    bank::{Bank, BankTerms, ChainSeed, PayerOpening, ProviderOpening},
    binding::MemoryBindings,
};

pub use terms_of::*;

/// The seed of a chain, as a payer has it from its record.
pub fn kept(seed: [u8; 32]) -> ChainSeed {
    ChainSeed::from_bytes(seed)
}

pub fn open(terms: &BankTerms) -> (Payer, Provider) {
    let bank = || Bank::new(terms.clone()).unwrap();
    open_banks(bank(), bank())
}

pub fn open_banks(a: Bank, p: Bank) -> (Payer, Provider) {
    let mut rng = rng();
    let fresh = fresh(a.terms(), SEED);
    let mut own = MemoryBindings::default();
    let (payer, nonce) = PayerOpening::new(a, secret(1), fresh, &mut own, &mut rng).unwrap();
    let mut own = MemoryBindings::default();
    let opening = ProviderOpening::new(p, secret(2), nonce, &mut own, &mut rng);
    let (provider, theirs, share) = opening.unwrap();
    let (payer, share) = payer.finish(theirs, share).unwrap();
    (payer.into(), provider.finish(share).unwrap().into())
}
