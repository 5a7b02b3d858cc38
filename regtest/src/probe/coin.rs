//! A coin to ask with: one that nobody can spend without a signature or a secret.

use bitcoin::{FeeRate, OutPoint, Script, Transaction, TxOut};

use super::{ProbeError, pair::Pair};
use crate::{COINBASE_MATURITY_BLOCKS, ChainSource, Error};

/// Blocks that are searched, newest first: more than it takes for regtest's coinbases to be of use.
const SEARCHED_BLOCKS: u32 = 2 * COINBASE_MATURITY_BLOCKS;
/// Outputs that the node is asked about: of young ones, one in a few is unspent.
const MOST_QUESTIONS: u32 = 500;

/// The own coin if it serves, else one of the last blocks.
pub(super) fn find<C: ChainSource + ?Sized>(
    chain: &mut C,
    rate: FeeRate,
    own: Option<(OutPoint, TxOut)>,
) -> Result<(OutPoint, TxOut), ProbeError> {
    if let Some((outpoint, output)) = own
        && serves(&output, rate)
        && is_free(chain, outpoint)?
        && is_ripe(chain, outpoint)?
    {
        return Ok((outpoint, output));
    }
    let tip = chain.height()?;
    let first = tip.saturating_sub(SEARCHED_BLOCKS - 1);
    let mut questions = 0;
    for height in (first..=tip).rev() {
        for tx in chain.block(height)?.txdata {
            // One that is spent too early would be refused for that.
            let depth = (tip - height).saturating_add(1);
            if tx.is_coinbase() && depth < COINBASE_MATURITY_BLOCKS {
                continue;
            }
            let txid = tx.compute_txid();
            for (vout, output) in (0u32..).zip(tx.output) {
                if !serves(&output, rate) || questions >= MOST_QUESTIONS {
                    continue;
                }
                questions += 1;
                let outpoint = OutPoint { txid, vout };
                if is_free(chain, outpoint)? {
                    return Ok((outpoint, output));
                }
            }
        }
    }
    let searched = tip - first + 1;
    Err(ProbeError::NoCoin { searched })
}

/// Whether an empty input cannot spend it, on any chain and by anybody, and it pays for the pair.
fn serves(output: &TxOut, rate: FeeRate) -> bool {
    let script: &Script = &output.script_pubkey;
    let needs_a_key =
        script.is_p2tr() || script.is_p2wpkh() || script.is_p2wsh() || script.is_p2pkh();
    needs_a_key && output.value >= Pair::least(script, rate)
}

/// Whether it is no coinbase, or one that the next block may spend.
fn is_ripe<C: ChainSource + ?Sized>(chain: &mut C, outpoint: OutPoint) -> Result<bool, Error> {
    let Some((_, height)) = chain.utxo(outpoint)? else {
        return Ok(false);
    };
    let depth = chain.height()?.saturating_sub(height).saturating_add(1);
    if depth >= COINBASE_MATURITY_BLOCKS {
        return Ok(true);
    }
    let block = chain.block(height)?;
    let coinbase = block.txdata.first().map(Transaction::compute_txid);
    Ok(coinbase != Some(outpoint.txid))
}

/// Whether nothing spends it, on the chain or waiting: a second spend would be refused as a replacement.
fn is_free<C: ChainSource + ?Sized>(chain: &mut C, outpoint: OutPoint) -> Result<bool, Error> {
    Ok(chain.utxo(outpoint)?.is_some() && chain.waiting_spender(outpoint)?.is_none())
}
