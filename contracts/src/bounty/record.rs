//! What each party must not forget, and what it is told to do.

use bitcoin::hashes::sha256;
use narthex_base::hex;
use narthex_game_model::market::LayerSet;
use serde::{Deserialize, Serialize};

use super::{BountyError, Closing, Delivery, Envelope, Grant, Opening, Seal, Share};
use crate::depth::Depth;

/// A recomputer's own result.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// The result, hex.
    #[serde(with = "hex")]
    pub result: Vec<u8>,
    /// What its layer commits to.
    pub root: sha256::Hash,
}

// Whoever reads it needs not pay for it: logs do not show it.
impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work")
            .field("bytes", &self.result.len())
            .finish_non_exhaustive()
    }
}

/// A delivery that a recomputer has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// Tip when it came.
    pub height: u32,
    /// The delivery, to be passed on.
    #[serde(with = "hex::message")]
    pub delivery: Delivery,
}

impl Coin {
    /// Fails, with the reason, unless it is locked, so deep.
    pub(super) fn check(
        self,
        tip: u32,
        depth: Depth,
        what: &'static str,
    ) -> Result<(), BountyError> {
        match self {
            Coin::Locked { height } => Ok(depth.check(height, tip)?),
            Coin::Unfunded | Coin::Spent => {
                let why = "the coin is not locked";
                Err(BountyError::Phase { what, why })
            }
        }
    }
}

/// What a recomputer must not forget, besides its keys, its seed, the terms and its holdings. It is as secret as they are:
/// the others' shares are in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecomputerRecord {
    /// How deep the funding must be before it opens its layer or shows a secret.
    #[serde(default)]
    pub depth: Depth,
    /// What it signed.
    pub work: Option<Work>,
    /// The longest envelope with its layer in it.
    #[serde(default, with = "hex::optional_message")]
    pub envelope: Option<Envelope>,
    /// An envelope that came in time to be sealed, and of which no prefix may be.
    #[serde(default, with = "hex::optional_message")]
    pub in_time: Option<Envelope>,
    /// What was sealed and opened. It opens once.
    #[serde(default, with = "hex::optional_message")]
    pub seal: Option<Seal>,
    /// Openings of others that it has seen.
    #[serde(with = "hex::messages")]
    pub openings: Vec<Opening>,
    /// The last closing that it accepted.
    #[serde(default, with = "hex::optional_message")]
    pub closing: Option<Closing>,
    /// Height at which it took this closing, and passed it on.
    #[serde(default)]
    pub closed_at: Option<u32>,
    /// Deliveries that it has seen, at most two of each seat, to be passed on.
    #[serde(default)]
    pub deliveries: Vec<Heard>,
    /// The requester's signatures, in the order in which they came.
    #[serde(with = "hex::messages")]
    pub grants: Vec<Grant>,
    /// Height at which it took the first grant of a set, and passed it on.
    #[serde(default)]
    pub granted_at: Vec<(LayerSet, u32)>,
    /// Secrets of others for settlements that pay this recomputer.
    #[serde(with = "hex::messages")]
    pub shares: Vec<Share>,
    /// Height at which each came: set, seat, height.
    #[serde(default)]
    pub shared_at: Vec<(LayerSet, u8, u32)>,
}

/// What the requester must not forget, besides its keys, the terms and its holdings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequesterRecord {
    /// The longest envelope that came.
    #[serde(default, with = "hex::optional_message")]
    pub envelope: Option<Envelope>,
    /// What it sealed. It seals once.
    #[serde(default, with = "hex::optional_message")]
    pub seal: Option<Seal>,
    /// Openings that came.
    #[serde(with = "hex::messages")]
    pub openings: Vec<Opening>,
    /// What it signed last.
    #[serde(default, with = "hex::optional_message")]
    pub closing: Option<Closing>,
    /// Results that came, each for a set that it closed for.
    #[serde(with = "hex::messages")]
    pub deliveries: Vec<Delivery>,
    /// Sets whose settlement it has given its signature to.
    pub granted: Vec<LayerSet>,
    /// Secrets that came to give everything back.
    #[serde(with = "hex::messages")]
    pub shares: Vec<Share>,
    /// Who delivered something else than it opened, as the settlement showed.
    pub false_results: LayerSet,
    /// Whom the settlement that it learnt from paid: not always those whom it closed for last.
    #[serde(default)]
    pub settled: Option<LayerSet>,
}

/// Where the chain says the bounty's coin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coin {
    /// Not confirmed yet.
    Unfunded,
    /// Locked.
    Locked {
        /// Height that confirmed the funding.
        height: u32,
    },
    /// Gone: settled, cancelled or refunded.
    Spent,
}

/// What the requester does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequesterDuty {
    /// Nothing is due.
    None,
    /// Seal the envelope.
    Seal,
    /// Close, as all openings are there or their time is over.
    Close,
    /// Give the signature to the settlement of this set: all its members have delivered.
    Grant(LayerSet),
    /// Close again and leave out those who withhold something. Of those who withhold secrets the members tell.
    CloseAgain {
        /// Members that have not delivered.
        undelivered: LayerSet,
    },
    /// Publish the cancellation.
    Cancel,
    /// Publish the refund.
    Refund,
}
