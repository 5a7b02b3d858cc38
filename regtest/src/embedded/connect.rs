//! Consensus rules for a block on the tip, in the order in which Bitcoin Core checks them.

use std::collections::HashMap;

use bitcoin::block::Header;
use bitcoin::hashes::Hash;
use bitcoin::script::Builder;
use bitcoin::{Amount, Block, CompactTarget, OutPoint, Weight};

use super::consensus::{Coin, check_inputs, check_transaction, sigop_cost};
use super::locktime::is_final;
use super::refusal::Refusal;
use super::script;
use super::state::{State, new_coins};
use crate::block::{REGTEST_BITS, subsidy};

/// Signature operations in one block, weighted.
pub(crate) const MAX_BLOCK_SIGOPS_COST: u64 = 80_000;

/// Checks everything and returns the coins that the block spends, in order.
pub(crate) fn check_block(state: &State, block: &Block) -> Result<Vec<(OutPoint, Coin)>, Refusal> {
    check_alone(block)?;
    check_header(state, &block.header)?;
    check_in_context(state, block)?;
    check_spends(state, block)
}

fn refuse<T>(reason: &str) -> Result<T, Refusal> {
    Err(Refusal::new(reason))
}

/// What can be said without the chain.
fn check_alone(block: &Block) -> Result<(), Refusal> {
    if block.header.validate_pow(block.header.target()).is_err() {
        return refuse("high-hash");
    }
    if !block.check_merkle_root() {
        return refuse("bad-txnmrklroot");
    }
    if has_duplicated_tail(block) {
        return refuse("bad-txns-duplicate");
    }
    let base_size = 80
        + block
            .txdata
            .iter()
            .map(bitcoin::Transaction::base_size)
            .sum::<usize>() as u64;
    if block.txdata.is_empty() || Weight::from_non_witness_data_size(base_size) > Weight::MAX_BLOCK
    {
        return refuse("bad-blk-length");
    }
    if !block.txdata[0].is_coinbase() {
        return refuse("bad-cb-missing");
    }
    if block
        .txdata
        .iter()
        .skip(1)
        .any(bitcoin::Transaction::is_coinbase)
    {
        return refuse("bad-cb-multiple");
    }
    block.txdata.iter().try_for_each(check_transaction)?;
    let legacy_sigops: u64 = block.txdata.iter().map(|tx| sigop_cost(tx, &[])).sum();
    if legacy_sigops > MAX_BLOCK_SIGOPS_COST {
        return refuse("bad-blk-sigops");
    }
    Ok(())
}

/// Whether the merkle root would be the same with the last transactions left out (CVE-2012-2459).
fn has_duplicated_tail(block: &Block) -> bool {
    let mut level: Vec<_> = block
        .txdata
        .iter()
        .map(|tx| tx.compute_txid().to_raw_hash())
        .collect();
    while level.len() > 1 {
        if level.chunks_exact(2).any(|pair| pair[0] == pair[1]) {
            return true;
        }
        level = level.chunks(2).map(parent_hash).collect();
    }
    false
}

fn parent_hash(pair: &[bitcoin::hashes::sha256d::Hash]) -> bitcoin::hashes::sha256d::Hash {
    let (left, right) = (pair[0], pair.get(1).copied().unwrap_or(pair[0]));
    bitcoin::hashes::sha256d::Hash::hash(&[left.to_byte_array(), right.to_byte_array()].concat())
}

fn check_header(state: &State, header: &Header) -> Result<(), Refusal> {
    if Some(header.prev_blockhash) != state.hash(state.height()) {
        return refuse("prev-blk-not-found");
    }
    if header.bits != CompactTarget::from_consensus(REGTEST_BITS) {
        return refuse("bad-diffbits");
    }
    if header.time <= state.median_time_past(state.height()) {
        return refuse("time-too-old");
    }
    // BIP34, BIP66 and BIP65 each ended a version; on regtest all three are active from block 1.
    let version = header.version.to_consensus();
    if version < 4 {
        return Err(Refusal::new(format!("bad-version(0x{version:08x})")));
    }
    Ok(())
}

