//! Coins to begin with.

use bitcoin::{OutPoint, Script, TxOut};

use crate::block::COINBASE_MATURITY_BLOCKS;
use crate::{Chain, Error};

/// Mines until `script` owns `count` coins that the next block can spend: `count` blocks that pay to it and then as
/// many to `filler_script` as a coinbase needs to mature.
///
/// On a fresh chain each coin is 50 bitcoins up to block 149; the subsidy halves every 150 blocks.
pub fn mine_coins(
    chain: &mut dyn Chain,
    count: u32,
    script: &Script,
    filler_script: &Script,
) -> Result<Vec<(OutPoint, TxOut)>, Error> {
    let first = chain.height()?.saturating_add(1);
    chain.mine(count, script)?;
    let mut coins = Vec::new();
    for height in first..first.saturating_add(count) {
        let block = chain.block(height)?;
        let Some(coinbase) = block.txdata.first() else {
            continue;
        };
        let txid = coinbase.compute_txid();
        let owned = (0u32..)
            .zip(&coinbase.output)
            .filter(|(_, output)| *output.script_pubkey == *script);
        coins.extend(owned.map(|(vout, output)| (OutPoint { txid, vout }, output.clone())));
    }
    // Spendable in the next block at depth 100, which is 99 blocks on top of the last coin's.
    chain.mine(COINBASE_MATURITY_BLOCKS - 1, filler_script)?;
    Ok(coins)
}
