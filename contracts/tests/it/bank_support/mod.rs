//! Terms of a bank on coins that are on no chain.

pub(crate) use super::given;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Txid, WPubkeyHash,
    hashes::{Hash, sha256},
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{SeedableRng, rngs::StdRng},
    },
};
use narthex_contracts::{
    bank::{BankFunding, BankRecord, BankTerms, FreshChain, Pebbles},
    terms::{Coin, Contribution, FeeRate},
};

pub const SEED: [u8; 32] = [9; 32];

pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

pub fn public(byte: u8) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), &secret(byte))
}

pub fn script(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([byte; 20]))
}

/// 1 sat a penny; a commitment at every 500, and at every 16th part of what is enforced.
pub fn record(pennies: u32) -> BankRecord {
    let capacity = Amount::from_sat(u64::from(pennies) + 1_000);
    let coin = Coin {
        outpoint: OutPoint::new(Txid::from_byte_array([3; 32]), 1),
        value_sat: capacity + Amount::from_sat(500),
        script: script(3),
    };
    let mut record = BankRecord {
        payer: public(1),
        provider: public(2),
        salt: sha256::Hash::from_byte_array([7; 32]),
        pennies,
        value_sat: Amount::ONE_SAT,
        capacity_sat: capacity,
        chain_root: sha256::Hash::all_zeros(),
        refund_height: 1_000,
        claim_blocks: 20,
        step: 500,
        shift: 4,
        promises: 0,
        payer_script: script(1),
        provider_script: script(2),
        funding: BankFunding::Wallet {
            contribution: Contribution {
                coins: vec![coin],
                change: None,
            },
            rate_sat_per_kwu: FeeRate::from_sat_per_kwu(250),
        },
    };
    retip(&mut record);
    record
}

/// Gives the record the chain of the seed.
pub fn retip(record: &mut BankRecord) {
    let tip = Pebbles::root(record.bank(), record.pennies, SEED);
    record.chain_root = sha256::Hash::from_byte_array(tip);
}

pub fn terms(pennies: u32) -> BankTerms {
    record(pennies).check().unwrap()
}

pub fn rng() -> StdRng {
    StdRng::seed_from_u64(11)
}

/// Salt of these terms and seed of their chain, as if both had been drawn.
pub fn fresh(terms: &BankTerms, seed: [u8; 32]) -> FreshChain {
    let salt = terms.record().salt.to_byte_array();
    FreshChain::draw(&mut given::Given::new(&[salt, seed]))
}
