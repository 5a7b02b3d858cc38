//! What each party must not forget, and what it is told to do.

use std::collections::BTreeMap;

use bitcoin::{hashes::sha256, secp256k1::SecretKey};
use narthex_base::hex;
use serde::{Deserialize, Serialize};

use super::{Bundle, Post};
use crate::depth::Depth;

/// Where the chain says a provider's price is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coin {
    /// Not confirmed yet.
    Unfunded,
    /// Neither claimed nor refunded.
    Locked {
        /// Height that confirmed the funding.
        height: u32,
    },
    /// Claimed by its provider, which may owe the others something still.
    Claimed {
        /// Height that confirmed the funding: the time for posts and d count from it.
        height: u32,
    },
    /// Gone: refunded, or claimed where nothing more follows from it.
    Spent,
}

/// What a provider does next. Besides its claim there is one thing at a time that it owes the others:
/// [`ProviderBook::duties`](super::ProviderBook::duties).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderDuty {
    /// Do the work and post a commitment to it.
    Work,
    /// Posts are missing still: send the own post to each other provider, and take theirs. A client that alone carries
    /// posts can hold one back until the others release without it.
    Show,
    /// Release the shares: all posts are in, or the time for them is over.
    Release,
    /// Show the own bundle to the others, who may be paid by nobody else, and ask each for its own.
    Ask,
    /// Publish the claim: there are shares enough.
    Claim,
}

/// What the client does next about one provider's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientDuty {
    /// Nothing is due.
    None,
    /// Not claimed in d blocks: publish the refund.
    Refund,
}

/// What a provider committed to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// x.
    pub x: SecretKey,
    /// The root.
    pub root: sha256::Hash,
}

/// What a provider must not forget, besides its key and the terms. Secret: it holds shares and openings.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderRecord {
    /// Signatures, as [`ContractSignatures::to_bytes`](crate::setup::ContractSignatures::to_bytes) writes them, hex.
    #[serde(with = "hex")]
    pub holdings: Vec<u8>,
    /// Its shares of the others' secrets, in order of the providers.
    pub shares: Vec<SecretKey>,
    /// u, its own part of its own secret.
    pub part: SecretKey,
    /// How deep the funding must be before it releases shares and claims.
    #[serde(default)]
    pub depth: Depth,
    /// What it committed to.
    pub opening: Option<Opening>,
    /// Posts, its own and those of others that came before it released, each as the hex of its message.
    #[serde(with = "hex::messages")]
    pub posts: Vec<Post>,
    /// What it released.
    #[serde(default, with = "hex::optional_message")]
    pub bundle: Option<Bundle>,
    /// Shares of its own secret that others released to it, by their numbers.
    pub received: BTreeMap<u8, SecretKey>,
}

/// What the client must not forget, besides its key and the terms.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRecord {
    /// Signatures, hex.
    #[serde(with = "hex")]
    pub holdings: Vec<u8>,
    /// Posts, each as the hex of its message.
    #[serde(with = "hex::messages")]
    pub posts: Vec<Post>,
    /// Bundles, each as the hex of its message.
    #[serde(with = "hex::messages")]
    pub bundles: Vec<Bundle>,
    /// Secrets that claims revealed, by their providers' numbers.
    pub secrets: BTreeMap<u8, SecretKey>,
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opening(..)")
    }
}

impl std::fmt::Debug for ProviderRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderRecord")
            .field("posts", &self.posts.len())
            .field("released", &self.bundle.is_some())
            .field("received", &self.received.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ClientRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientRecord")
            .field("posts", &self.posts.len())
            .field("bundles", &self.bundles.len())
            .field("secrets", &self.secrets.len())
            .finish_non_exhaustive()
    }
}
