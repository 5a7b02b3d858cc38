//! What an arbiter offers on chain, and what it locks for that.

use narthex::{
    bitcoin::{Amount, FeeRate},
    contracts::panel::{OfferRole, OfferTerms},
    game_model::{Params, Template, schedule::stake_unlock_height},
};

use super::due::Wanted;
use crate::party::{ArbiterPolicy, Policy};

/// An arbiter's offer on chain, as its operator wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BondPolicy {
    /// What is locked for each.
    pub amount: Amount,
    /// Blocks from the tip at which it is made to its end.
    pub blocks: u32,
    /// Blocks from a delivery that is due until the stake is free, at most: what it offers, and with that how long before the end of one offer
    /// the next is made.
    pub longest_lock: u32,
    /// The stake that is offered, exactly.
    pub stake: Amount,
    /// Fee rate that its transactions begin with.
    pub rate: FeeRate,
}

impl BondPolicy {
    /// Blocks of an offer that says nothing else: half a year.
    pub const BLOCKS: u32 = 26_280;
    /// Blocks of the longest lock of one that says nothing else: thirty days.
    pub const LONGEST_LOCK: u32 = 4_320;

    /// Within which terms it offers to judge.
    pub(super) fn terms(&self, bounds: &ArbiterPolicy) -> OfferTerms {
        let ArbiterPolicy {
            min_retainer,
            max_cases,
            max_evidence_bytes,
            max_blob_bytes,
            max_step_fuel,
        } = *bounds;
        let is_paid = min_retainer > Amount::ZERO;
        OfferTerms {
            min_retainer_sat: min_retainer,
            max_cases,
            max_evidence_bytes,
            // Nobody offers to keep things for nothing.
            max_blob_bytes: if is_paid { max_blob_bytes } else { 0 },
            max_step_fuel,
            max_dispute_blocks: self.longest_lock,
            ..OfferTerms::undemanding(OfferRole::Arbiter, Template::Hardened, self.stake)
        }
    }
}

impl Policy {
    /// Blocks before the end of an offer in which the next is made: a contract whose delivery is due then may lock a stake for as long as is
    /// offered and must be over, r blocks deep, before the end (`LedgerRow::Bonds`); and the next needs 2b until it is in a block.
    pub(super) fn bond_margin(&self, bond: &BondPolicy) -> u32 {
        let confirm = u32::from(self.confirm).saturating_mul(2);
        let most = bond.longest_lock.saturating_add(self.reorg());
        most.saturating_add(confirm)
    }

    /// r: blocks that a reorganisation may undo.
    pub(in crate::party) fn reorg(&self) -> u32 {
        self.pace.map_or(1, |pace| pace.reorg.into())
    }

    /// Whether what is wanted on chain can be.
    ///
    /// # Errors
    /// In words; the operator's fault.
    pub fn check_bond(&self) -> Result<(), String> {
        let Some(bond) = &self.bond else {
            return Ok(());
        };
        let terms = bond.terms(&self.arbiter);
        terms.check().map_err(|error| error.to_string())?;
        let least = self.bond_margin(bond).saturating_mul(2);
        if bond.blocks < least {
            return Err(format!(
                "an offer of {} blocks (bond-blocks) cannot be renewed in time: with a longest lock of {} (bond-longest-lock) at least {least}",
                bond.blocks, bond.longest_lock
            ));
        }
        // A tenth of it may go to miners, each time that it rolls over or comes back.
        if bond.amount < LEAST_BOND || bond.amount > Amount::MAX_MONEY {
            let asked = bond.amount;
            return Err(format!("a bond of {asked}; at least {LEAST_BOND}"));
        }
        Ok(())
    }

    /// What is wanted of offers.
    pub(super) fn wanted(&self, is_burned: bool, is_draining: bool) -> Wanted {
        match &self.bond {
            Some(bond) if !is_burned && !is_draining => Wanted::Offers {
                amount: bond.amount,
                blocks: bond.blocks,
                margin: self.bond_margin(bond),
            },
            Some(_) if !is_burned => Wanted::Later,
            _ => Wanted::Nothing,
        }
    }
}

/// Least bond that can pay for its own transactions at any usual rate.
const LEAST_BOND: Amount = Amount::from_sat(20_000);

/// Whether an offer that ends there covers a contract: its bond is locked until the stake is free, and r blocks on that. The row of the
/// ledger is `LedgerRow::Bonds`.
pub(super) fn covers(end: u32, params: &Params, reorg: u32) -> bool {
    end > stake_unlock_height(params).saturating_add(reorg)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use narthex::game_model::{ParamsRecord, schedule::Pace};

    #[test]
    fn a_contract_is_covered_to_the_block() {
        let params = Params::new(ParamsRecord::example(3, 2, 1_000)).unwrap();
        let free = stake_unlock_height(&params);
        assert!(!covers(free + 6, &params, 6));
        assert!(covers(free + 7, &params, 6));
    }

    #[test]
    fn what_cannot_be_renewed_is_refused() {
        let bond = BondPolicy {
            amount: Amount::from_sat(50_000),
            blocks: 2 * (100 + 6 + 12),
            longest_lock: 100,
            stake: Amount::from_sat(10_000),
            rate: FeeRate::from_sat_per_kwu(500),
        };
        let with = |bond| {
            let bond = Some(bond);
            let policy = Policy {
                bond,
                ..Policy::default()
            };
            policy.paced(Pace::MAINNET).check_bond()
        };
        with(bond).unwrap();
        let blocks = bond.blocks - 1;
        let short = with(BondPolicy { blocks, ..bond }).unwrap_err();
        assert!(short.contains("at least 236"), "{short}");
        let amount = Amount::from_sat(19_999);
        with(BondPolicy { amount, ..bond }).unwrap_err();
        // Without a retainer it offers to keep nothing.
        let free = bond.terms(&ArbiterPolicy::default());
        assert_eq!((free.max_blob_bytes, free.check()), (0, Ok(())));
    }
}
