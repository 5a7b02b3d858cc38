//! Orders about gated slices.

use narthex::{
    bitcoin::{
        Amount,
        hashes::sha256,
        secp256k1::{Keypair, Secp256k1},
    },
    channel::{
        slice::{SliceConsent, SliceFigures, seat_role},
        small::{MAX_FIGURES, SmallAsk, SmallBeginning},
    },
    contracts::{
        depth::Depth,
        enrolment::{Enrolment, Scope},
    },
    small::check_slice,
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

/// The same slice of work, done by several providers: those that come to the same are paid by it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSlice {
    /// The providers: `NODE_ID@HOST:PORT` of each, 2 to 10. The others connect them there.
    pub with: Vec<String>,
    /// The job, by its id: program, input and number of the slice.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub job: sha256::Hash,
    /// How many must come to the same, the one that is paid counted; 2 to all of them.
    pub quorum: u8,
    /// What each provider of those is paid, in sat.
    pub price_sat: u64,
    /// Blocks from now on until which it is to be funded.
    pub fund_blocks: u32,
    /// Blocks after the funding in which results are committed to.
    pub post_blocks: u16,
    /// Blocks after the funding from which on this node takes back what nobody claimed.
    pub refund_blocks: u16,
    /// Fee rate of the funding in sat a kwu.
    pub rate_sat_kwu: u64,
    /// Blocks that what spends the coins lies deep before it is over.
    pub depth: u32,
    /// Seconds from now on until which it may be taken.
    pub open_s: u64,
}

impl Core {
    /// Everything that is wrong with an order is found before anything of it is written down.
    pub(super) fn planned_slice(
        &self,
        new: &NewSlice,
    ) -> Result<(SmallBeginning, Depth), CommandError> {
        let depth = Depth::new(new.depth).map_err(|error| bad(&error))?;
        let Asking {
            rate,
            tip,
            salt,
            expires_s,
        } = self.asking(new.rate_sat_kwu, new.open_s)?;
        let seats = new.with.iter().map(|with| {
            let with: PeerAddress = with.parse().map_err(|error| bad(&error))?;
            match with.node == self.me {
                true => Err(bad(&"this node cannot be its own provider")),
                false => peer_of(&with),
            }
        });
        let seats = seats.collect::<Result<Vec<_>, _>>()?;
        let figures = SliceFigures {
            job: new.job,
            seats: seats.clone(),
            quorum: new.quorum,
            price: Amount::from_sat(new.price_sat),
            post_blocks: new.post_blocks,
            refund_blocks: new.refund_blocks,
            fund_height: tip.saturating_add(new.fund_blocks),
            rate,
        };
        check_slice(&figures, (tip, depth), None).map_err(|error| bad(&error))?;
        let bytes = figures.to_bytes();
        if bytes.len() > MAX_FIGURES {
            return Err(bad(&"addresses that are too long together"));
        }
        let deposit = figures.deposit();
        let deposit = deposit.ok_or_else(|| bad(&"more than there is"))?;
        self.spares(deposit, format_args!("a slice for {deposit}"))?;
        let begun = SmallBeginning {
            ask: SmallAsk {
                salt,
                expires_s,
                figures: bytes,
            },
            is_own: true,
            quorum: u8::try_from(seats.len()).unwrap_or(u8::MAX),
            peers: seats,
            height: tip,
        };
        Ok((begun, depth))
    }

    /// What this node brings as a provider: its key in it, tied to its node's, and where it is paid.
    pub(super) fn slice_consent(
        &self,
        id: &[u8; 32],
        begun: &SmallBeginning,
        depth: Depth,
    ) -> Result<SliceConsent, CommandError> {
        let bad = |error: &dyn std::fmt::Display| refused("cannot", error);
        let figures = SliceFigures::from_bytes(&begun.ask.figures);
        let figures = figures.map_err(|error| bad(&error))?;
        let tip = self.tip.ok_or_else(|| bad(&"the chain was not seen yet"))?;
        let checked = check_slice(&figures, (tip, depth), Some(&self.me));
        checked.map_err(|error| bad(&error))?;
        let seat = figures.seat_of(&self.me);
        let role = seat_role(seat.ok_or_else(|| bad(&"this node has no seat in it"))?);
        let key = self.small_key(id, Some(begun));
        let key = key.ok_or_else(|| bad(&"no key follows"))?;
        let key = Keypair::from_secret_key(&Secp256k1::signing_only(), &key);
        let mut own = self.own.borrow_mut();
        let node = own.node_pair().ok_or_else(|| bad(&"no key follows"))?;
        let enrolment = Enrolment::sign(Scope::Negotiation(*id), role, &node, &key);
        Ok(SliceConsent {
            enrolment: enrolment.map_err(|error| bad(&error))?,
            script: own.wallet.fresh_script(),
        })
    }
}
