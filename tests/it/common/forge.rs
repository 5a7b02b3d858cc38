//! Signatures that should not work, made with real keys.

use bitcoin::{
    OutPoint, ScriptBuf, Sequence, TapSighashType, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime,
    hashes::{Hash, sha256},
    key::TapTweak,
    secp256k1::{Keypair, Message, PublicKey, Scalar, Secp256k1, SecretKey},
    sighash::{Prevouts, SighashCache},
    transaction::Version,
};

/// A coin and what it holds.
pub type Coin = (OutPoint, TxOut);

/// A transaction that takes a coin to `to`, unsigned.
pub fn take(coins: &[Coin], to: &ScriptBuf, lock_height: u32) -> Transaction {
    let value = coins.iter().map(|(_, out)| out.value).sum();
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_height(lock_height).unwrap(),
        input: coins
            .iter()
            .map(|(outpoint, _)| TxIn {
                previous_output: *outpoint,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            })
            .collect(),
        output: vec![TxOut {
            value,
            script_pubkey: to.clone(),
        }],
    }
}

pub fn sighash(tx: &Transaction, input: usize, coins: &[Coin]) -> [u8; 32] {
    let prevouts: Vec<_> = coins.iter().map(|(_, out)| out.clone()).collect();
    SighashCache::new(tx)
        .taproot_key_spend_signature_hash(input, &Prevouts::All(&prevouts), TapSighashType::Default)
        .unwrap()
        .to_byte_array()
}

/// Signed by one plain key, as if the output were its own: untweaked, tweaked as BIP86 does, and tweaked by the
/// output's own root.
pub fn single_key(
    key: &SecretKey,
    coin: &Coin,
    root: Option<[u8; 32]>,
    to: &ScriptBuf,
) -> Vec<Transaction> {
    let secp = Secp256k1::new();
    let plain = Keypair::from_secret_key(&secp, key);
    let root = root.map(bitcoin::TapNodeHash::from_byte_array);
    let keys = [
        plain,
        plain.tap_tweak(&secp, None).to_keypair(),
        plain.tap_tweak(&secp, root).to_keypair(),
    ];
    keys.iter()
        .map(|key| {
            let coins = [coin.clone()];
            let mut tx = take(&coins, to, 0);
            let message = Message::from_digest(sighash(&tx, 0, &coins));
            let signature = secp.sign_schnorr(&message, key);
            tx.input[0].witness = Witness::from_slice(&[signature.serialize()]);
            tx
        })
        .collect()
}

/// The key that a coalition of a key set's signers has: the sum of their terms in BIP327's key aggregation, worked
/// out with plain scalars and not with the code under test. With all of them it is the aggregate's own secret.
pub fn coalition(keys: &[PublicKey], secrets: &[SecretKey]) -> SecretKey {
    let serialized: Vec<_> = keys.iter().map(PublicKey::serialize).collect();
    let list = tagged("KeyAgg list", &serialized.concat());
    let secp = Secp256k1::new();
    let terms = secrets.iter().map(|secret| {
        let key = PublicKey::from_secret_key(&secp, secret);
        if Some(&key) == keys.iter().find(|k| **k != keys[0]) {
            return *secret;
        }
        let coefficient = tagged(
            "KeyAgg coefficient",
            &[&list[..], &key.serialize()].concat(),
        );
        secret
            .mul_tweak(&Scalar::from_be_bytes(coefficient).unwrap())
            .unwrap()
    });
    terms
        .reduce(|sum, term| sum.add_tweak(&term.into()).unwrap())
        .unwrap()
}

fn tagged(tag: &str, data: &[u8]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag.as_bytes()).to_byte_array();
    sha256::Hash::hash(&[&tag[..], &tag, data].concat()).to_byte_array()
}
