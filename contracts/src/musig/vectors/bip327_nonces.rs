//! BIP327: generation and aggregation of nonces.

use bitcoin::secp256k1::{
    PublicKey, SecretKey,
    rand::{RngCore, SeedableRng, rngs::StdRng},
};
use secp256k1_musig as musig;
use serde_json::Value;

use super::{array, bytes, cases, json, nth, pick, tagged};
use crate::musig::{KeySet, MusigKeypair, PublicNonce, SessionError, session::aggregate_nonces};

/// What goes into NonceGen.
struct Input {
    rand: [u8; 32],
    sk: Option<[u8; 32]>,
    pk: [u8; 33],
    aggpk: Option<[u8; 32]>,
    msg: Option<Vec<u8>>,
    extra_in: Option<Vec<u8>>,
}

/// NonceGen as BIP327 writes it: the two scalars and the public nonce.
fn nonce_gen(input: &Input) -> ([[u8; 32]; 2], [u8; 66]) {
    let mut rand = input.rand;
    if let Some(sk) = input.sk {
        rand = tagged("MuSig/aux", &[&rand]);
        rand.iter_mut().zip(sk).for_each(|(a, b)| *a ^= b);
    }
    let aggpk = input.aggpk.map_or(Vec::new(), |key| key.to_vec());
    let msg = match &input.msg {
        None => vec![0],
        Some(msg) => [&[1][..], &(msg.len() as u64).to_be_bytes(), msg].concat(),
    };
    let extra = input.extra_in.clone().unwrap_or_default();
    let scalars = [0u8, 1].map(|i| {
        let parts: [&[u8]; 9] = [
            &rand,
            &[33],
            &input.pk,
            &[aggpk.len() as u8],
            &aggpk,
            &msg,
            &(extra.len() as u32).to_be_bytes(),
            &extra,
            &[i],
        ];
        tagged("MuSig/nonce", &parts)
    });
    let mut public = [0; 66];
    for (half, k) in public.chunks_mut(33).zip(&scalars) {
        let k = musig::SecretKey::from_secret_bytes(*k).unwrap();
        half.copy_from_slice(&musig::PublicKey::from_secret_key(&k).serialize());
    }
    (scalars, public)
}

fn input(case: &Value) -> Input {
    let some = |field: &str| Some(&case[field]).filter(|v| !v.is_null());
    Input {
        rand: array(&case["rand_"]),
        sk: some("sk").map(array),
        pk: array(&case["pk"]),
        aggpk: some("aggpk").map(array),
        msg: some("msg").map(bytes),
        extra_in: some("extra_in").map(bytes),
    }
}

/// The vectors name aggregate keys of which no key set is known, and messages of other lengths than 32. So the
/// cases hold NonceGen as written above to BIP327, and the next test holds the contracts' nonces to that.
#[test]
fn nonce_gen_as_written() {
    let file = json("bip-0327/nonce_gen_vectors.json");
    let (mut written, mut library) = (0, 0);
    for case in cases(&file, "test_cases") {
        let input = input(case);
        let (scalars, public) = nonce_gen(&input);
        let secret = [&scalars[0][..], &scalars[1], &input.pk].concat();
        assert_eq!(secret, bytes(&case["expected_secnonce"]));
        assert_eq!(public[..], bytes(&case["expected_pubnonce"]));
        written += 1;
        if input.sk.is_none() && input.aggpk.is_none() && input.msg.is_none() {
            let (_, nonce) = musig::musig::new_nonce_pair(
                musig::musig::SessionSecretRand::assume_uniformly_random(input.rand),
                None,
                None,
                musig::PublicKey::from_slice(&input.pk).unwrap(),
                None,
                None,
            );
            assert_eq!(nonce.serialize()[..], bytes(&case["expected_pubnonce"]));
            library += 1;
        }
    }
    assert_eq!((written, library), (4, 1));
}

#[test]
fn nonces_of_contracts_are_those_of_bip327() {
    let mut rng = StdRng::seed_from_u64(327);
    let mut bytes32 = || {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        bytes
    };
    let secp = bitcoin::secp256k1::Secp256k1::new();
    for _ in 0..50 {
        let secrets = [bytes32(), bytes32()].map(|b| SecretKey::from_slice(&b).unwrap());
        let public = secrets.map(|s| PublicKey::from_secret_key(&secp, &s));
        let keys = KeySet::new(&[(nth(0), public[0]), (nth(1), public[1])], None).unwrap();
        let (rand, message) = (bytes32(), bytes32());
        let keypair = MusigKeypair::new(&secrets[0]).unwrap();
        let (secret, nonce) = PublicNonce::generate(&rand, &keypair, &keys, &message).unwrap();
        let (scalars, expected) = nonce_gen(&Input {
            rand,
            sk: Some(secrets[0].secret_bytes()),
            pk: public[0].serialize(),
            // The tweaked key, for that is the one the nonce is used under.
            aggpk: Some(keys.output_key().serialize()),
            msg: Some(message.to_vec()),
            extra_in: None,
        });
        assert_eq!(nonce.to_public().0, expected);
        assert_eq!(nonce.points.serialize(), expected, "as it is summed up");
        // After four bytes of kind, the library's secret nonce holds both scalars.
        let secret = secret.into_inner().unwrap().dangerous_into_bytes();
        assert_eq!(secret[4..68], scalars.concat());
    }
}

#[test]
fn a_broken_random_source_yields_no_nonce() {
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    let public = PublicKey::from_secret_key(&bitcoin::secp256k1::Secp256k1::new(), &key);
    let keys = KeySet::new(&[(nth(0), public)], None).unwrap();
    let pair = MusigKeypair::new(&key).unwrap();
    assert!(PublicNonce::generate(&[0; 32], &pair, &keys, &[1; 32]).is_none());
}

/// A key set of so many parties; nonce aggregation looks at their number and names only.
fn any_keys(count: usize) -> KeySet {
    let secp = bitcoin::secp256k1::Secp256k1::new();
    let keys: Vec<_> = (0..count)
        .map(|i| {
            let secret = SecretKey::from_slice(&[i as u8 + 1; 32]).unwrap();
            (nth(i), PublicKey::from_secret_key(&secp, &secret))
        })
        .collect();
    KeySet::untweaked(&keys).unwrap()
}

#[test]
fn nonce_agg() {
    let file = json("bip-0327/nonce_agg_vectors.json");
    let nonces = |case: &Value| {
        pick(&file, "pnonces", case, "pnonce_indices")
            .into_iter()
            .map(|nonce| PublicNonce(array(nonce)))
            .collect::<Vec<_>>()
    };
    let (mut valid, mut refused) = (0, 0);
    for case in cases(&file, "valid_test_cases") {
        let aggregate = aggregate_nonces(&any_keys(2), &nonces(case), None).unwrap();
        assert_eq!(aggregate.serialize()[..], bytes(&case["expected"]));
        valid += 1;
    }
    for case in cases(&file, "error_test_cases") {
        let at = case["error"]["signer"].as_u64().unwrap() as usize;
        let signer = nth(at);
        assert_eq!(
            aggregate_nonces(&any_keys(2), &nonces(case), None),
            Err(SessionError::BadNonce { signer })
        );
        refused += 1;
    }
    assert_eq!((valid, refused), (2, 3));
}
