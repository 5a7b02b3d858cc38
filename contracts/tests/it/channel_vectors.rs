//! Published vectors, where the construction of channels is equal: keys, numbers, what is signed, the second level's output.

use std::fs;

use bitcoin::{
    ScriptBuf, Transaction, TxOut, XOnlyPublicKey,
    consensus::encode::{deserialize_hex, serialize_hex},
    hashes::Hash,
    secp256k1::{Message, PublicKey, SecretKey, schnorr::Signature},
    sighash::{Prevouts, SighashCache, TapSighashType},
};
use narthex_base::{context, secret::Secret};
use narthex_contracts::{
    channel::{
        Obscured, SecretStore, Side, StoreError, delayed_leaf, delayed_output,
        per_commitment_secret, revocation_key, revocation_secret,
    },
    musig::KeySet,
};
use serde_json::Value;

fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/simple-taproot.json"
    );
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name}"))
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    <[u8; N] as hex_conservative::FromHex>::from_hex(hex).unwrap()
}

fn public(value: &Value, name: &str) -> PublicKey {
    text(value, name).parse().unwrap()
}

fn funding(vectors: &Value) -> KeySet {
    let key = |name| public(&vectors["keys"], name);
    let mut signers = [
        (Side::Opener.party(), key("local_funding_pubkey")),
        (Side::Accepter.party(), key("remote_funding_pubkey")),
    ];
    signers.sort_by_key(|(_, key)| key.serialize());
    KeySet::new(&signers, None).unwrap()
}

#[test]
fn funding_and_revocation_keys_are_those_of_the_page() {
    let vectors = vectors();
    let keys = &vectors["keys"];
    let output = funding(&vectors).output_key();
    let script = text(&vectors["funding"], "pkscript");
    assert_eq!(format!("5120{output:x}"), script);
    let point = public(keys, "local_per_commit_point");
    let base = public(keys, "remote_revocation_basepoint");
    let expected = public(keys, "derived_revocation_pubkey");
    assert_eq!(revocation_key(&base, &point).unwrap(), expected);
    let secret = |name| SecretKey::from_slice(&bytes::<32>(text(keys, name))).unwrap();
    let found = revocation_secret(
        &secret("remote_revocation_basepoint_secret"),
        &secret("local_per_commit_secret"),
    );
    assert_eq!(found.unwrap().public_key(&Default::default()), expected);
}

#[test]
fn the_second_level_pays_as_on_the_page() {
    let vectors = vectors();
    let (keys, second) = (&vectors["keys"], &vectors["second_level"]);
    let x = |name| -> XOnlyPublicKey { public(keys, name).x_only_public_key().0 };
    let leaf = delayed_leaf(x("derived_local_delayed_pubkey"), 144);
    assert_eq!(serialize_hex(&leaf)[2..], *text(second, "script"));
    let info = delayed_output(x("derived_revocation_pubkey"), &leaf).unwrap();
    assert_eq!(
        info.merkle_root().unwrap().to_string(),
        text(second, "tapscript_root")
    );
    let script = ScriptBuf::new_p2tr_tweaked(info.output_key());
    assert_eq!(format!("{script:x}"), text(second, "pkscript"));
}

/// What is signed, and under which key. The page's partial signatures are not taken: their nonces are not those that the
/// signatures of its transactions were made with (the sum of the two that it gives is another final nonce), so that nothing verifies them.
#[test]
fn numbers_and_signatures_of_commitments_are_those_of_the_page() {
    let vectors = vectors();
    let keys = funding(&vectors);
    let funded: Transaction = deserialize_hex(text(&vectors["funding"], "funding_tx_hex")).unwrap();
    let coin: [TxOut; 1] = [funded.output[0].clone()];
    let obscured = Obscured::new(
        &public(&vectors["keys"], "local_payment_basepoint"),
        &public(&vectors["keys"], "remote_payment_basepoint"),
    );
    let transactions = vectors["transactions"].as_array().unwrap();
    assert_eq!(transactions.len(), 3);
    for vector in transactions {
        let name = text(vector, "name");
        let tx: Transaction = deserialize_hex(text(vector, "expected_commitment_tx_hex")).unwrap();
        assert_eq!(
            tx.input[0].previous_output.txid,
            funded.compute_txid(),
            "{name}"
        );
        assert_eq!(obscured.read(&tx), Some(42), "{name}");
        let (sequence, lock_time) = obscured.hide(42).unwrap();
        assert_eq!(
            (sequence, lock_time),
            (tx.input[0].sequence, tx.lock_time),
            "{name}"
        );
        let message = SighashCache::new(&tx)
            .taproot_key_spend_signature_hash(0, &Prevouts::All(&coin), TapSighashType::Default)
            .unwrap()
            .to_byte_array();
        let signature = Signature::from_slice(tx.input[0].witness.nth(0).unwrap()).unwrap();
        let verified = context::verifying().verify_schnorr(
            &signature,
            &Message::from_digest(message),
            &keys.output_key(),
        );
        assert_eq!(verified, Ok(()), "{name}");
    }
}

/// BOLT 3, appendix D: generation.
#[test]
fn secrets_of_commitments_are_those_of_bolt_3() {
    let cases = [
        (
            [0; 32],
            281_474_976_710_655u64,
            "02a40c85b6f28da08dfdbe0926c53fab2de6d28c10301f8f7c4073d5e42e3148",
        ),
        (
            [0xff; 32],
            281_474_976_710_655,
            "7cc854b54e3e0dcdb010d7a3fee464a9687be6e8db3be6854c475621e007a5dc",
        ),
        (
            [0xff; 32],
            0xaaa_aaaa_aaaa,
            "56f4008fb007ca9acf0e15b054d5c9fd12ee06cea347914ddbaed70d1c13a528",
        ),
        (
            [0xff; 32],
            0x5555_5555_5555,
            "9015daaeb06dba4ccc05b91b2f73bd54405f2be9f217fbacd3c5ac2e62327d31",
        ),
        (
            [1; 32],
            1,
            "915c75942a26bb3a433a8ce2cb0427c29ec6c1775cfc78328b57f6ba7bfeaa9c",
        ),
    ];
    for (seed, index, expected) in cases {
        let number = 281_474_976_710_655 - index;
        let secret = per_commitment_secret(&seed, number);
        assert_eq!(*secret.expose(), bytes::<32>(expected), "{index}");
    }
}

/// Every secret that was shown comes back, from 49 at most; one that does not give those before it is refused, and so is one out
/// of order.
#[test]
fn shown_secrets_are_kept_and_checked() {
    let mut store = SecretStore::default();
    for number in 0..600 {
        assert_eq!(store.get(number), None);
        let secret = per_commitment_secret(&[9; 32], number);
        let other = per_commitment_secret(&[8; 32], number);
        if number % 2 == 1 {
            let refused = store.insert(number, &other);
            assert_eq!(refused, Err(StoreError::Unrelated { number }));
        }
        let found = number + 1;
        let expected = number;
        let refused = store.insert(found, &secret);
        assert_eq!(refused, Err(StoreError::Order { expected, found }));
        store.insert(number, &secret).unwrap();
        assert_eq!(store.count(), number + 1);
    }
    for number in 0..600 {
        let secret: Secret = per_commitment_secret(&[9; 32], number);
        assert_eq!(store.get(number), Some(secret), "{number}");
    }
}
