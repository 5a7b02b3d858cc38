//! The bank's two outputs.

use bitcoin::secp256k1::PublicKey;

use super::{BankError, BankTerms, PAYER, PROVIDER};
use crate::{
    musig::KeySet,
    pact::{LeafPlan, Vault, place_key},
    role::Role,
};

/// The leaf of the payer alone, in the bank.
pub(super) const REFUND_LEAF: usize = 0;
/// The leaf of both, in the frozen output.
pub(super) const RUNG_LEAF: usize = 0;
/// The leaf of the payer alone, in the frozen output.
pub(super) const THAW_LEAF: usize = 1;

/// `tr(K(A,P),{and_v(v:pk(A),after(T))})`.
pub(super) fn bank(terms: &BankTerms) -> Result<Vault, BankError> {
    let payer = lone(terms, PAYER, "refund")?;
    let (key, t) = (payer.output_key(), terms.record().refund_height);
    let refund = LeafPlan {
        script: format!("and_v(v:pk({key}),after({t}))"),
        signers: vec![payer],
        hashes: Vec::new(),
    };
    Ok(Vault::new(&both(terms), vec![refund])?)
}

/// `tr(K,{multi_a(2,A,P),and_v(v:pk(A),older(D))})`.
pub(super) fn frozen(terms: &BankTerms) -> Result<Vault, BankError> {
    let signers = [lone(terms, PAYER, "rung")?, lone(terms, PROVIDER, "rung")?];
    let [a, p] = [signers[0].output_key(), signers[1].output_key()];
    let rung = LeafPlan {
        script: format!("multi_a(2,{a},{p})"),
        signers: signers.to_vec(),
        hashes: Vec::new(),
    };
    let payer = lone(terms, PAYER, "thaw")?;
    let (key, d) = (payer.output_key(), terms.record().claim_blocks);
    let thaw = LeafPlan {
        script: format!("and_v(v:pk({key}),older({d}))"),
        signers: vec![payer],
        hashes: Vec::new(),
    };
    Ok(Vault::new(&both(terms), vec![rung, thaw])?)
}

fn both(terms: &BankTerms) -> [(Role, PublicKey); 2] {
    [PAYER, PROVIDER].map(|role| (role, key(terms, role)))
}

fn lone(terms: &BankTerms, role: Role, place: &str) -> Result<KeySet, BankError> {
    Ok(place_key(&terms.id(), place, (role, key(terms, role)))?)
}

fn key(terms: &BankTerms, role: Role) -> PublicKey {
    match role {
        PROVIDER => terms.record().provider,
        _ => terms.record().payer,
    }
}
