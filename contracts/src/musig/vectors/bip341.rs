//! BIP341: output keys, scripts and key-path spends of wallets.

use bitcoin::{
    Address, Network, ScriptBuf, TapLeafHash, TapNodeHash, Transaction, TxOut, XOnlyPublicKey,
    consensus::deserialize,
    hashes::Hash,
    key::TweakedPublicKey,
    secp256k1::{Parity, Scalar, Secp256k1, SecretKey},
    sighash::{Prevouts, SighashCache, TapSighashType},
    taproot::LeafVersion,
};
use secp256k1_musig as musig;
use serde_json::Value;

use super::{array, bip340::default_nonce, bytes, cases, json};
use crate::musig::{sign_with_nonce, taproot_tweak_hash};

/// Root of a script tree and its leaves from left to right, hashed as BIP341 says.
fn tree(value: &Value, leaves: &mut Vec<TapLeafHash>) -> TapNodeHash {
    match value {
        Value::Array(branches) => {
            let [a, b] = branches.as_slice() else {
                panic!("a branch has two sides");
            };
            let (a, b) = (tree(a, leaves), tree(b, leaves));
            TapNodeHash::from_node_hashes(a, b)
        }
        leaf => {
            let script = ScriptBuf::from_bytes(bytes(&leaf["script"]));
            let version = leaf["leafVersion"].as_u64().unwrap() as u8;
            let leaf =
                TapLeafHash::from_script(&script, LeafVersion::from_consensus(version).unwrap());
            leaves.push(leaf);
            leaf.into()
        }
    }
}

#[test]
fn script_pubkeys() {
    let file = json("bip-0341-wallet.json");
    let mut run = 0;
    for case in cases(&file, "scriptPubKey") {
        let (given, between, expected) = (&case["given"], &case["intermediary"], &case["expected"]);
        let internal = XOnlyPublicKey::from_slice(&bytes(&given["internalPubkey"])).unwrap();
        let mut leaves = Vec::new();
        let root = Some(&given["scriptTree"])
            .filter(|t| !t.is_null())
            .map(|t| tree(t, &mut leaves));
        match root {
            None => assert!(between["merkleRoot"].is_null()),
            Some(root) => {
                assert_eq!(root.to_byte_array(), array(&between["merkleRoot"]));
                let hashes: Vec<_> = cases(between, "leafHashes").iter().map(array).collect();
                assert_eq!(
                    hashes,
                    leaves.iter().map(|l| l.to_byte_array()).collect::<Vec<_>>()
                );
            }
        }
        let tweak = taproot_tweak_hash(internal, root);
        assert_eq!(tweak, array(&between["tweak"]));
        // A key set's output key comes from the same tweak of its aggregate; here the internal key is given.
        let output = musig::XOnlyPublicKey::from_byte_array(internal.serialize())
            .unwrap()
            .add_tweak(&musig::Scalar::from_be_bytes(tweak).unwrap())
            .unwrap()
            .0;
        let output = XOnlyPublicKey::from_slice(&output.to_byte_array()).unwrap();
        assert_eq!(output.serialize(), array(&between["tweakedPubkey"]));
        let script =
            ScriptBuf::new_p2tr_tweaked(TweakedPublicKey::dangerous_assume_tweaked(output));
        assert_eq!(script.as_bytes(), bytes(&expected["scriptPubKey"]));
        let address = Address::from_script(&script, Network::Bitcoin).unwrap();
        assert_eq!(expected["bip350Address"], address.to_string());
        run += 1;
    }
    assert_eq!(run, 7);
}

#[test]
fn key_path_spending() {
    let file = json("bip-0341-wallet.json");
    let secp = Secp256k1::new();
    let mut run = 0;
    for case in cases(&file, "keyPathSpending") {
        let given = &case["given"];
        let tx: Transaction = deserialize(&bytes(&given["rawUnsignedTx"])).unwrap();
        let prevouts: Vec<_> = cases(given, "utxosSpent")
            .iter()
            .map(|utxo| TxOut {
                value: bitcoin::Amount::from_sat(utxo["amountSats"].as_u64().unwrap()),
                script_pubkey: ScriptBuf::from_bytes(bytes(&utxo["scriptPubKey"])),
            })
            .collect();
        let mut cache = SighashCache::new(&tx);
        for input in cases(case, "inputSpending") {
            let (given, between) = (&input["given"], &input["intermediary"]);
            let index = given["txinIndex"].as_u64().unwrap() as usize;
            let kind = given["hashType"].as_u64().unwrap() as u8;
            // The call of `TxGraph::sighashes`, which always asks for the default type.
            let message = cache
                .taproot_key_spend_signature_hash(
                    index,
                    &Prevouts::All(&prevouts),
                    TapSighashType::from_consensus_u8(kind).unwrap(),
                )
                .unwrap()
                .to_byte_array();
            assert_eq!(message, array(&between["sigHash"]));
            let secret = SecretKey::from_slice(&bytes(&given["internalPrivkey"])).unwrap();
            let (internal, parity) = secret.x_only_public_key(&secp);
            assert_eq!(internal.serialize(), array(&between["internalPubkey"]));
            let root = Some(&given["merkleRoot"])
                .filter(|root| !root.is_null())
                .map(|root| TapNodeHash::from_byte_array(array(root)));
            let tweak = taproot_tweak_hash(internal, root);
            assert_eq!(tweak, array(&between["tweak"]));
            let even = match parity {
                Parity::Even => secret,
                Parity::Odd => secret.negate(),
            };
            let tweaked = even
                .add_tweak(&Scalar::from_be_bytes(tweak).unwrap())
                .unwrap();
            assert_eq!(tweaked.secret_bytes(), array(&between["tweakedPrivkey"]));
            // The vectors' witnesses are signed with zeros for auxiliary randomness.
            let nonce = default_nonce(&tweaked, &[0; 32], &message);
            let signature = sign_with_nonce(&secp, &tweaked, &nonce, &message).unwrap();
            let mut witness = signature.serialize().to_vec();
            witness.extend((kind != 0).then_some(kind));
            assert_eq!(witness, bytes(&input["expected"]["witness"][0]));
            run += 1;
        }
    }
    assert_eq!(run, 7);
}
