//! The bank's two outputs.

use bitcoin::secp256k1::PublicKey;

use super::{BankError, BankTerms, PAYER, PROVIDER};
use crate::{
    builder::{LeafPlan, Vault, place_key},
    musig::KeySet,
    party::PartyName,
};

/// The leaf of the payer alone, in the bank.
pub(super) const REFUND_LEAF: usize = 0;
/// The leaf of both, in the force-closed output.
pub(super) const COMMITMENT_LEAF: usize = 0;
/// The leaf of the payer alone, in the force-closed output.
pub(super) const TIMEOUT_REFUND_LEAF: usize = 1;

/// `tr(K(A,P),{and_v(v:pk(A),after(T))})`.
pub(super) fn bank(terms: &BankTerms) -> Result<Vault, BankError> {
    let payer = lone(terms, PAYER, "refund")?;
    let (key, t) = (payer.output_key(), terms.record().refund_height);
    let refund = LeafPlan {
        script: format!("and_v(v:pk({key}),after({t}))"),
        signers: vec![payer],
        releasers: Vec::new(),
        hashes: Vec::new(),
    };
    Ok(Vault::new(&both(terms), vec![refund])?)
}

/// The leaf with so many signatures of the payer's, from 1. Each has a secret of its own to wait for.
pub(super) fn claim_leaf(secrets: usize) -> usize {
    match secrets {
        0 | 1 => COMMITMENT_LEAF,
        more => more,
    }
}

/// `tr(K,{multi_a(2,A,P),and_v(v:pk(A),older(D))})`, and for a bank of several promises `multi_a(3,A,A′,P)` and so on.
pub(super) fn force_closed(terms: &BankTerms) -> Result<Vault, BankError> {
    let commitment = together(vec![
        lone(terms, PAYER, "rung")?,
        lone(terms, PROVIDER, "rung")?,
    ]);
    let payer = lone(terms, PAYER, "thaw")?;
    let (key, d) = (payer.output_key(), terms.record().claim_blocks);
    let timeout_refund = LeafPlan {
        script: format!("and_v(v:pk({key}),older({d}))"),
        signers: vec![payer],
        releasers: Vec::new(),
        hashes: Vec::new(),
    };
    let mut leaves = vec![commitment, timeout_refund];
    for secrets in 2..=terms.record().promises {
        let own = |slot| lone(terms, PAYER, &format!("rungs-{secrets}-{slot}"));
        let mut signers = (0..secrets).map(own).collect::<Result<Vec<_>, _>>()?;
        signers.push(lone(terms, PROVIDER, &format!("rungs-{secrets}"))?);
        leaves.push(together(signers));
    }
    Ok(Vault::new(&both(terms), leaves)?)
}

/// A leaf that wants the signatures of all of them.
fn together(signers: Vec<KeySet>) -> LeafPlan {
    let keys = signers.iter().map(|keys| keys.output_key().to_string());
    let keys = keys.collect::<Vec<_>>().join(",");
    LeafPlan {
        script: format!("multi_a({},{keys})", signers.len()),
        signers,
        releasers: Vec::new(),
        hashes: Vec::new(),
    }
}

fn both(terms: &BankTerms) -> [(PartyName, PublicKey); 2] {
    [PAYER, PROVIDER].map(|party| (party, key(terms, party)))
}

fn lone(terms: &BankTerms, party: PartyName, place: &str) -> Result<KeySet, BankError> {
    Ok(place_key(&terms.id(), place, (party, key(terms, party)))?)
}

fn key(terms: &BankTerms, party: PartyName) -> PublicKey {
    match party {
        PROVIDER => terms.record().provider,
        _ => terms.record().payer,
    }
}
