//! What is wrong with a bundle, and whose fault it is.

use bitcoin::{BlockHash, Network, Txid};
use narthex_base::codec::DecodeError;
use narthex_channel::contract::Unfit;
use narthex_contracts::{template::TemplateError, terms::TermsError};

use crate::{Anchor, HeaderFault, ProofFault};

/// Whose fault it is that a bundle is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtFault {
    /// Whoever handed it on: it is not what its arbiter signed.
    Bearer,
    /// The arbiter, who signed it so.
    Arbiter,
    /// Whoever opens it, by an anchor that says nothing of it.
    Opener,
}

impl std::fmt::Display for AtFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer => "whoever handed it on",
            Self::Arbiter => "the arbiter that signed it",
            Self::Opener => "whoever opens it",
        })
    }
}

/// What is wrong with a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// It cannot be read.
    #[error("it is no bundle: {0}")]
    Decode(#[from] DecodeError),
    /// The panel has no such arbiter.
    #[error("the panel has no arbiter {seat}")]
    NoArbiter {
        /// Who is said to have signed.
        seat: u8,
    },
    /// The arbiter has not signed these bytes.
    #[error("arbiter {seat} has not signed these bytes")]
    Unsigned {
        /// Who is said to have signed.
        seat: u8,
    },
    /// Another job than the terms name, or terms under which no panel rules.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// No panel rules on contracts of this template.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// No graph follows from the terms.
    #[error(transparent)]
    Derive(#[from] TemplateError),
    /// The headers are none of a chain.
    #[error(transparent)]
    Headers(#[from] HeaderFault),
    /// A transaction is not proven.
    #[error(transparent)]
    Proof(#[from] ProofFault),
    /// A block that transactions are in is not among the headers.
    #[error("the block at height {height} has transactions, and there is no header of it")]
    NoHeader {
        /// Its height.
        height: u32,
    },
    /// A transaction that says nothing of this contract: of another one, there before, or in another order.
    #[error("transaction {txid} is none of this contract's, or not the next one")]
    Foreign {
        /// The transaction.
        txid: Txid,
    },
    /// Nothing puts a case before the panel, or something follows that does.
    #[error("the transactions do not end with an appeal or a challenge")]
    NoCase,
    /// More or fewer headers than the case has blocks.
    #[error("the headers are of heights {first} to {last}, and the case asks for {from} to {to}")]
    Range {
        /// Height of the first.
        first: u32,
        /// Height of the last.
        last: u32,
        /// That of the funding.
        from: u32,
        /// The last that a ruling may ask for, or that a record is in.
        to: u32,
    },
    /// The block of the anchor's height is another one: it is a case of another chain, or branch.
    #[error("at height {} it has block {found}, and your chain {}", anchor.height, anchor.hash)]
    OtherChain {
        /// The block that was known.
        anchor: Anchor,
        /// The block that the bundle has there.
        found: BlockHash,
    },
    /// It says another network.
    #[error("it is of {found}, and you asked for {expected}")]
    OtherNetwork {
        /// What was asked for.
        expected: Network,
        /// What it says.
        found: Network,
    },
    /// The anchor lies outside of its headers.
    #[error("an anchor at height {height} says nothing of headers of heights {first} to {last}")]
    FarAnchor {
        /// Height of the anchor.
        height: u32,
        /// The lowest height of an anchor that does.
        first: u32,
        /// The highest.
        last: u32,
    },
}

impl BundleFault {
    /// Whose fault it is.
    pub const fn at_fault(&self) -> AtFault {
        match self {
            Self::Decode(_) | Self::NoArbiter { .. } | Self::Unsigned { .. } => AtFault::Bearer,
            // Before the signature is looked at, for it is by a key that the terms give.
            Self::Unfit(_) | Self::Derive(_) => AtFault::Bearer,
            Self::FarAnchor { .. } | Self::OtherNetwork { .. } => AtFault::Opener,
            _ => AtFault::Arbiter,
        }
    }
}
