//! What each party must not forget, and what it is told to do.

use bitcoin::hashes::sha256;
use narthex_game_model::market::LayerSet;
use serde::{Deserialize, Serialize};

use super::{Closing, Delivery, Envelope, Grant, Opening, Seal, Share};

/// Messages in records: as the hex of their bytes.
macro_rules! as_hex {
    ($($message:ty),*) => {$(
        impl Serialize for $message {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                use hex_conservative::DisplayHex;
                s.collect_str(&self.to_bytes().as_hex())
            }
        }

        impl<'de> Deserialize<'de> for $message {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                use hex_conservative::FromHex;
                use serde::de::Error;
                let bytes = Vec::from_hex(&String::deserialize(d)?).map_err(D::Error::custom)?;
                <$message>::from_bytes(&bytes).map_err(D::Error::custom)
            }
        }
    )*};
}

as_hex!(Envelope, Seal, Opening, Closing, Delivery, Grant, Share);

/// A relay's own result.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// The result, hex.
    #[serde(with = "narthex_base::hex")]
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

/// A delivery that a relay has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// Tip when it came.
    pub height: u32,
    /// The delivery, to be passed on.
    pub delivery: Delivery,
}

/// What a relay must not forget, besides its keys, its seed, the terms and its holdings. It is as secret as they are:
/// the others' shares are in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayRecord {
    /// What it signed.
    pub work: Option<Work>,
    /// The longest envelope with its layer in it.
    pub envelope: Option<Envelope>,
    /// An envelope that came in time to be sealed, and of which no prefix may be.
    pub in_time: Option<Envelope>,
    /// What was sealed and opened. It opens once.
    pub seal: Option<Seal>,
    /// Openings of others that it has seen.
    pub openings: Vec<Opening>,
    /// The last closing that it accepted.
    pub closing: Option<Closing>,
    /// Height at which it took this closing, and passed it on.
    #[serde(default)]
    pub closed_at: Option<u32>,
    /// Deliveries that it has seen, at most two of each seat, to be passed on.
    #[serde(default)]
    pub deliveries: Vec<Heard>,
    /// The requester's signatures, in the order in which they came.
    pub grants: Vec<Grant>,
    /// Height at which it took the first grant of a set, and passed it on.
    #[serde(default)]
    pub granted_at: Vec<(LayerSet, u32)>,
    /// Secrets of others for settlements that pay this relay.
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
    pub envelope: Option<Envelope>,
    /// What it sealed. It seals once.
    pub seal: Option<Seal>,
    /// Openings that came.
    pub openings: Vec<Opening>,
    /// What it signed last.
    pub closing: Option<Closing>,
    /// Results that came, each for a set that it closed for.
    pub deliveries: Vec<Delivery>,
    /// Sets whose settlement it has given its signature to.
    pub granted: Vec<LayerSet>,
    /// Secrets that came to give everything back.
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
    Locked,
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
