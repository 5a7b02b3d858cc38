//! BIP327: order and aggregation of keys.

use bitcoin::secp256k1::PublicKey;
use secp256k1_musig as musig;

use super::{array, bytes, cases, json, pick, signers, tweak};
use crate::musig::{KeySet, KeySetError, keyset::to_musig};

/// The contracts order keys by role, so that no key's owner can choose its place; BIP327 leaves the order open.
/// What is tested is the order of `PublicKey` itself.
#[test]
fn key_sort() {
    let file = json("bip-0327/key_sort_vectors.json");
    let parse = |list| {
        cases(&file, list)
            .iter()
            .map(|key| PublicKey::from_slice(&bytes(key)).unwrap())
            .collect::<Vec<_>>()
    };
    let mut keys = parse("pubkeys");
    assert_eq!(keys.len(), 6);
    keys.sort();
    assert_eq!(keys, parse("sorted_pubkeys"));
}

#[test]
fn key_agg_valid() {
    let file = json("bip-0327/key_agg_vectors.json");
    let (mut through_key_set, mut below) = (0, 0);
    for case in cases(&file, "valid_test_cases") {
        let keys = signers(&pick(&file, "pubkeys", case, "key_indices")).unwrap();
        let expected: [u8; 32] = array(&case["expected"]);
        match KeySet::untweaked(&keys) {
            Ok(set) => {
                assert_eq!(set.internal_key().serialize(), expected);
                // The Taproot tweak does not change what it starts from.
                let tweaked = KeySet::new(&keys, None).unwrap();
                assert_eq!(tweaked.internal_key().serialize(), expected);
                through_key_set += 1;
            }
            // A key set has one key per party: whoever brought another's key could not sign. BIP327 allows
            // duplicates, so these cases run on the aggregation below the key set.
            Err(KeySetError::Duplicate { .. }) => {
                let keys: Vec<_> = keys.iter().map(|(_, key)| to_musig(key).unwrap()).collect();
                let cache = musig::musig::KeyAggCache::new(&keys.iter().collect::<Vec<_>>());
                assert_eq!(cache.agg_pk().to_byte_array(), expected);
                below += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((through_key_set, below), (2, 2));
}

#[test]
fn key_agg_errors() {
    let file = json("bip-0327/key_agg_vectors.json");
    let (mut keys_refused, mut tweaks_refused) = (0, 0);
    for case in cases(&file, "error_test_cases") {
        match signers(&pick(&file, "pubkeys", case, "key_indices")) {
            Err(position) => {
                assert_eq!(case["error"]["contrib"], "pubkey");
                assert_eq!(case["error"]["signer"], position);
                keys_refused += 1;
            }
            Ok(keys) => {
                assert_eq!(case["error"]["type"], "value", "{}", case["comment"]);
                let mut set = KeySet::untweaked(&keys).unwrap();
                assert_eq!(tweak(&mut set, &file, case), Err(KeySetError::Tweak));
                tweaks_refused += 1;
            }
        }
    }
    assert_eq!((keys_refused, tweaks_refused), (3, 2));
}
