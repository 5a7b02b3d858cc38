//! Orders about sealed deliveries.

use narthex::{
    bitcoin::{
        Amount, Txid,
        hex::FromHex as _,
        secp256k1::{PublicKey, Secp256k1},
    },
    channel::{
        delivery::{DeliveryAgent, DeliveryFigures, MAX_DELIVERED},
        small::{SmallAsk, SmallBeginning, SmallPeer},
    },
    contracts::{
        deliver::{Plan, Request},
        depth::Depth,
    },
    small::{check_figures, keep_message},
};
use narthex_base::codec::Message as _;
use serde::{Deserialize, Serialize};

use super::{
    apart_log,
    order::{Asking, bad, peer_of},
};
use crate::{
    party::{
        Core, Fatal,
        command::{Answer, CommandError, refused},
    },
    transport::PeerAddress,
};

/// A message that this node has delivered by agents.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDelivery {
    /// Who is to keep it for the recipient: `NODE_ID@HOST:PORT` of each, 1 to 15.
    pub with: Vec<String>,
    /// The recipient's key, as its node shows it (`delivery_key`).
    #[schema(value_type = String, pattern = "^0[23][0-9a-f]{64}$")]
    pub to: PublicKey,
    /// The message in hex, up to 256 KiB of it.
    pub message: String,
    /// What the agent that brings it gets, less the fee of its claim, in sat.
    pub amount_sat: u64,
    /// Blocks from now on until this node may take it back.
    pub refund_blocks: u32,
    /// Blocks before that in which nobody is accepted any more.
    pub claim_blocks: u16,
    /// Fee rate of the funding in sat a kwu.
    pub rate_sat_kwu: u64,
    /// Blocks that a spend of the coin lies deep before it is over.
    pub depth: u32,
    /// Seconds from now on until which it may be taken.
    pub open_s: u64,
}

/// A delivery to this node.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCollection {
    /// Who keeps it: `NODE_ID@HOST:PORT` of each that is known, 1 to 15.
    pub with: Vec<String>,
    /// The transaction that funds it.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub funding: Txid,
    /// The first height that may hold it.
    pub since: u32,
    /// Blocks that the coin lies deep before anybody is accepted.
    pub depth: u32,
    /// Seconds from now on until which agents may serve it.
    pub open_s: u64,
}

fn peers_of(with: &[String]) -> Result<Vec<SmallPeer>, CommandError> {
    let peers = with.iter().map(|with| {
        let with: PeerAddress = with.parse().map_err(|error| bad(&error))?;
        peer_of(&with)
    });
    peers.collect()
}

impl Core {
    /// What is to be delivered is kept before anybody is asked for it.
    pub(super) fn ask_delivery(&mut self, new: &NewDelivery) -> Result<Answer, Fatal> {
        let message = Vec::<u8>::from_hex(&new.message).map_err(|error| bad(&error));
        let planned = message.and_then(|message| {
            let planned = self.planned_delivery(new, message.len())?;
            Ok((planned, message))
        });
        let (planned, message) = match planned {
            Ok(planned) => planned,
            Err(error) => return Ok(Err(error)),
        };
        let apart = self.store.open(&apart_log(planned.0.ask.id()))?;
        if let Err(error) = keep_message(apart, &new.to, &message) {
            return Ok(Err(refused("not-now", error)));
        }
        self.ask_planned(Ok(planned))
    }

    fn planned_delivery(
        &self,
        new: &NewDelivery,
        bytes: usize,
    ) -> Result<(SmallBeginning, Depth), CommandError> {
        let depth = Depth::new(new.depth).map_err(|error| bad(&error))?;
        let peers = peers_of(&new.with)?;
        let Asking {
            rate,
            tip,
            salt,
            expires_s,
        } = self.asking(new.rate_sat_kwu, new.open_s)?;
        let message_bytes = u32::try_from(bytes).ok().filter(|n| *n <= MAX_DELIVERED);
        let message_bytes = message_bytes.ok_or_else(|| {
            bad(&format_args!(
                "a message of {bytes} bytes; at most {MAX_DELIVERED} are delivered between nodes"
            ))
        })?;
        let figures = DeliveryFigures {
            amount: Amount::from_sat(new.amount_sat),
            refund_height: tip.saturating_add(new.refund_blocks),
            claim_blocks: new.claim_blocks,
            message_bytes,
            agents: u8::try_from(peers.len()).unwrap_or(u8::MAX),
            rate,
        };
        check_figures(&figures, tip, depth).map_err(|error| bad(&error))?;
        let deposit = Plan::deposit(figures.amount, rate);
        let deposit = deposit.ok_or_else(|| bad(&"more than there is"))?;
        self.spares(deposit, format_args!("a delivery for {deposit}"))?;
        let begun = SmallBeginning {
            ask: SmallAsk {
                salt,
                expires_s,
                figures: figures.to_bytes(),
            },
            is_own: true,
            peers,
            quorum: figures.agents,
            height: tip,
        };
        Ok((begun, depth))
    }

    /// It asks all of them at once; whichever serves it first is accepted.
    pub(super) fn planned_collection(
        &self,
        new: &NewCollection,
    ) -> Result<(SmallBeginning, Depth), CommandError> {
        let depth = Depth::new(new.depth).map_err(|error| bad(&error))?;
        let Asking {
            tip,
            salt,
            expires_s,
            ..
        } = self.asking(0, new.open_s)?;
        if new.since > tip {
            let since = new.since;
            return Err(bad(&format_args!("height {since} is above the tip, {tip}")));
        }
        let is_same = |small: &super::Small| {
            let mut begun = small.begun().into_iter();
            let is_own = begun.any(|begun| {
                let request = Request::from_bytes(&begun.ask.figures);
                begun.is_own && request.is_ok_and(|request| request.funding == new.funding)
            });
            is_own && small.standing() != "declined"
        };
        if self.small.values().any(is_same) {
            return Err(refused("answered", "it is collected already"));
        }
        let request = Request {
            funding: new.funding,
            accepted: std::collections::BTreeSet::new(),
        };
        let begun = SmallBeginning {
            ask: SmallAsk {
                salt,
                expires_s,
                figures: request.to_bytes(),
            },
            is_own: true,
            peers: peers_of(&new.with)?,
            // Whoever is gone keeps the others from nothing.
            quorum: 1,
            height: new.since,
        };
        Ok((begun, depth))
    }

    /// What this node brings as an agent.
    pub(super) fn delivery_agent(
        &self,
        id: &[u8; 32],
        begun: &SmallBeginning,
        depth: Depth,
    ) -> Result<DeliveryAgent, CommandError> {
        let bad = |error: &dyn std::fmt::Display| refused("cannot", error);
        let figures = DeliveryFigures::from_bytes(&begun.ask.figures);
        let figures = figures.map_err(|error| bad(&error))?;
        let tip = self.tip.ok_or_else(|| bad(&"the chain was not seen yet"))?;
        check_figures(&figures, tip, depth).map_err(|error| bad(&error))?;
        let key = self.small_key(id, Some(begun));
        let key = key.ok_or_else(|| bad(&"no key follows"))?;
        Ok(DeliveryAgent {
            key: PublicKey::from_secret_key(&Secp256k1::signing_only(), &key),
            script: self.own.borrow_mut().wallet.fresh_script(),
        })
    }
}
