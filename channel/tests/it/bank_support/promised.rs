//! Promises in one bank, and what their claims pay.

use bitcoin::Transaction;
use narthex_base::codec::Message as _;
use narthex_channel::bank::{Payer, PennyClaims, PennyPtlc, Provider};
use narthex_contracts::bank::{BankError, BankTerms};

use super::{public, record, retip, rng};

/// Terms of a bank with three promises.
pub fn terms(pennies: u32) -> BankTerms {
    let mut record = record(pennies);
    record.promises = 3;
    retip(&mut record);
    record.check().unwrap()
}

/// A promise of so many pennies for the secret of this byte.
pub fn promise(byte: u8, count: u32) -> PennyPtlc {
    let point = public(byte);
    PennyPtlc { point, count }
}

/// The payer signs its claims anew, and the provider takes them, as bytes.
pub fn reframe(payer: &mut Payer, provider: &mut Provider) -> Result<(), BankError> {
    let bytes = payer.claims(&mut rng()).unwrap().to_bytes();
    provider.take_claims(&PennyClaims::from_bytes(&bytes).unwrap())
}

/// The best claim there is.
pub fn claim(provider: &Provider) -> Transaction {
    provider.claim(provider.enforceable(), &mut rng()).unwrap()
}

/// What the claim pays the provider, in pennies of 1 sat.
pub fn pays(tx: &Transaction) -> u64 {
    tx.output[0].value.to_sat()
}
