//! BIP340: Schnorr signatures, made and checked.

use bitcoin::{
    hex::FromHex,
    key::XOnlyPublicKey,
    secp256k1::{Message, Secp256k1, SecretKey, schnorr},
};
use secp256k1_musig as musig;

use super::{read, tagged};
use crate::musig::{
    AdaptorSignature,
    adaptor::{s_g_minus_e_p, two_multiplications},
    challenge, sign_with_nonce,
};

/// A row of the file.
struct Row {
    secret: Option<[u8; 32]>,
    key: [u8; 32],
    aux: Option<[u8; 32]>,
    message: Vec<u8>,
    signature: [u8; 64],
    valid: bool,
    comment: String,
}

fn rows() -> Vec<Row> {
    let text = read("bip-0340.csv");
    let hex = |field: &str| Vec::from_hex(field).unwrap();
    let optional = |field: &str| (!field.is_empty()).then(|| hex(field).try_into().unwrap());
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<_> = line.splitn(8, ',').collect();
            Row {
                secret: optional(fields[1]),
                key: hex(fields[2]).try_into().unwrap(),
                aux: optional(fields[3]),
                message: hex(fields[4]),
                signature: hex(fields[5]).try_into().unwrap(),
                valid: match fields[6] {
                    "TRUE" => true,
                    "FALSE" => false,
                    other => panic!("verdict {other}"),
                },
                comment: fields[7].to_owned(),
            }
        })
        .collect()
}

#[test]
fn verify() {
    let secp = Secp256k1::verification_only();
    let (mut checked, mut no_key, mut other_lengths) = (0, 0, 0);
    for row in rows() {
        let signature = AdaptorSignature(row.signature);
        let Ok(key) = XOnlyPublicKey::from_slice(&row.key) else {
            assert!(!row.valid, "{}", row.comment);
            no_key += 1;
            continue;
        };
        let Ok(message) = <[u8; 32]>::try_from(row.message.clone()) else {
            // A contract signs hashes only: messages of other lengths run on the call below.
            let signature = musig::schnorr::Signature::from_byte_array(row.signature);
            let key = musig::XOnlyPublicKey::from_byte_array(row.key).unwrap();
            let valid = musig::schnorr::verify(&signature, &row.message, &key).is_ok();
            assert_eq!(valid, row.valid, "{}", row.comment);
            other_lengths += 1;
            continue;
        };
        let valid = signature.verify(&key, &message, None).is_ok();
        assert_eq!(valid, row.valid, "{}", row.comment);
        let by_node = signature.into_signature().is_ok_and(|signature| {
            secp.verify_schnorr(&signature, &Message::from_digest(message), &key)
                .is_ok()
        });
        assert_eq!(by_node, row.valid, "{}", row.comment);
        assert_eq!(
            by_definition(&row, &key, &message),
            row.valid,
            "{}",
            row.comment
        );
        checked += 1;
    }
    assert_eq!((checked, no_key, other_lengths), (13, 2, 4));
}

/// BIP340's Verify with s·G − e·P computed as adaptor signatures compute it.
fn by_definition(row: &Row, key: &XOnlyPublicKey, message: &[u8; 32]) -> bool {
    let (r, s) = (
        row.signature[..32].try_into(),
        row.signature[32..].try_into(),
    );
    let (r, s): ([u8; 32], [u8; 32]) = (r.unwrap(), s.unwrap());
    let e = challenge(&r, key, message).unwrap();
    let point = s_g_minus_e_p(&s, &e, key);
    assert_eq!(point, two_multiplications(&s, &e, key), "{}", row.comment);
    point.is_some_and(|point| {
        let (x, parity) = point.x_only_public_key();
        parity == musig::Parity::Even && x.to_byte_array() == r
    })
}

#[test]
fn sign() {
    let secp = Secp256k1::signing_only();
    let (mut signed, mut other_lengths) = (0, 0);
    for row in rows() {
        let (Some(secret), Some(aux)) = (row.secret, row.aux) else {
            continue;
        };
        let Ok(message) = <[u8; 32]>::try_from(row.message) else {
            // `sign_with_nonce` takes hashes only.
            other_lengths += 1;
            continue;
        };
        let secret = SecretKey::from_slice(&secret).unwrap();
        let nonce = default_nonce(&secret, &aux, &message);
        let signature = sign_with_nonce(&secp, &secret, &nonce, &message).unwrap();
        assert_eq!(
            signature,
            schnorr::Signature::from_slice(&row.signature).unwrap()
        );
        signed += 1;
    }
    assert_eq!((signed, other_lengths), (4, 4));
}

/// The nonce of BIP340's default signing. `sign_with_nonce` gets its nonces announced; BIP340 makes its own.
pub(super) fn default_nonce(secret: &SecretKey, aux: &[u8; 32], message: &[u8; 32]) -> SecretKey {
    let secp = Secp256k1::signing_only();
    let (public, parity) = secret.x_only_public_key(&secp);
    let even = match parity {
        bitcoin::secp256k1::Parity::Even => *secret,
        bitcoin::secp256k1::Parity::Odd => secret.negate(),
    };
    let mut masked = tagged("BIP0340/aux", &[aux]);
    let bytes = even.secret_bytes();
    masked.iter_mut().zip(bytes).for_each(|(a, b)| *a ^= b);
    let nonce = tagged("BIP0340/nonce", &[&masked, &public.serialize(), message]);
    SecretKey::from_slice(&nonce).unwrap()
}
