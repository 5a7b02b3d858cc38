//! An arbiter's stake, which nobody's transaction gives back: it takes it itself, once no story of the contract can need it.

use bitcoin::OutPoint;
use narthex_contracts::{
    template::{reclaim_stake, stake_output, stake_unlock_height},
    terms::Role,
};
use narthex_regtest::NodeAccess;

use super::{LifeError, LifeSigner, Publisher};

/// What is known of an arbiter's stake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stake {
    /// It is not asked for before the contract is settled, nor before its locks are over.
    #[default]
    Locked,
    /// A block has what spent it, the owner's transaction or an appeal. A reorganisation may take that back.
    Spent {
        /// Height of the tip when that was seen.
        seen: u32,
    },
}

/// Whose stake it is, and where.
fn own(signer: &LifeSigner<'_>) -> Option<(u8, OutPoint)> {
    let Role::Arbiter(arbiter) = signer.role() else {
        return None;
    };
    let graph = signer.signatures().graph();
    let (outpoint, _) = stake_output(signer.terms(), graph, arbiter)?;
    Some((arbiter, outpoint))
}

/// First height at which a block may hold an arbiter's own transaction for its stake, if the funding confirmed at this one.
pub(super) fn earliest(signer: &LifeSigner<'_>, funded: u32) -> u32 {
    let params = signer.terms().params();
    let after_funding = funded.saturating_add(params.stake_lock_blocks().into());
    stake_unlock_height(params)
        .saturating_add(1)
        .max(after_funding)
}

/// An arbiter takes its stake back, if it is there, free, and nothing that spends it waits.
///
/// # Errors
/// [`LifeError`]; the chain's refusal too. It is tried again with the next block.
pub(super) fn take_back(
    chain: &mut dyn NodeAccess,
    (signer, publisher): (&LifeSigner<'_>, &mut Publisher<'_>),
) -> Result<(Stake, bool), LifeError> {
    let Some((arbiter, outpoint)) = own(signer) else {
        return Ok((Stake::Locked, false));
    };
    let tip = chain.height()?;
    let Some((_, funded)) = chain.utxo(outpoint)? else {
        let is_spent = signer.sight().is_spent(outpoint);
        let spent = Stake::Spent { seen: tip };
        return Ok((if is_spent { spent } else { Stake::Locked }, false));
    };
    if tip.saturating_add(1) < earliest(signer, funded)
        || chain.waiting_spender(outpoint)?.is_some()
    {
        return Ok((Stake::Locked, false));
    }
    let (terms, graph) = (signer.terms(), signer.signatures().graph());
    let destination = publisher.purse.wallet().fresh_script();
    let rate = publisher.bumper.rate;
    let tx = reclaim_stake(terms, graph, arbiter, &signer.own.key, destination, rate)?;
    chain.submit(&tx)?;
    Ok((Stake::Locked, true))
}