fn check_in_context(state: &State, block: &Block) -> Result<(), Refusal> {
    let context = state.next_lock_context();
    if !block.txdata.iter().all(|tx| is_final(tx, context)) {
        return refuse("bad-txns-nonfinal");
    }
    let coinbase = &block.txdata[0];
    let height_push = Builder::new()
        .push_int(i64::from(context.height))
        .into_script();
    if !coinbase.input[0]
        .script_sig
        .as_bytes()
        .starts_with(height_push.as_bytes())
    {
        return refuse("bad-cb-height");
    }
    check_witness_commitment(block)?;
    if block.weight() > Weight::MAX_BLOCK {
        return refuse("bad-blk-weight");
    }
    Ok(())
}

fn check_witness_commitment(block: &Block) -> Result<(), Refusal> {
    const MAGIC: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
    let coinbase = &block.txdata[0];
    let commits = |script: &[u8]| script.len() >= 38 && script.starts_with(&MAGIC);
    if !coinbase
        .output
        .iter()
        .any(|output| commits(output.script_pubkey.as_bytes()))
    {
        let any_witness = block
            .txdata
            .iter()
            .any(|tx| tx.input.iter().any(|input| !input.witness.is_empty()));
        return if any_witness {
            refuse("unexpected-witness")
        } else {
            Ok(())
        };
    }
    let reserved = &coinbase.input[0].witness;
    if reserved.len() != 1 || reserved.last().is_none_or(|value| value.len() != 32) {
        return refuse("bad-witness-nonce-size");
    }
    if !block.check_witness_commitment() {
        return refuse("bad-witness-merkle-match");
    }
    Ok(())
}

/// Coins, amounts, relative locks, signature operations and scripts.
fn check_spends(state: &State, block: &Block) -> Result<Vec<(OutPoint, Coin)>, Refusal> {
    let context = state.next_lock_context();
    // BIP30: no transaction may shadow outputs of the same id that are still unspent.
    if block
        .txdata
        .iter()
        .any(|tx| state.has_unspent_output_of(tx.compute_txid(), tx.output.len()))
    {
        return refuse("bad-txns-BIP30");
    }
    let mut created: HashMap<OutPoint, Coin> = HashMap::new();
    let mut spent: Vec<(OutPoint, Coin)> = Vec::new();
    let mut gone: std::collections::HashSet<OutPoint> = std::collections::HashSet::new();
    let mut fees = Amount::ZERO;
    let mut sigops = 0u64;
    for tx in &block.txdata {
        let mut coins = Vec::new();
        if !tx.is_coinbase() {
            for input in &tx.input {
                let outpoint = input.previous_output;
                let coin = created.get(&outpoint).or_else(|| state.coin(&outpoint));
                let coin = coin
                    .filter(|_| gone.insert(outpoint))
                    .ok_or_else(Refusal::missing_inputs)?;
                coins.push(coin.clone());
            }
            let fee = check_inputs(tx, &coins, context.height)?;
            fees = fees
                .checked_add(fee)
                .filter(|fees| *fees <= Amount::MAX_MONEY)
                .ok_or_else(|| Refusal::new("bad-txns-accumulated-fee-outofrange"))?;
            if !state.lock_points(tx, &coins).allow(context) {
                return refuse("bad-txns-nonfinal");
            }
        }
        sigops = sigops.saturating_add(sigop_cost(tx, &coins));
        if sigops > MAX_BLOCK_SIGOPS_COST {
            return refuse("bad-blk-sigops");
        }
        if !tx.is_coinbase() {
            script::verify(tx, &coins).map_err(|input| {
                let txid = tx.compute_txid();
                Refusal::new(format!(
                    "block-script-verify-flag-failed (input {input} of {txid})"
                ))
            })?;
        }
        spent.extend(
            tx.input
                .iter()
                .map(|input| input.previous_output)
                .zip(coins),
        );
        created.extend(new_coins(tx, tx.compute_txid(), context.height));
    }
    check_reward(block, fees, context.height)?;
    Ok(spent)
}

fn check_reward(block: &Block, fees: Amount, height: u32) -> Result<(), Refusal> {
    let claimed = block.txdata[0]
        .output
        .iter()
        .try_fold(Amount::ZERO, |sum, output| sum.checked_add(output.value));
    let allowed = subsidy(height).checked_add(fees);
    match claimed.zip(allowed) {
        Some((claimed, allowed)) if claimed <= allowed => Ok(()),
        _ => refuse("bad-cb-amount"),
    }
}
