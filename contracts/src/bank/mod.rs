//! A penny bank: many tiny payments out of one timelocked coin, each a secret revealed down a chain, with no signature
//! of the payer's for a payment.
//!
//! 1. Both check the terms ([`BankRecord::check`]) and derive the same [`Bank`] from them alone.
//! 2. [`PayerOpening`] and [`ProviderOpening`] sign the force close both ways; only then has the payer a funding PSBT.
//! 3. [`AdaptorCommitments`] go to the provider, in batches ahead of the pennies; a [`Penny`] gives all below it and costs a hash each.
//! 4. The end: [`Bank::close`] if both agree; or the force close, and within D blocks the claim by a commitment, and after them the
//!    timeout refund; or, if nothing was force-closed until T, the refund; or the force-closed coin goes on in a new bank ([`Bank::resumed`]).
//!
//! What both derive and check is here. The two sides, and bankers through whom strangers pay each other, are in the crate
//! `narthex-channel`.
//!
//! The payer has the client's role in the engine, the provider the worker's. What each may lose at every step is in
//! `docs/contracts/bank.md`.

mod choose;
mod commitments;
mod draft;
mod error;
mod fresh;
mod opening;
mod pebbles;
mod penny;
mod status;
mod template;
mod terms;
mod vault;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use choose::{Candidates, ChooseError, Entry, MAX_CANDIDATES, Opened};
pub use commitments::{
    AdaptorCommitment, AdaptorCommitments, CLAIM, MAX_COMMITMENTS, MAX_PUBLISHED_COMMITMENTS,
    PAYER_POSITION, PROVIDER_POSITION, Points,
};
pub use error::BankError;
pub use fresh::{ChainSeed, FreshChain};
pub use opening::{PayerOpening, ProviderOpening, SignedPayer, SignedProvider};
pub use pebbles::Pebbles;
pub use penny::{Links, PENNY_BYTES, Penny, scalar};
pub use status::{CheckError, CoinError, FundingStatus};
pub use template::{Bank, FORCE_CLOSE, PAYER, PROVIDER, REFUND, TIMEOUT_REFUND};
pub use terms::{
    BankFunding, BankRecord, BankTerms, MAX_BANK_TERMS_BYTES, MAX_PENNIES, MAX_PROMISES,
    MIN_CLAIM_BLOCKS,
};

pub use crate::builder::{Cosigned, Cosigner};
use crate::{
    builder,
    graph::{NodeId, TxGraph},
};

/// Where a bank stands, as one party knows it. The chain knows where its coin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Pennies are given and taken.
    Open,
    /// An end was agreed to: no more pennies.
    Closing,
    /// A commitment of the payer's was false: no more pennies, and force-close.
    Cheated,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Open => "open",
            Phase::Closing => "closing",
            Phase::Cheated => "cheated",
        })
    }
}

/// A transaction of both parties with its signature.
pub fn finish_both(
    graph: &TxGraph,
    node: NodeId,
    signature: [u8; 64],
) -> Result<bitcoin::Transaction, BankError> {
    Ok(builder::finish(graph, node, &[signature], &[])?)
}
