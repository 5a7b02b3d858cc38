//! Orders about penny banks.

use narthex::{
    bitcoin::{
        Amount,
        secp256k1::{PublicKey, Secp256k1},
    },
    channel::{
        bank::{BankConsent, BankFigures},
        small::{SmallAsk, SmallBeginning},
    },
    contracts::depth::Depth,
    small::check_bank,
};
use narthex_base::codec::Message as _;
use serde::{Deserialize, Serialize};

use super::order::{Asking, bad, peer_of};
use crate::{
    party::{
        Core,
        command::{CommandError, refused},
    },
    transport::PeerAddress,
};

/// A penny bank that this node is to pay through.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBank {
    /// Who is to be paid: `NODE_ID@HOST:PORT`.
    pub with: String,
    /// Number of pennies.
    pub pennies: u32,
    /// What one is worth, in sat.
    pub penny_sat: u64,
    /// Blocks from now on until the payer may take all of it back.
    pub refund_blocks: u32,
    /// Blocks after a force close in which only the provider can claim.
    pub claim_blocks: u16,
    /// Fewest pennies that are enforced at a time; worth an output.
    pub step: u32,
    /// Of the pennies that are enforced, the 2^`shift`-th part may be given without that.
    pub shift: u8,
    /// Fee rate of the funding in sat a kwu.
    pub rate_sat_kwu: u64,
    /// Blocks that the coin lies deep before a penny is given.
    pub depth: u32,
    /// Seconds from now on until which it may be taken.
    pub open_s: u64,
}

impl Core {
    /// Everything that is wrong with an order is found before anything of it is written down.
    pub(super) fn planned_bank(
        &self,
        new: &NewBank,
    ) -> Result<(SmallBeginning, Depth), CommandError> {
        let with: PeerAddress = new.with.parse().map_err(|error| bad(&error))?;
        let depth = Depth::new(new.depth).map_err(|error| bad(&error))?;
        let asking = self.asking(new.rate_sat_kwu, new.open_s)?;
        let Asking {
            rate, tip, salt, ..
        } = asking;
        // The coin lies deep, pennies are given, and the force close confirms before T.
        let least = u32::from(new.claim_blocks).saturating_add(depth.blocks());
        if new.refund_blocks <= least {
            return Err(bad(&format_args!(
                "{} blocks until the refund; more than {least} are needed, of the claim and of the depth",
                new.refund_blocks
            )));
        }
        let value = Amount::from_sat(new.penny_sat);
        let mut own = self.own.borrow_mut();
        let key = own
            .contract_key(&salt)
            .ok_or_else(|| bad(&"no key follows"))?;
        let payer_script = own.wallet.fresh_script();
        let capacity = value
            .checked_mul(new.pennies.into())
            .and_then(|all| all.checked_add(payer_script.minimal_non_dust()));
        let capacity = capacity.ok_or_else(|| bad(&"more than there is"))?;
        let figures = BankFigures {
            payer: PublicKey::from_secret_key(&Secp256k1::signing_only(), &key),
            payer_script,
            pennies: new.pennies,
            value,
            capacity,
            refund_height: tip.saturating_add(new.refund_blocks),
            claim_blocks: new.claim_blocks,
            step: new.step,
            shift: new.shift,
            rate,
        };
        // Whatever the provider brings.
        let provider_script = own.wallet.fresh_script();
        let consent = BankConsent {
            provider: with.node,
            provider_script,
        };
        figures.check(&consent).map_err(|error| bad(&error))?;
        drop(own);
        self.spares(capacity, format_args!("a bank of {capacity}"))?;
        let begun = SmallBeginning::of_two(
            SmallAsk {
                salt,
                expires_s: asking.expires_s,
                figures: figures.to_bytes(),
            },
            true,
            peer_of(&with)?,
            tip,
        );
        Ok((begun, depth))
    }

    /// What this node brings to a bank that it is asked to be paid through.
    pub(super) fn bank_consent(
        &self,
        id: &[u8; 32],
        begun: &SmallBeginning,
        depth: Depth,
    ) -> Result<BankConsent, CommandError> {
        let bad = |error: &dyn std::fmt::Display| refused("cannot", error);
        let figures = BankFigures::from_bytes(&begun.ask.figures).map_err(|error| bad(&error))?;
        let key = self.small_key(id, Some(begun));
        let key = key.ok_or_else(|| bad(&"no key follows"))?;
        let consent = BankConsent {
            provider: PublicKey::from_secret_key(&Secp256k1::signing_only(), &key),
            provider_script: self.own.borrow_mut().wallet.fresh_script(),
        };
        let tip = self.tip.ok_or_else(|| bad(&"the chain was not seen yet"))?;
        check_bank(&figures, &consent, (tip, depth)).map_err(|error| bad(&error))?;
        Ok(consent)
    }
}
