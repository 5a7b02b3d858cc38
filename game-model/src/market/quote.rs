//! What a recomputer asks, and what a client asks for.

use std::fmt;
use std::str::FromStr;

use bitcoin_units::Amount;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::chance::Chance;
use super::ledger::RecomputerId;

/// Most latencies that one recomputer can offer.
pub const MAX_OFFERS: usize = 8;

/// How long a recomputer has for its own layer. Blocks and milliseconds are different classes: an offer of
/// one never answers a request for the other. Written as `500ms` or `2b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Latency {
    /// Milliseconds from when it holds the envelope.
    Millis(u32),
    /// Blocks on the chain.
    Blocks(u32),
}

impl Latency {
    /// Whether a recomputer that keeps to `self` keeps to `asked`.
    pub const fn meets(self, asked: Self) -> bool {
        match (self, asked) {
            (Self::Millis(own), Self::Millis(asked)) | (Self::Blocks(own), Self::Blocks(asked)) => {
                own <= asked
            }
            _ => false,
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(millis) => write!(f, "{millis}ms"),
            Self::Blocks(blocks) => write!(f, "{blocks}b"),
        }
    }
}

impl FromStr for Latency {
    type Err = NoLatency;

    fn from_str(text: &str) -> Result<Self, NoLatency> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        let millis = text.strip_suffix("ms").and_then(number).map(Self::Millis);
        let blocks = || text.strip_suffix('b').and_then(number).map(Self::Blocks);
        let error = || NoLatency(text.chars().take(40).collect());
        millis.or_else(blocks).ok_or_else(error)
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text is no latency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no latency; write 500ms, or 2b for two blocks")]
pub struct NoLatency(String);

/// One latency that a recomputer offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyOffer {
    /// Its layer is there within this time.
    pub within: Latency,
    /// What that costs on top.
    #[serde(rename = "premium_sat", with = "bitcoin_units::amount::serde::as_sat")]
    pub premium: Amount,
}

/// What a recomputer asks, and how far it is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Who.
    pub recomputer: RecomputerId,
    /// For one recomputation of the job.
    #[serde(rename = "base_sat", with = "bitcoin_units::amount::serde::as_sat")]
    pub base: Amount,
    /// For each hop that the envelope has made when this recomputer sends it on, its own included: in seat
    /// i (from 1) it asks i times this, because it checks and carries i layers.
    #[serde(rename = "hop_fee_sat", with = "bitcoin_units::amount::serde::as_sat")]
    pub hop_fee: Amount,
    /// What it can keep to; none: it is not to be had.
    pub latencies: Vec<LatencyOffer>,
    /// Probability that its layer is there in time and right: a lower bound, such as
    /// [`super::Standing::priced`]. The client's own figure, never the recomputer's word.
    pub reliability: Chance,
}

impl Quote {
    /// The cheapest premium among the offers that meet `asked`; `None` if none does.
    pub fn premium(&self, asked: Latency) -> Option<Amount> {
        let offers = self.latencies.iter();
        let fast = offers.filter(|offer| offer.within.meets(asked));
        fast.map(|offer| offer.premium).min()
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// At least this probability that the right root is paid for.
    pub reliability: Chance,
    /// Most hops that the envelope may make: most recomputers in the line-up, 1 to 6.
    pub hops: u8,
    /// Most time for each recomputer; the whole takes at most this times the recomputers.
    pub latency: Latency,
}
