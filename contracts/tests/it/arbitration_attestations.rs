//! Attestations that do not count, and arbiters that attest twice.

use crate::arbitration_support;

use std::collections::BTreeSet;

use arbitration_support::{attest, point, setup, tagged};
use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Parity, Secp256k1, SecretKey},
};
use narthex_contracts::template::{ContractSecret, Exit};
use narthex_contracts::{
    attest::{AttestError, Attestation, AttestationNonce, extract_identity_key},
    fixtures::attest_without_record,
    setup::{Secrets, SignaturesError},
    terms::Role,
};
use narthex_game_model::{ArbiterSet, Ruling, Template};

fn secret(n: u8) -> SecretKey {
    SecretKey::from_slice(&[n; 32]).unwrap()
}

fn x_only(key: &SecretKey) -> XOnlyPublicKey {
    point(key).x_only_public_key().0
}

/// The nonce of `secret(n)` for the contract of id `[n; 32]`, by its derivation written out: the only way to see the parity of its
/// point.
fn raw_nonce(n: u8) -> SecretKey {
    let bytes = tagged(
        "narthex/attestation-nonce",
        &[&secret(n).secret_bytes(), &[n; 32]],
    );
    SecretKey::from_slice(&bytes).unwrap()
}

/// Two attestations of one case give the identity key away, whatever the parities of key and nonce.
#[test]
fn attesting_twice_gives_the_identity_key_away_for_all_parities() {
    let secp = Secp256k1::new();
    let odd = |key: &SecretKey| point(key).x_only_public_key().1 == Parity::Odd;
    let mut parities = BTreeSet::new();
    for n in 1..40u8 {
        let (identity, id) = (secret(n), [n; 32]);
        let nonce = || AttestationNonce::derive(&identity, &id).unwrap();
        let (public, announced) = (x_only(&identity), nonce().point(&secp));
        assert_eq!(announced, x_only(&raw_nonce(n)));
        parities.insert((odd(&identity), odd(&raw_nonce(n))));
        let [one, other] = Ruling::ALL
            .map(|ruling| attest_without_record(nonce(), &id, &identity, 0, ruling).unwrap());
        for (a, b) in [(&one, &other), (&other, &one)] {
            a.verify(&secp, &public, &announced, &id).unwrap();
            let found = extract_identity_key(&secp, &public, &id, a, b).unwrap();
            assert!(found == identity || found == identity.negate());
            assert_eq!(point(&found), public.public_key(Parity::Even));
        }
        // One attestation alone, or shown twice, proves nothing; nor do rulings of two contracts, or a name that
        // is somebody else's.
        let (other_id, ruling) = ([0xee; 32], Ruling::VerifierAtFault);
        let other_nonce = AttestationNonce::derive(&identity, &other_id).unwrap();
        let elsewhere =
            attest_without_record(other_nonce, &other_id, &identity, 0, ruling).unwrap();
        for (name, a, b) in [
            (&public, &one, &one),
            (&public, &one, &elsewhere),
            (&x_only(&secret(99)), &one, &other),
        ] {
            assert_eq!(
                extract_identity_key(&secp, name, &id, a, b),
                Err(AttestError::NoContradiction)
            );
        }
    }
    assert_eq!(parities.len(), 4, "all four were tried: {parities:?}");
}

#[test]
fn false_attestations_are_refused_by_name() {
    let secp = Secp256k1::new();
    let (fixtures, holdings) = setup(Template::Hardened, 3, 2);
    let worker = &holdings[&Role::Worker];
    let terms = worker.terms();
    let id = terms.contract_id();
    let verify = |a: &Attestation| {
        let nonce = terms.announcement(a.arbiter).unwrap().nonce;
        a.verify(&secp, terms.identity(a.arbiter).unwrap(), &nonce, id)
    };
    let ruling = Ruling::WorkerAtFault;
    let good = attest(&fixtures, id, 1, ruling);
    assert_eq!(verify(&good), Ok(()));
    assert_eq!(good.check(terms), Ok(()));
    for arbiter in [3, u8::MAX] {
        assert_eq!(
            Attestation { arbiter, ..good }.check(terms),
            Err(AttestError::NoSuchArbiter { arbiter, panel: 3 })
        );
    }
    let nonce = AttestationNonce::derive(&fixtures.identity(2), id).unwrap();
    let other_nonce = attest_without_record(nonce, id, &fixtures.identity(1), 1, ruling).unwrap();
    let nonce = fixtures.nonce(1, id).unwrap();
    let other_key = attest_without_record(nonce, id, &fixtures.identity(2), 1, ruling).unwrap();
    let mut flipped = good.signature.serialize();
    flipped[63] ^= 1;
    let flipped = bitcoin::secp256k1::schnorr::Signature::from_slice(&flipped).unwrap();
    for (what, bad) in [
        ("another nonce", other_nonce),
        (
            "another contract",
            attest(&fixtures, &[0xcc; 32], 1, ruling),
        ),
        (
            "another arbiter's index",
            Attestation { arbiter: 2, ..good },
        ),
        (
            "the other ruling",
            Attestation {
                ruling: Ruling::VerifierAtFault,
                ..good
            },
        ),
        ("another key", other_key),
        (
            "a changed bit",
            Attestation {
                signature: flipped,
                ..good
            },
        ),
    ] {
        assert_eq!(
            verify(&bad),
            Err(AttestError::Invalid {
                arbiter: bad.arbiter
            }),
            "{what}"
        );
        assert_eq!(bad.check(terms), verify(&bad), "{what}");
        // Taken unverified it completes nothing either, and says so.
        let majority = ArbiterSet::new(0b011).unwrap();
        let node = worker
            .graph()
            .find(Exit::ruled(bad.ruling, majority))
            .unwrap();
        let mut secrets = Secrets::default().with(ContractSecret::Result, fixtures.result());
        secrets.attest(&attest(&fixtures, id, 0, bad.ruling));
        secrets.attest(&bad);
        let refused = worker.complete(node, &secrets).unwrap_err();
        assert!(
            matches!(
                refused,
                SignaturesError::Adaptor(_) | SignaturesError::Secret { .. }
            ),
            "{what}: {refused}"
        );
    }
}
