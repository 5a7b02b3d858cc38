//! Where the chain has a bank's coin.

use narthex_channel::bank::Coin;
use narthex_contracts::{bank::Bank, depth::Depth};
use narthex_regtest::{ChainSource, OutputStatus, Spender};

use crate::harness::ScenarioError;

/// Where the chain says that a bank's coin is, to a party that asks for this depth.
pub(super) fn coin_of(
    bank: &Bank,
    chain: &mut dyn ChainSource,
    depth: Depth,
) -> Result<Coin, ScenarioError> {
    let ((banked, _), (force_closed, _)) = (bank.coin(false)?, bank.coin(true)?);
    let gone = match chain.output_status(banked)? {
        OutputStatus::Unspent { height, .. } => {
            let is_deep = depth.is_reached(height, chain.height()?);
            return Ok(Coin::Banked { is_deep });
        }
        OutputStatus::Spent { .. } => Coin::Spent,
        OutputStatus::Missing | OutputStatus::Waiting { .. } => Coin::Unfunded,
    };
    Ok(match chain.output_status(force_closed)? {
        OutputStatus::Unspent { height, .. } => Coin::ForceClosed { height },
        _ => gone,
    })
}

/// What spends a bank's coin and is no force close, or spends the force-closed coin.
pub(super) fn ending_of(
    bank: &Bank,
    chain: &mut dyn ChainSource,
) -> Result<Option<Spender>, ScenarioError> {
    let ((banked, _), (force_closed, _)) = (bank.coin(false)?, bank.coin(true)?);
    let spent = chain.spender(banked)?;
    // A force close ends nothing; what spends the force-closed coin does.
    match spent.as_ref().map(|by| by.tx.compute_txid()) == Some(force_closed.txid) {
        true => Ok(chain.spender(force_closed)?),
        false => Ok(spent),
    }
}
