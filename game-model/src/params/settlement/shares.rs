//! Moving deposits between parties, and the rounding and dust rules at the end.

use bitcoin_units::Amount;

use super::{Outcome, Payout};
use crate::arbiters::ArbiterSet;
use crate::params::Params;

/// Shares before the dust rule, with what flooring left over kept apart.
pub(super) struct Shares {
    pub(super) client: Amount,
    pub(super) worker: Amount,
    pub(super) verifier: Amount,
    pub(super) arbiters: Vec<Amount>,
    pub(super) fund: Amount,
    pub(super) rounding: Amount,
}

impl Shares {
    /// Everyone's deposit back and nothing changed yet; the stakes only where they are spent.
    pub(super) fn deposits(params: &Params, outcome: Outcome) -> Option<Self> {
        let stake = params.arbiter_stake().checked_add(params.retainer())?;
        let spent = if outcome.spends_stakes() {
            usize::from(params.arbiters())
        } else {
            0
        };
        Some(Self {
            client: params.client_deposit(),
            worker: params.worker_stake(),
            verifier: params.verifier_stake(),
            arbiters: vec![stake; spent],
            fund: Amount::ZERO,
            rounding: Amount::ZERO,
        })
    }

    pub(super) fn with_dust_rule(mut self, dust_limit: Amount) -> Option<Payout> {
        let heir = if self.client > Amount::ZERO {
            &mut self.client
        } else {
            &mut self.worker
        };
        *heir = heir.checked_add(self.rounding)?;
        if self.fund > Amount::ZERO && self.fund < dust_limit {
            let heir = [&mut self.client, &mut self.worker, &mut self.verifier]
                .into_iter()
                .find(|share| **share > Amount::ZERO)?;
            *heir = heir.checked_add(self.fund)?;
            self.fund = Amount::ZERO;
        }
        Some(Payout {
            client: self.client,
            worker: self.worker,
            verifier: self.verifier,
            arbiters: self.arbiters,
            fund: self.fund,
        })
    }

    /// Splits `pot` evenly over `majority`; what does not divide is rounding.
    pub(super) fn split(&mut self, majority: ArbiterSet, pot: Amount) -> Option<()> {
        let size = u64::from(majority.len());
        let (each, rest) = (pot.checked_div(size)?, pot.checked_rem(size)?);
        for index in majority.iter() {
            let share = self.arbiters.get_mut(index)?;
            *share = share.checked_add(each)?;
        }
        self.rounding = self.rounding.checked_add(rest)?;
        Some(())
    }

    /// Moves `penalty` from each arbiter in `set` to the fund.
    pub(super) fn slash(&mut self, set: ArbiterSet, penalty: Amount) -> Option<()> {
        for index in set.iter() {
            let share = self.arbiters.get_mut(index)?;
            *share = share.checked_sub(penalty)?;
            self.fund = self.fund.checked_add(penalty)?;
        }
        Some(())
    }
}

/// Moves `amount` from one share to another; `None` if the giver does not hold it.
pub(super) fn transfer(from: &mut Amount, to: &mut Amount, amount: Amount) -> Option<()> {
    *from = from.checked_sub(amount)?;
    *to = to.checked_add(amount)?;
    Some(())
}
