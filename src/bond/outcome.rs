//! What a bond's life is made of, and how it ends.

use bitcoin::{Amount, Txid};
use narthex_contracts::{
    bond::{BondError, BondFault, SelectError, Valuation},
    funding::SweepError,
};
use serde::Serialize;

use super::StatusError;
use crate::{harness::HarnessOptions, wallet::WalletError};

/// Which script a bond has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BondForm {
    /// BIP46's P2WSH, locked by time.
    Bip46,
    /// Taproot, locked by height.
    Taproot,
    /// Taproot, locked by time.
    TaprootTime,
}

/// What to live through.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LifeOptions {
    /// Script of both bonds.
    pub form: BondForm,
    /// What the first bond holds.
    pub value: Amount,
    /// How long each is locked, in blocks; a time lock takes as many block intervals.
    pub lock_blocks: u32,
    /// How bonds are weighed.
    pub valuation: Valuation,
    /// Fee rate of all transactions, and the seed.
    pub common: HarnessOptions,
}

impl Default for LifeOptions {
    /// A tenth of a bitcoin, locked by height for a day.
    fn default() -> Self {
        LifeOptions {
            form: BondForm::Taproot,
            value: Amount::from_sat(10_000_000),
            lock_blocks: 144,
            valuation: Valuation::default(),
            common: HarnessOptions::default(),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
pub struct LifeStep {
    /// What.
    pub what: String,
    /// Height of the tip when it did.
    pub height: u32,
    /// The transaction, if it was one.
    pub txid: Option<Txid>,
    /// Its size.
    pub vbytes: Option<u64>,
    /// Its fee.
    pub fee_sat: Option<u64>,
}

/// How it ended.
#[derive(Debug, Clone, Serialize)]
pub struct Life {
    /// Script of the bonds.
    pub form: BondForm,
    /// What the owner had before.
    pub before_sat: u64,
    /// What it has after.
    pub after_sat: u64,
    /// All fees: the difference, to the satoshi.
    pub fees_sat: u64,
    /// The first bond's weight at its first block.
    pub weight: u128,
    /// Blocks in which the chain refused a spend before its lock.
    pub early_refusals: u32,
}

/// Why a life did not go as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LifeError {
    /// The chain does not answer, or a bond does not count.
    #[error(transparent)]
    FundingStatus(#[from] StatusError),
    /// The wallet cannot pay.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// There is no such bond.
    #[error(transparent)]
    Bond(#[from] BondError),
    /// A spend cannot be made.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// Nothing can be drawn.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The chain did what it must not, or the bond counts when it must not.
    #[error("{0}")]
    Unexpected(String),
}

impl From<narthex_regtest::Error> for LifeError {
    fn from(error: narthex_regtest::Error) -> Self {
        LifeError::FundingStatus(error.into())
    }
}

impl From<BondFault> for LifeError {
    fn from(fault: BondFault) -> Self {
        LifeError::FundingStatus(fault.into())
    }
}
