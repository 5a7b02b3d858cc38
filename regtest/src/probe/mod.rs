//! Whether a node takes what contracts end with, asked before anything is locked in one.
//!
//! A contract's transactions pay no fee, are of version 3 (BIP431) and have an anchor of no value; a child pays. A node
//! that does not take such a pair leaves a party with signatures that it cannot use. So a pair is offered beforehand, one
//! that can never be valid: it spends a real coin and has *no signature*. Bitcoin Core runs scripts last, after all
//! policy on versions, dust, fees, packages and limits (`MemPoolAccept` in its `validation.cpp`). A node that complains
//! of the script has passed all else; one that complains of anything else has a policy that refuses. Nothing is signed,
//! and no node can take, keep or relay the pair: see `docs/adr/0049-probe-before-funding.md`.

mod coin;
mod pair;
mod policy;

use bitcoin::{FeeRate, OutPoint, TxOut};
use narthex_base::node::AskedNode;

pub(crate) use policy::FIRST_MAJOR;
pub use policy::PolicyGap;

use crate::{Broadcaster, ChainSource, Error, NodePolicy};
use pair::Pair;

/// How nodes call a script that fails, and nothing else: the end of the code differs between versions.
const SCRIPT_FAILED: &str = "script-verify-flag";
/// JSON-RPC's "there is no such call".
const NO_SUCH_CALL: i32 = -32601;
/// Codes that blame the coin and not the policy: it was spent a moment ago, or is not what was thought.
const COIN_CODES: [&str; 6] = [
    "bad-txns-inputs-missingorspent",
    "bad-txns-premature-spend-of-coinbase",
    "txn-mempool-conflict",
    "insufficient fee",
    "package RBF failed",
    "bad-txns-nonstandard-inputs",
];

/// A node that was asked and takes zero-fee parents of version 3 with their children, at a fee rate and above.
///
/// Only [`probe`] makes one. Whoever locks money in a contract needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "whoever funds shows it"]
pub struct AcceptedPolicy {
    node: NodePolicy,
    rate: FeeRate,
}

impl AskedNode for AcceptedPolicy {}

impl AcceptedPolicy {
    /// What the node said of itself.
    pub fn node(&self) -> &NodePolicy {
        &self.node
    }

    /// Fee rate of parent and child together that was asked about.
    pub fn rate(&self) -> FeeRate {
        self.rate
    }
}

/// Why a node is not known to take what contracts end with. Nothing may be funded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The node refuses. Its owner can change that.
    #[error(
        "the node {agent} refuses what every contract here ends with, a parent without fee with its child (\"{reason}\"): \
         {gap}. Nothing is funded"
    )]
    Refused {
        /// The node, as it calls itself.
        agent: String,
        /// Its words.
        reason: String,
        /// What it lacks.
        gap: PolicyGap,
    },
    /// There is no coin to ask with.
    #[error(
        "nothing to ask the node with: no own coin, and none of use in its last {searched} blocks"
    )]
    NoCoin {
        /// Blocks that were searched.
        searched: u32,
    },
    /// The coin that was asked with cannot be spent now, perhaps since just a moment ago.
    #[error("the node says of the coin {coin} that was asked with: {reason}; ask again")]
    Coin {
        /// The coin.
        coin: OutPoint,
        /// The node's words.
        reason: String,
    },
    /// The node took a transaction without signature: it checks nothing.
    #[error("the node {agent} took a transaction without signature: it is no Bitcoin node")]
    TookUnsigned {
        /// The node, as it calls itself.
        agent: String,
    },
    /// The node does not answer.
    #[error("while asking the node what it takes: {0}")]
    Chain(#[from] Error),
}

/// Asks a node whether it takes a zero-fee parent of version 3 with an anchor of no value, with a child that pays
/// `rate` for both.
///
/// `own` is a confirmed coin of the asker's with a key of its own (P2TR, P2WPKH, P2WSH or P2PKH); without one, any such
/// coin in the last blocks of the chain serves, since nothing is signed. The chain and its mempool are as before.
///
/// # Errors
/// [`ProbeError::Refused`] names the setting or version that is missing; the others leave the question open.
pub fn probe<C: ChainSource + Broadcaster + ?Sized>(
    chain: &mut C,
    rate: FeeRate,
    own: Option<(OutPoint, TxOut)>,
) -> Result<AcceptedPolicy, ProbeError> {
    let node = chain.node_policy()?;
    let refused = |reason: String, code: &str| ProbeError::Refused {
        agent: node.agent.clone(),
        gap: policy::gap(&node, code, rate),
        reason,
    };
    let coin = coin::find(chain, rate, own)?;
    let pair = Pair::new(&coin, rate);
    match chain.submit_package(&[pair.parent, pair.child]) {
        Ok(()) => Err(ProbeError::TookUnsigned { agent: node.agent }),
        Err(Error::Rpc {
            code: NO_SUCH_CALL,
            message,
            ..
        }) => Err(refused(message, "no packages")),
        Err(error) => {
            let Some(code) = error.code() else {
                return Err(error.into());
            };
            if code.contains(SCRIPT_FAILED) {
                return Ok(AcceptedPolicy { node, rate });
            }
            let (code, reason) = (code.to_owned(), error.to_string());
            match COIN_CODES.contains(&&*code) {
                true => Err(ProbeError::Coin {
                    coin: coin.0,
                    reason,
                }),
                false => Err(refused(reason, &code)),
            }
        }
    }
}
