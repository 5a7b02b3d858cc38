//! Secrets that follow from a seed: the same again, and no two alike.

use crate::golden_json;
use std::collections::BTreeSet;

use bitcoin::hex::DisplayHex;
use narthex_base::secret::Secret;
use narthex_contracts::derive::{
    Derived, OwnSalt, Salted, contract_key, delivery_key, offer_identity, reply_secret,
};
use proptest::prelude::*;

/// Where the offer ends whose identity is looked at.
const EXPIRY: u32 = 900_000;

/// All that follows from a seed, and from a negotiation, an own salt or a contract, by name.
fn all(
    seed: [u8; 32],
    negotiation: [u8; 32],
    salt: [u8; 32],
    contract: [u8; 32],
) -> Vec<(Derived, [u8; 32])> {
    let seed = Secret::from_bytes(seed);
    let salted = Salted::new(&seed, OwnSalt::from_bytes(salt));
    let of = |what| match what {
        Derived::ContractKey => contract_key(&seed, &negotiation).unwrap().secret_bytes(),
        Derived::Result => *salted.result().unwrap().expose(),
        Derived::Polynomial => *salted.polynomial().expose(),
        Derived::LeafSalts => *salted.leaf_salts().expose(),
        Derived::Token => *salted.token().unwrap().expose(),
        Derived::SampleNonce => *salted.sample_nonce().expose(),
        Derived::BlindSalt => *salted.blind_salt().expose(),
        Derived::ReplyKey => *reply_secret(&seed, &contract).expose(),
        Derived::AuditNonce => *salted.audit_nonce(&[0x55; 32]).expose(),
        Derived::BankChain => *salted.bank_chain().expose(),
        Derived::DeliverySeed => *salted.delivery_seed().expose(),
        Derived::DeliveryKey => delivery_key(&seed).unwrap().secret_bytes(),
        Derived::BountySeed => *salted.bounty_seed().expose(),
        Derived::SliceSeed => *salted.slice_seed().expose(),
        Derived::OfferIdentity => offer_identity(&seed, EXPIRY).unwrap().secret_bytes(),
    };
    Derived::ALL
        .into_iter()
        .map(|what| (what, of(what)))
        .collect()
}

#[test]
fn no_name_stands_for_two() {
    let names: BTreeSet<_> = Derived::ALL.iter().map(|what| what.info()).collect();
    assert_eq!(names.len(), Derived::ALL.len());
}

proptest! {
    /// Each has its own value, whatever the seed; the contract key follows from seed and negotiation and lasts through
    /// attempts, the reply's key from seed and contract, all others from seed and own salt and never come again with another.
    #[test]
    fn what_must_last_lasts_and_what_must_not_come_twice_does_not(
        (seed, other_seed) in any::<([u8; 32], [u8; 32])>(),
        (negotiation, salt, contract) in any::<([u8; 32], [u8; 32], [u8; 32])>(),
        others in any::<([u8; 32], [u8; 32], [u8; 32])>(),
    ) {
        let found = all(seed, negotiation, salt, contract);
        let values: BTreeSet<_> = found.iter().map(|(_, bytes)| *bytes).collect();
        prop_assert_eq!(values.len(), Derived::ALL.len());
        prop_assert_eq!(&found, &all(seed, negotiation, salt, contract));
        let elsewhere = all(seed, others.0, salt, contract);
        let next_attempt = all(seed, negotiation, others.1, contract);
        let other_contract = all(seed, negotiation, salt, others.2);
        for (i, (what, bytes)) in found.iter().enumerate() {
            let (negotiated, kept) = (*what == Derived::ContractKey, *what == Derived::ReplyKey);
            let lasts = matches!(what, Derived::DeliveryKey | Derived::OfferIdentity);
            prop_assert_eq!(*bytes == elsewhere[i].1, !negotiated, "{:?} of another negotiation", what);
            prop_assert_eq!(*bytes == next_attempt[i].1, negotiated || kept || lasts, "{:?} of another attempt", what);
            prop_assert_eq!(*bytes == other_contract[i].1, !kept, "{:?} of another contract", what);
        }
        let others = all(other_seed, negotiation, salt, contract);
        prop_assert!(others.iter().all(|(_, bytes)| !values.contains(bytes)));
    }
}

/// One for each end, whatever bytes the height has in common with another.
#[test]
fn no_two_ends_have_one_identity() {
    let seed = Secret::from_bytes([7; 32]);
    let ends = [1, 256, 65_536, EXPIRY, EXPIRY + 1, 499_999_999];
    let keys = ends.map(|end| offer_identity(&seed, end).unwrap().secret_bytes());
    assert_eq!(BTreeSet::from(keys).len(), ends.len());
    assert_eq!(
        offer_identity(&seed, EXPIRY).unwrap().secret_bytes(),
        keys[3]
    );
}

#[test]
fn own_salts_are_drawn_and_kept() {
    let rng = &mut bitcoin::secp256k1::rand::thread_rng();
    let (one, two) = (OwnSalt::draw(rng), OwnSalt::draw(rng));
    assert_ne!(one, two);
    assert_eq!(OwnSalt::from_bytes(one.to_bytes()), one);
    let shown = format!("{:?}", Salted::new(&Secret::from_bytes([0x5a; 32]), one));
    assert!(
        !shown.to_lowercase().contains("5a5a") && !shown.contains("90, 90"),
        "{shown}"
    );
}

#[test]
fn golden_secrets() {
    let (seed, negotiation, salt) = ([0x11; 32], [0x22; 32], [0x33; 32]);
    let contract = [0x44; 32];
    let hex = |bytes: &[u8]| bytes.to_lower_hex_string();
    let names = all(seed, negotiation, salt, contract).into_iter();
    let names = names.map(|(what, bytes)| (what.info().to_owned(), hex(&bytes).into()));
    let found = serde_json::json!({
        "seed": hex(&seed),
        "negotiation": hex(&negotiation),
        "own_salt": hex(&salt),
        "contract": hex(&contract),
        "derived": names.collect::<serde_json::Map<_, _>>(),
    });
    golden_json::holds("derived.json", &found);
}
