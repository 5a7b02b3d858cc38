//! BIP327: shares, their checks and their sums.

use bitcoin::secp256k1::SecretKey;
use secp256k1_musig as musig;
use serde_json::Value;

use super::{array, bytes, cases, json, nth, pick, signers, tweak};
use crate::{
    musig::{
        KeySet, MusigKeypair, PartialSignature, PublicNonce, SecretNonce, Session, SessionError,
        session::aggregate_nonces,
    },
    party::PartyName,
};

fn nonces(file: &Value, case: &Value) -> Vec<PublicNonce> {
    pick(file, "pnonces", case, "nonce_indices")
        .into_iter()
        .map(|nonce| PublicNonce(array(nonce)))
        .collect()
}

fn keypair(file: &Value) -> MusigKeypair {
    MusigKeypair::new(&SecretKey::from_slice(&bytes(&file["sk"])).unwrap()).unwrap()
}

fn role(case: &Value) -> PartyName {
    nth(case["signer_index"].as_u64().unwrap() as usize)
}

/// The secret nonce of a vector. The library's form of it is the scalars after four bytes of kind, then the key
/// in a form of its own, which is taken from a nonce made for that key.
fn secret_nonce(vector: &Value) -> SecretNonce {
    let vector: [u8; 97] = array(vector);
    let (nonce, _) = musig::musig::new_nonce_pair(
        musig::musig::SessionSecretRand::assume_uniformly_random([1; 32]),
        None,
        None,
        musig::PublicKey::from_slice(&vector[64..]).unwrap(),
        None,
        None,
    );
    let mut bytes = nonce.dangerous_into_bytes();
    bytes[4..68].copy_from_slice(&vector[..64]);
    SecretNonce(Some(musig::musig::SecretNonce::dangerous_from_bytes(bytes)))
}

/// The message of a case, unless it is none of 32 bytes: a contract signs hashes only, and so does the library.
fn message(file: &Value, case: &Value) -> Option<[u8; 32]> {
    let index = case["msg_index"].as_u64().unwrap() as usize;
    bytes(&cases(file, "msgs")[index]).try_into().ok()
}

#[test]
fn sign_and_verify() {
    let file = json("bip-0327/sign_verify_vectors.json");
    let (mut signed, mut other_lengths) = (0, 0);
    for case in cases(&file, "valid_test_cases") {
        let Some(message) = message(&file, case) else {
            other_lengths += 1;
            continue;
        };
        let keys =
            KeySet::untweaked(&signers(&pick(&file, "pubkeys", case, "key_indices")).unwrap());
        let (keys, nonces) = (keys.unwrap(), nonces(&file, case));
        let aggregate = aggregate_nonces(&keys, &nonces, None).unwrap();
        let index = case["aggnonce_index"].as_u64().unwrap() as usize;
        assert_eq!(
            aggregate.serialize()[..],
            bytes(&cases(&file, "aggnonces")[index])
        );
        let session = Session::new(&keys, &nonces, None, &message).unwrap();
        let secret = secret_nonce(&file["secnonces"][0]);
        let (pair, role) = (keypair(&file), role(case));
        let share = session.sign(&keys, role, &pair, secret).unwrap();
        assert_eq!(share.0[..], bytes(&case["expected"]));
        let nonce = &nonces[role.id.index()];
        assert_eq!(session.verify_share(&keys, role, nonce, &share), Ok(true));
        signed += 1;
    }
    assert_eq!((signed, other_lengths), (4, 2));
}

#[test]
fn sign_errors() {
    let file = json("bip-0327/sign_verify_vectors.json");
    let mut refused = [0; 4];
    for case in cases(&file, "sign_error_test_cases") {
        let error = &case["error"];
        let keys = match signers(&pick(&file, "pubkeys", case, "key_indices")) {
            Err(position) => {
                assert_eq!(error["contrib"], "pubkey");
                assert_eq!(error["signer"], position);
                refused[0] += 1;
                continue;
            }
            Ok(keys) => KeySet::untweaked(&keys).unwrap(),
        };
        // Contracts never take an aggregate nonce from anybody: each party adds the nonces up itself. The cases
        // run on the parsing that the adaptor point goes through.
        let index = case["aggnonce_index"].as_u64().unwrap() as usize;
        let aggregate = array(&cases(&file, "aggnonces")[index]);
        let Ok(aggregate) = musig::musig::AggregatedNonce::from_byte_array(&aggregate) else {
            assert_eq!(error["contrib"], "aggnonce");
            refused[1] += 1;
            continue;
        };
        let message = message(&file, case).unwrap();
        let session = Session::from_aggregate(&keys, aggregate, &message);
        assert_eq!(error["type"], "value");
        // Zeros stand for a nonce that was used. The type holds nothing once it is.
        let used = case["secnonce_index"] == 1;
        // Whatever place a party claims, a key that is in none signs in none.
        let roles = match used {
            true => vec![role(case)],
            false => keys.names().collect(),
        };
        for role in roles {
            let secret = match used {
                true => SecretNonce(None),
                false => secret_nonce(&file["secnonces"][0]),
            };
            assert_eq!(
                session.sign(&keys, role, &keypair(&file), secret),
                Err(SessionError::NotASigner { party: role })
            );
        }
        refused[2 + usize::from(used)] += 1;
    }
    assert_eq!(refused, [1, 3, 1, 1]);
}

