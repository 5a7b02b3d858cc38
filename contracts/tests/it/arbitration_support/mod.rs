//! Contracts that were set up, and attestations for them.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    hashes::{Hash, HashEngine, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::thread_rng},
};
use narthex_contracts::{
    attest::Attestation,
    fixtures::Fixtures,
    setup::{ContractSignatures, Secrets, ceremony},
    terms::{Role, Terms},
};
use narthex_game_model::{ArbiterSet, Ruling, Template};

/// A contract whose ceremony is over.
pub fn setup(
    template: Template,
    n: u8,
    k: u8,
) -> (Fixtures, BTreeMap<Role, ContractSignatures<Terms>>) {
    let fixtures = Fixtures::example(template, n, k, 500, [7; 32]).unwrap();
    let terms = Arc::new(fixtures.terms().unwrap());
    let parties = fixtures.parties(&terms).unwrap();
    let holdings = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
    (
        fixtures,
        holdings.into_iter().map(|h| (h.role(), h)).collect(),
    )
}

/// An arbiter's attestation in the fixtures' contract.
pub fn attest(
    fixtures: &Fixtures,
    contract_id: &[u8; 32],
    arbiter: u8,
    ruling: Ruling,
) -> Attestation {
    fixtures.attestation(arbiter, contract_id, ruling).unwrap()
}

/// What is known when these arbiters have ruled so, the result secret excepted.
pub fn rulings(
    fixtures: &Fixtures,
    contract_id: &[u8; 32],
    worker: ArbiterSet,
    verifier: ArbiterSet,
) -> Secrets {
    let mut secrets = Secrets::default();
    for (set, ruling) in [
        (worker, Ruling::WorkerAtFault),
        (verifier, Ruling::VerifierAtFault),
    ] {
        for i in set.iter() {
            secrets.attest(&attest(fixtures, contract_id, i as u8, ruling));
        }
    }
    secrets
}

pub fn point(secret: &SecretKey) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), secret)
}

/// The tagged hash of BIP340.
pub fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag.as_bytes());
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    parts.iter().for_each(|part| engine.input(part));
    sha256::Hash::from_engine(engine).to_byte_array()
}
