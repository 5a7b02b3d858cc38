//! A penny bank: many tiny payments out of one timelocked coin, each a secret revealed down a chain, with no signature
//! of the payer's for a payment.
//!
//! 1. Both check the terms ([`BankRecord::check`]) and derive the same [`Bank`] from them alone.
//! 2. [`PayerOpening`] and [`ProviderOpening`] sign the freeze both ways; only then has the payer a funding PSBT.
//! 3. [`Payer::rungs`] go to [`ProviderBook::take_rungs`], in batches ahead of the pennies; [`Payer::pay`] or a
//!    [`Purse`] gives pennies, [`ProviderBook::accept`] takes them for the price of a hash each.
//! 4. The end: [`Bank::close`] if both agree; or the freeze, and within D blocks [`Provider::claim`], and after them
//!    [`Payer::thaw`]; or, if nothing was frozen until T, [`Payer::refund`]; or the frozen coin goes on in a new bank
//!    ([`Bank::resumed`]).
//!
//! Strangers pay each other through a [`Banker`], who has a bank with each: [`Payer::promise`] in one bank for another in
//! the next, good by a secret that the paying customer draws ([`Route`]); see `docs/contracts/bankers.md`.
//!
//! The payer has the client's role in the engine, the provider the worker's. What each may lose at every step is in
//! `docs/contracts/bank.md`.

mod banker;
mod choose;
mod draft;
mod ending;
mod error;
mod fresh;
mod held;
mod hop;
mod ladder;
mod meter;
mod order;
mod payer;
mod pebbles;
mod penny;
mod pledge;
mod promise;
mod provider;
mod purse;
mod record;
mod release;
mod route;
mod sight;
mod template;
mod terms;
mod vault;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use banker::{Banker, BankerDuty, BankerRecord, Shown};
pub use choose::{Candidates, ChooseError, Entry, MAX_CANDIDATES, Opened};
pub use error::BankError;
pub use fresh::{ChainSeed, FreshChain};
pub use held::{Held, Known, Receipted};
pub use hop::{Hop, HopError, MIN_MARGIN, Policy};
pub use ladder::{MAX_LADDER, MAX_RUNGS, Points, Rung, Rungs};
pub use meter::{Meter, MeterError};
pub use order::Order;
pub use payer::{Payer, PayerOpening};
pub use pebbles::Pebbles;
pub use penny::{Links, PENNY_BYTES, Penny, scalar};
pub use promise::{Frame, MAX_PROMISES, Promise};
pub use provider::{GoodPenny, Provider, ProviderBook, ProviderOpening};
pub use purse::Purse;
pub use record::{Accepted, Given, PayerDuty, PayerRecord, ProviderDuty, ProviderRecord};
pub use release::{Notice, Receipt, Release, Settled};
pub use route::{Leg, MAX_HOPS, Route, receipt};
pub use sight::{CheckError, CoinError, Sight};
pub use template::{Bank, FREEZE, PAYER, PROVIDER, REFUND, THAW};
pub use terms::{
    BankFunding, BankRecord, BankTerms, MAX_BANK_TERMS_BYTES, MAX_PENNIES, MIN_CLAIM_BLOCKS,
};

pub use crate::pact::{Cosigned, Cosigner};
use crate::{
    graph::{NodeId, TxGraph},
    pact,
};

/// Where a bank stands, as one party knows it. The chain knows where its coin is: [`Coin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Pennies are given and taken.
    Open,
    /// An end was agreed to: no more pennies.
    Closing,
    /// A rung of the payer's was false: no more pennies, and freeze.
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

/// Where the chain says the bank's coin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coin {
    /// Not confirmed yet.
    Unfunded,
    /// In the bank.
    Banked {
        /// So deep that the party that asks gives something for what it pays (see [`crate::depth::Depth`]).
        is_deep: bool,
    },
    /// Frozen.
    Frozen {
        /// Height that confirmed the freeze.
        height: u32,
    },
    /// Gone: claimed, given back, or moved on.
    Spent,
}

/// A transaction of both parties with its signature.
pub fn finish_both(
    graph: &TxGraph,
    node: NodeId,
    signature: [u8; 64],
) -> Result<bitcoin::Transaction, BankError> {
    Ok(pact::finish(graph, node, &[signature], &[])?)
}

/// Checks that `next` goes on with the frozen coin of `bank` and that what it pays first is allowed.
fn resume_paid(
    bank: &Bank,
    next: &Bank,
    allowed: impl FnOnce(u32) -> bool,
) -> Result<(), BankError> {
    use bitcoin::hashes::Hash;
    let BankFunding::Frozen { prior, paid } = next.terms().record().funding else {
        return Err(BankError::Foreign);
    };
    if prior.to_byte_array() != bank.terms().id() {
        return Err(BankError::Foreign);
    }
    let fee = bitcoin::Amount::ZERO;
    let problem = "not what was paid";
    match allowed(paid) {
        true => Ok(()),
        false => Err(BankError::Ending { paid, fee, problem }),
    }
}

/// Rungs as the hex of their message, without their bank, which the terms name.
mod rungs_hex {
    use narthex_base::hex;
    use serde::{Deserializer, Serializer};

    use super::{Rung, Rungs};

    pub(super) fn serialize<S: Serializer>(rungs: &[Rung], s: S) -> Result<S::Ok, S::Error> {
        let (bank, rungs) = ([0; 32], rungs.to_vec());
        hex::message::serialize(&Rungs { bank, rungs }, s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Rung>, D::Error> {
        hex::message::deserialize::<Rungs, D>(d).map(|rungs| rungs.rungs)
    }
}
