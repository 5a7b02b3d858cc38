//! The bonds behind an arbiter's rulings: what a party can say of one without looking at the chain.

use bitcoin::{Amount, absolute::LockTime, key::XOnlyPublicKey, secp256k1::PublicKey};
use narthex_base::context::verifying;
use narthex_contracts::{
    bond::{BondFault, BondScript, Certificate, Claim},
    terms::Role,
};
use narthex_game_model::schedule::stake_unlock_height;

use super::{Accept, Offer};

/// Why a bond is not behind an arbiter's rulings. The fault of whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unbonded {
    /// The offer wants one, and there is none.
    #[error(
        "the offer wants a bond of {wanted} behind the rulings of an arbiter, and there is none"
    )]
    None {
        /// What it wants.
        wanted: Amount,
    },
    /// Of who rules on nothing.
    #[error("a bond of one that is no arbiter")]
    NoArbiter,
    /// It holds less.
    #[error("a bond of {found}; the offer wants {wanted}")]
    Small {
        /// What it holds, as it says.
        found: Amount,
        /// What the offer wants.
        wanted: Amount,
    },
    /// It stands for another node.
    #[error("the bond stands for the key {found}, which is not that of its node")]
    OtherNode {
        /// For whose key.
        found: XOnlyPublicKey,
    },
    /// It is none of an offer on chain: those have one leaf, locked to a height, and a key path that nobody has.
    #[error("the bond is locked otherwise than the bonds of offers are")]
    Form,
    /// The arbiter may have it back while the contract can still be disputed.
    #[error(
        "the bond is free at height {end}; a stake of the contract may be locked until {unlock}"
    )]
    Early {
        /// End of the bond.
        end: u32,
        /// Height at which the last stake is free.
        unlock: u32,
    },
    /// It is the node's own key, which it uses for all else.
    #[error(
        "the bond is owned by the key of its node: a ruling under it would be none of this bond alone"
    )]
    NodeKey,
    /// It is behind another seat of the panel.
    #[error("the same bond is behind another seat")]
    Twice,
    /// It is not signed by its key, or could never count.
    #[error(transparent)]
    Fault(#[from] BondFault),
}

/// Who owns a bond as offers have them, and the height from which on it can be spent.
fn lock_of(claim: &Claim) -> Option<(XOnlyPublicKey, u32)> {
    let BondScript::Taproot {
        internal: None,
        owner,
        lock,
    } = claim.script
    else {
        return None;
    };
    match lock.lock_time() {
        LockTime::Blocks(end) => Some((owner, end.to_consensus_u32())),
        LockTime::Seconds(_) => None,
    }
}

impl Accept {
    /// The key that the terms name for it, if it is an arbiter: its bond's owner, so that whoever rules twice gives the bond away; without a bond the
    /// key of its node.
    pub fn identity(&self) -> XOnlyPublicKey {
        let bond = self.bond.as_ref().map(Certificate::claim);
        let owner = bond.and_then(lock_of).map(|(owner, _)| owner);
        owner.unwrap_or_else(|| self.enrolment.node.x_only_public_key().0)
    }

    /// The height from which on its bond can be spent, if there is one.
    pub fn bonded_until(&self) -> Option<u32> {
        let bond = self.bond.as_ref().map(Certificate::claim);
        bond.and_then(lock_of).map(|(_, end)| end)
    }
}

impl Offer {
    /// Whether a party has the bond that is wanted of it, as far as that can be said without the chain.
    pub(super) fn check_bond(
        &self,
        role: Role,
        node: &PublicKey,
        bond: Option<&Certificate>,
    ) -> Result<(), Unbonded> {
        let is_arbiter = matches!(role, Role::Arbiter(_));
        let (wanted, bond) = match bond {
            None if is_arbiter && self.bond > Amount::ZERO => {
                return Err(Unbonded::None { wanted: self.bond });
            }
            None => return Ok(()),
            Some(_) if !is_arbiter => return Err(Unbonded::NoArbiter),
            Some(bond) => (self.bond, bond),
        };
        let claim = bond.claim();
        let node = node.x_only_public_key().0;
        let (owner, end) = lock_of(claim).ok_or(Unbonded::Form)?;
        let unlock = stake_unlock_height(&self.params);
        match () {
            () if claim.identity != node => {
                let found = claim.identity;
                Err(Unbonded::OtherNode { found })
            }
            () if owner == node => Err(Unbonded::NodeKey),
            () if claim.value < wanted => {
                let found = claim.value;
                Err(Unbonded::Small { found, wanted })
            }
            () if end <= unlock => Err(Unbonded::Early { end, unlock }),
            () => Ok(bond.check_signature(verifying(), claim.confirmed_height)?),
        }
    }
}
