//! Published vectors of BIP327, BIP340 and BIP341 against the code that the contracts run. Where they come from,
//! and which do not apply, is in `tests/vectors/README.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bip327_keys;
mod bip327_nonces;
mod bip327_signing;
mod bip340;
mod bip341;

use bitcoin::{
    hashes::{Hash, HashEngine, sha256},
    hex::FromHex,
    secp256k1::PublicKey,
};
use serde_json::Value;

use super::KeySet;
pub(super) use super::tests::nth;
use crate::party::PartyName;

fn read(file: &str) -> String {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn json(file: &str) -> Value {
    serde_json::from_str(&read(file)).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    Vec::from_hex(value.as_str().unwrap()).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

/// The cases of a list; a list that is missing fails.
fn cases<'v>(value: &'v Value, list: &str) -> &'v [Value] {
    value[list].as_array().expect(list)
}

/// The values of `list` that a case names by their positions in `indices`.
fn pick<'v>(file: &'v Value, list: &str, case: &Value, indices: &str) -> Vec<&'v Value> {
    cases(case, indices)
        .iter()
        .map(|i| &cases(file, list)[i.as_u64().unwrap() as usize])
        .collect()
}

/// Signers as the contracts name them, in the order of the vector. `Err` is the position of the first key that
/// is none.
fn signers(keys: &[&Value]) -> Result<Vec<(PartyName, PublicKey)>, usize> {
    keys.iter()
        .enumerate()
        .map(|(i, key)| {
            let key = PublicKey::from_slice(&bytes(key)).map_err(|_| i)?;
            Ok((nth(i), key))
        })
        .collect()
}

/// Applies a case's tweaks in order.
fn tweak(keys: &mut KeySet, file: &Value, case: &Value) -> Result<(), super::KeySetError> {
    let kinds = cases(case, "is_xonly").iter();
    for (tweak, x_only) in pick(file, "tweaks", case, "tweak_indices")
        .into_iter()
        .zip(kinds)
    {
        match x_only.as_bool().unwrap() {
            true => keys.tweak_x_only(array(tweak))?,
            false => keys.tweak_plain(array(tweak))?,
        }
    }
    Ok(())
}

/// The tagged hash of BIP340, written down once more so that the code is not checked against itself.
fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag.as_bytes());
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_ref());
    engine.input(tag.as_ref());
    parts.iter().for_each(|part| engine.input(part));
    sha256::Hash::from_engine(engine).to_byte_array()
}
