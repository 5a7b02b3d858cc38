//! The bank's coin as a party sees it on its own chain: nothing is accepted without it.

use bitcoin::{Amount, TxOut};

use super::{Bank, BankError};
use crate::depth::Depth;

/// What the own chain says of the bank's coin, before any force close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundingStatus {
    /// Height of the tip.
    pub tip: u32,
    /// The output at the bank's outpoint and the height that confirmed it, if it is confirmed and not spent.
    pub found: Option<(TxOut, u32)>,
}

/// Why a bank's pennies and promises are not worth anything now. The payer's fault, or only time's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoinError {
    /// Not confirmed, or spent already.
    #[error("the bank's coin is not on the chain, or spent")]
    Absent,
    /// Another amount or script than the terms say.
    #[error("the bank's coin holds {found}, not {wanted} under the terms' script")]
    Other {
        /// What it holds.
        found: Amount,
        /// What it should.
        wanted: Amount,
    },
    /// Too few confirmations.
    #[error("the bank's coin has {found} confirmations of {wanted}")]
    Shallow {
        /// How many it has.
        found: u32,
        /// How many are wanted.
        wanted: u32,
    },
    /// So near to T that the provider must force-close.
    #[error(
        "the next block, {next}, is at or above {force_close_height}, where the provider force-closes"
    )]
    Late {
        /// Height of the next block.
        next: u32,
        /// T − D.
        force_close_height: u32,
    },
}

impl Bank {
    /// Fails unless the bank's coin is there, `depth` blocks deep, and T far enough.
    pub fn check_coin(&self, status: &FundingStatus, depth: Depth) -> Result<(), CheckError> {
        let (_, wanted) = self.coin(false)?;
        let (found, height) = status.found.as_ref().ok_or(CoinError::Absent)?;
        if *found != wanted {
            let (found, wanted) = (found.value, wanted.value);
            return Err(CoinError::Other { found, wanted }.into());
        }
        let next = status.tip.saturating_add(1);
        let confirmations = next.saturating_sub(*height);
        if !depth.is_reached(*height, status.tip) {
            let (found, wanted) = (confirmations, depth.blocks());
            return Err(CoinError::Shallow { found, wanted }.into());
        }
        let force_close_height = self.terms().force_close_height();
        match next >= force_close_height {
            true => Err(CoinError::Late {
                next,
                force_close_height,
            }
            .into()),
            false => Ok(()),
        }
    }
}

/// Why a look at a bank's coin failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// It shows that the coin is not good.
    #[error(transparent)]
    Coin(#[from] CoinError),
    /// The coin cannot be derived from the terms.
    #[error(transparent)]
    Bank(#[from] BankError),
}
