//! Orders about bounties.

use narthex::{
    bitcoin::{Amount, hashes::sha256},
    channel::{
        bounty::{BountyFigures, BountySeat},
        small::{MAX_FIGURES, SmallAsk, SmallBeginning},
    },
    contracts::depth::Depth,
    small::check_bounty,
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

/// A bounty that this node pays for a result, of those of its line-up that come to the same.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBounty {
    /// The line-up, in the order in which they sign: `NODE_ID@HOST:PORT` of each, 1 to 6. The others connect them there.
    pub with: Vec<String>,
    /// The job, by its id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub job: sha256::Hash,
    /// Fewest equal results that are paid.
    pub quorum: u8,
    /// What each recomputer of those is paid, in sat.
    pub amount_sat: u64,
    /// Blocks from now on until which results are committed to.
    pub layer_blocks: u32,
    /// Blocks for the openings, and for each further round.
    pub round_blocks: u16,
    /// Fee rate of the funding in sat a kwu.
    pub rate_sat_kwu: u64,
    /// Blocks that what spends the coin lies deep before it is over.
    pub depth: u32,
    /// Seconds from now on until which it may be taken.
    pub open_s: u64,
}

impl Core {
    /// Everything that is wrong with an order is found before anything of it is written down.
    pub(super) fn planned_bounty(
        &self,
        new: &NewBounty,
    ) -> Result<(SmallBeginning, Depth), CommandError> {
        let depth = Depth::new(new.depth).map_err(|error| bad(&error))?;
        let Asking {
            rate,
            tip,
            salt,
            expires_s,
        } = self.asking(new.rate_sat_kwu, new.open_s)?;
        let amount = Amount::from_sat(new.amount_sat);
        let (mut peers, mut seats) = (Vec::new(), Vec::new());
        for with in &new.with {
            let with: PeerAddress = with.parse().map_err(|error| bad(&error))?;
            let peer = peer_of(&with)?;
            if peer.node == self.me {
                return Err(bad(&"this node cannot be its own recomputer"));
            }
            seats.push(BountySeat {
                node: peer.node,
                address: peer.address.clone(),
                amount,
            });
            peers.push(peer);
        }
        let count = u8::try_from(seats.len()).unwrap_or(u8::MAX);
        let layer_height = tip.saturating_add(new.layer_blocks);
        // The rounds that the terms need, and two more: a late grant moves the end of its round (docs/contracts/bounty.md).
        let rounds = 5u32.saturating_add(count.saturating_sub(new.quorum).into());
        let blocks = rounds.saturating_mul(new.round_blocks.into());
        let figures = BountyFigures {
            job: new.job,
            seats,
            quorum: new.quorum,
            layer_height,
            round_blocks: new.round_blocks,
            refund_height: layer_height.saturating_add(blocks),
            rate,
        };
        check_bounty(&figures, (tip, depth), None).map_err(|error| bad(&error))?;
        let bytes = figures.to_bytes();
        if bytes.len() > MAX_FIGURES {
            return Err(bad(&"addresses that are too long together"));
        }
        let total = amount.checked_mul(count.into());
        let total = total.ok_or_else(|| bad(&"more than there is"))?;
        self.spares(total, format_args!("a bounty of {total}"))?;
        let begun = SmallBeginning {
            ask: SmallAsk {
                salt,
                expires_s,
                figures: bytes,
            },
            is_own: true,
            peers,
            quorum: count,
            height: tip,
        };
        Ok((begun, depth))
    }

    /// What this node brings as a recomputer: nothing before it is called, but that it can be one.
    pub(super) fn bounty_seat(
        &self,
        begun: &SmallBeginning,
        depth: Depth,
    ) -> Result<Vec<u8>, CommandError> {
        let bad = |error: &dyn std::fmt::Display| refused("cannot", error);
        let figures = BountyFigures::from_bytes(&begun.ask.figures);
        let figures = figures.map_err(|error| bad(&error))?;
        let tip = self.tip.ok_or_else(|| bad(&"the chain was not seen yet"))?;
        let checked = check_bounty(&figures, (tip, depth), Some(&self.me));
        checked.map_err(|error| bad(&error))?;
        Ok(Vec::new())
    }
}
