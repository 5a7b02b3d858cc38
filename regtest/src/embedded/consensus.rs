//! Consensus rules for one transaction that need no scripts to run.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Amount, Transaction, TxOut, Weight};

use super::refusal::Refusal;
use crate::block::COINBASE_MATURITY_BLOCKS;

/// An unspent output and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coin {
    pub(crate) output: TxOut,
    /// Height of its block; that of the next block while its transaction waits in the mempool.
    pub(crate) height: u32,
    pub(crate) coinbase: bool,
}

/// What can be said of a transaction without knowing any coin.
pub(crate) fn check_transaction(tx: &Transaction) -> Result<(), Refusal> {
    if tx.input.is_empty() {
        return Err(Refusal::new("bad-txns-vin-empty"));
    }
    if tx.output.is_empty() {
        return Err(Refusal::new("bad-txns-vout-empty"));
    }
    if Weight::from_non_witness_data_size(tx.base_size() as u64) > Weight::MAX_BLOCK {
        return Err(Refusal::new("bad-txns-oversize"));
    }
    check_output_values(tx)?;
    let distinct: BTreeSet<_> = tx.input.iter().map(|input| input.previous_output).collect();
    if distinct.len() != tx.input.len() {
        return Err(Refusal::new("bad-txns-inputs-duplicate"));
    }
    if tx.is_coinbase() {
        if !(2..=100).contains(&tx.input[0].script_sig.len()) {
            return Err(Refusal::new("bad-cb-length"));
        }
    } else if tx.input.iter().any(|input| input.previous_output.is_null()) {
        return Err(Refusal::new("bad-txns-prevout-null"));
    }
    Ok(())
}

fn check_output_values(tx: &Transaction) -> Result<(), Refusal> {
    let mut sum = Amount::ZERO;
    for output in &tx.output {
        // On the wire a value is a signed number.
        if output.value.to_sat() > i64::MAX as u64 {
            return Err(Refusal::new("bad-txns-vout-negative"));
        }
        if output.value > Amount::MAX_MONEY {
            return Err(Refusal::new("bad-txns-vout-toolarge"));
        }
        sum = sum
            .checked_add(output.value)
            .filter(|sum| *sum <= Amount::MAX_MONEY)
            .ok_or_else(|| Refusal::new("bad-txns-txouttotal-toolarge"))?;
    }
    Ok(())
}

/// Maturity and amounts, given the coin of each input in order; returns the fee.
pub(crate) fn check_inputs(
    tx: &Transaction,
    spent: &[Coin],
    spend_height: u32,
) -> Result<Amount, Refusal> {
    let mut value_in = Amount::ZERO;
    for coin in spent {
        let depth = spend_height.saturating_sub(coin.height);
        if coin.coinbase && depth < COINBASE_MATURITY_BLOCKS {
            let reason = format!(
                "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth {depth}"
            );
            return Err(Refusal::new(reason));
        }
        value_in = value_in
            .checked_add(coin.output.value)
            .filter(|sum| *sum <= Amount::MAX_MONEY)
            .ok_or_else(|| Refusal::new("bad-txns-inputvalues-outofrange"))?;
    }
    let value_out = tx
        .output
        .iter()
        .try_fold(Amount::ZERO, |sum, output| sum.checked_add(output.value));
    value_out
        .and_then(|value_out| value_in.checked_sub(value_out))
        .ok_or_else(|| {
            let value_out: u128 = tx
                .output
                .iter()
                .map(|output| u128::from(output.value.to_sat()))
                .sum();
            Refusal::new(format!(
                "bad-txns-in-belowout, value in ({} sat) < value out ({value_out} sat)",
                value_in.to_sat()
            ))
        })
}

/// Signature operations, weighted as the block limit counts them.
pub(crate) fn sigop_cost(tx: &Transaction, spent: &[Coin]) -> u64 {
    let coins: BTreeMap<_, _> = tx
        .input
        .iter()
        .map(|input| input.previous_output)
        .zip(spent)
        .collect();
    let cost = tx.total_sigop_cost(|outpoint| coins.get(outpoint).map(|coin| coin.output.clone()));
    u64::try_from(cost).unwrap_or(u64::MAX)
}