#[test]
fn verify_failures_and_errors() {
    let file = json("bip-0327/sign_verify_vectors.json");
    let (mut wrong, mut no_scalar, mut bad_nonce, mut bad_key) = (0, 0, 0, 0);
    let lists = ["verify_fail_test_cases", "verify_error_test_cases"];
    for case in lists.iter().flat_map(|list| cases(&file, list)) {
        let keys = match signers(&pick(&file, "pubkeys", case, "key_indices")) {
            Err(position) => {
                assert_eq!(case["error"]["contrib"], "pubkey");
                assert_eq!(case["error"]["signer"], position);
                bad_key += 1;
                continue;
            }
            Ok(keys) => KeySet::untweaked(&keys).unwrap(),
        };
        let (nonces, signer) = (nonces(&file, case), role(case));
        let message = message(&file, case).unwrap();
        let session = match Session::new(&keys, &nonces, None, &message) {
            Err(error) => {
                assert_eq!(case["error"]["contrib"], "pubnonce");
                assert_eq!(error, SessionError::BadNonce { signer });
                bad_nonce += 1;
                continue;
            }
            Ok(session) => session,
        };
        let share = PartialSignature(array(&case["sig"]));
        match session.verify_share(&keys, signer, &nonces[signer.id.index()], &share) {
            Ok(valid) => {
                assert!(!valid, "{}", case["comment"]);
                wrong += 1;
            }
            Err(error) => {
                assert_eq!(error, SessionError::BadShare { signer });
                no_scalar += 1;
            }
        }
    }
    assert_eq!((wrong, no_scalar, bad_nonce, bad_key), (2, 1, 1, 1));
}

#[test]
fn tweaks() {
    let file = json("bip-0327/tweak_vectors.json");
    let (mut signed, mut refused) = (0, 0);
    let lists = ["valid_test_cases", "error_test_cases"];
    for case in lists.iter().flat_map(|list| cases(&file, list)) {
        let mut keys =
            KeySet::untweaked(&signers(&pick(&file, "pubkeys", case, "key_indices")).unwrap())
                .unwrap();
        if tweak(&mut keys, &file, case).is_err() {
            assert_eq!(case["error"]["type"], "value");
            refused += 1;
            continue;
        }
        let (nonces, role) = (nonces(&file, case), role(case));
        let aggregate = aggregate_nonces(&keys, &nonces, None).unwrap();
        assert_eq!(aggregate.serialize()[..], bytes(&file["aggnonce"]));
        let session = Session::new(&keys, &nonces, None, &array(&file["msg"])).unwrap();
        let secret = secret_nonce(&file["secnonce"]);
        let share = session.sign(&keys, role, &keypair(&file), secret).unwrap();
        assert_eq!(share.0[..], bytes(&case["expected"]), "{}", case["comment"]);
        let nonce = &nonces[role.id.index()];
        assert_eq!(session.verify_share(&keys, role, nonce, &share), Ok(true));
        signed += 1;
    }
    assert_eq!((signed, refused), (5, 1));
}

#[test]
fn sig_agg() {
    let file = json("bip-0327/sig_agg_vectors.json");
    let message = array(&file["msg"]);
    let (mut valid, mut refused) = (0, 0);
    let lists = ["valid_test_cases", "error_test_cases"];
    for case in lists.iter().flat_map(|list| cases(&file, list)) {
        let mut keys =
            KeySet::untweaked(&signers(&pick(&file, "pubkeys", case, "key_indices")).unwrap())
                .unwrap();
        tweak(&mut keys, &file, case).unwrap();
        let nonces = nonces(&file, case);
        let aggregate = aggregate_nonces(&keys, &nonces, None).unwrap();
        assert_eq!(aggregate.serialize()[..], bytes(&case["aggnonce"]));
        let session = Session::new(&keys, &nonces, None, &message).unwrap();
        let shares: Vec<_> = pick(&file, "psigs", case, "psig_indices")
            .into_iter()
            .map(|share| PartialSignature(array(share)))
            .collect();
        match session.aggregate(&keys, &shares) {
            Ok(signature) => {
                assert_eq!(signature.0[..], bytes(&case["expected"]));
                assert_eq!(signature.verify(&keys.output_key(), &message, None), Ok(()));
                valid += 1;
            }
            Err(error) => {
                let at = case["error"]["signer"].as_u64().unwrap() as usize;
                let signer = nth(at);
                assert_eq!(error, SessionError::BadShare { signer });
                refused += 1;
            }
        }
    }
    assert_eq!((valid, refused), (4, 1));
}
