//! A child that pays for what was signed before, and the signature on its coins.

use bdk_wallet::bitcoin::{
    Amount, Psbt, ScriptBuf, TapSighashType, Transaction,
    hashes::Hash,
    secp256k1::{Keypair, Message, Secp256k1},
    sighash::{Prevouts, SighashCache},
    taproot,
};
use narthex_contracts::{
    funding::{Child, ChildError, FeeCoin},
    terms::FeeRate,
};

use super::WalletError;

/// What a child is to pay for, and how.
pub struct ChildRequest<'a> {
    /// The pre-signed transaction.
    pub parent: &'a Transaction,
    /// Coins that it must spend; others are added if these do not suffice.
    pub coins: Vec<FeeCoin>,
    /// A data output to carry.
    pub data: Option<ScriptBuf>,
    /// Fee rate of parent and child together, checked by itself: see [`Child::fees`].
    pub rate: FeeRate,
    /// Least fee, for replacing another child.
    pub least_fee: Amount,
}

/// A child with as many of these coins as it needs, signed by whoever has them.
pub(crate) fn signed_child(
    request: &ChildRequest<'_>,
    (spare, change): (&[FeeCoin], ScriptBuf),
    sign: &mut dyn FnMut(&mut Psbt) -> Result<(), WalletError>,
) -> Result<Transaction, WalletError> {
    let mut spare = spare.iter();
    let mut coins: Vec<FeeCoin> = request.coins.clone();
    loop {
        let child = Child {
            parent: request.parent,
            coins: coins.clone(),
            change: change.clone(),
            data: request.data.clone(),
            fees: request.rate.into(),
            least_fee: request.least_fee,
        };
        match (child.psbt(), spare.next()) {
            (Ok(mut psbt), _) => {
                sign(&mut psbt)?;
                // It pays its parent's fee too: the usual bound on a transaction's own rate says nothing.
                return Ok(psbt.extract_tx_unchecked_fee_rate());
            }
            (Err(ChildError::Short { .. } | ChildError::Coins), Some(coin)) => {
                coins.push(coin.clone());
            }
            (Err(e), _) => return Err(e.into()),
        }
    }
}

/// A key-path signature. Without auxiliary randomness, as BIP340 allows: the same seed makes the same transactions,
/// witnesses included, so that block hashes repeat as well.
pub(crate) fn key_signature(
    psbt: &Psbt,
    index: usize,
    keypair: &Keypair,
) -> Result<taproot::Signature, String> {
    let named = psbt.inputs.get(index).and_then(|input| input.sighash_type);
    let sighash_type = named.map_or(Ok(TapSighashType::Default), |t| t.taproot_hash_ty());
    let sighash_type = sighash_type.map_err(|e| e.to_string())?;
    let prevouts = (0..psbt.inputs.len())
        .map(|i| psbt.spend_utxo(i))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| e.to_string())?;
    let hash = SighashCache::new(&psbt.unsigned_tx)
        .taproot_key_spend_signature_hash(index, &Prevouts::All(&prevouts), sighash_type)
        .map_err(|e| e.to_string())?;
    let message = Message::from_digest(hash.to_byte_array());
    Ok(taproot::Signature {
        signature: Secp256k1::new().sign_schnorr_no_aux_rand(&message, keypair),
        sighash_type,
    })
}
