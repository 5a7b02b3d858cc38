//! The bond behind rulings: which one an arbiter names when it takes part, and what another party's chain has of it.

use narthex::{
    bitcoin::Amount,
    bond::{StatusError, verify},
    channel::offer::{Accept, Offer},
    contracts::bond::{BondFault, Certificate},
    regtest::ChainSource,
};

use super::covers;
use crate::party::Core;

impl Core {
    /// The bond that this arbiter puts behind its rulings in a contract: of the offer on chain that ends last, if it covers the contract and lies as
    /// deep as the contract's funding is to. `None` where none does and none is wanted.
    ///
    /// # Errors
    /// In words: one is wanted, and there is none, or it is too small. Nobody's fault.
    pub(in crate::party) fn bond_behind(
        &self,
        offer: &Offer,
    ) -> Result<Option<Certificate>, String> {
        let tip = self.tip.unwrap_or_default();
        let burial = offer.timing.burial;
        let fits = |bond: &Certificate| {
            let claim = bond.claim();
            let depth = tip.saturating_add(1).saturating_sub(claim.confirmed_height);
            depth >= burial && claim.value >= offer.bond
        };
        let end = self.standing_end(tip);
        let end = end.filter(|end| covers(*end, &offer.params, self.policy.reorg()));
        match end.and_then(|end| self.certificate(end)).filter(fits) {
            None if offer.bond > Amount::ZERO => Err(format!(
                "a bond of {} is wanted behind an arbiter's rulings, {burial} blocks deep; this one has none that lasts as long as the contract may",
                offer.bond
            )),
            bond => Ok(bond),
        }
    }
}

/// What is wrong with an arbiter's bond by this party's own chain. What cannot be seen yet is none: a bond in a block that this chain does not have.
pub(in crate::party) enum Unseen {
    /// The arbiter's fault, in words.
    Missing(String),
    /// It is looked at again.
    NotYet(String),
}

/// Whether the bond that an arbiter has named is on the chain as it says, deep enough, and locked long enough at this party's pace.
pub(in crate::party) fn seen_behind(
    accept: &Accept,
    (offer, reorg): (&Offer, u32),
    chain: &mut dyn ChainSource,
) -> Result<(), Unseen> {
    let (Some(bond), Some(end)) = (&accept.bond, accept.bonded_until()) else {
        return Ok(());
    };
    let claim = bond.claim();
    let outpoint = claim.outpoint;
    if !covers(end, &offer.params, reorg) {
        let words = format!(
            "its bond {outpoint} is free at {end}, within {reorg} blocks of the last stake"
        );
        return Err(Unseen::Missing(words));
    }
    match verify(chain, claim, offer.timing.burial) {
        Ok(_) => Ok(()),
        Err(StatusError::Fault(fault @ BondFault::AboveTip { .. })) => {
            Err(Unseen::NotYet(format!("the bond {outpoint}: {fault}")))
        }
        Err(StatusError::Fault(fault)) => {
            Err(Unseen::Missing(format!("its bond {outpoint}: {fault}")))
        }
        Err(StatusError::Chain(error)) => Err(Unseen::NotYet(error.to_string())),
    }
}
