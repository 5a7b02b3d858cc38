//! Why a banker does not pass a payment on.

use bitcoin::hex::DisplayHex;
use narthex_contracts::bank::{BankError, CoinError};

use crate::ptlc::PtlcError;

/// Why a banker does not pass a payment on, or a payee gives no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BankerError {
    /// The banker has no such bank, on this side. The sender's fault.
    #[error("no bank {}", .0.as_hex())]
    NoBank([u8; 32]),
    /// A bank with the same keys, salt, number and value of pennies is open. The fault of who proposed it.
    #[error("a bank {} is open already; another takes another salt", .0.as_hex())]
    Known([u8; 32]),
    /// A receipt was given for this promise and something else. The asker's fault.
    #[error("the promise was receipted for something else")]
    OtherMemo,
    /// Nothing is promised to the banker for the order. The sender's fault.
    #[error("no promise of {count} pennies is pending for this order")]
    NoPromise {
        /// How many the order says.
        count: u32,
    },
    /// No payment is known under this point. The sender's fault.
    #[error("no payment goes through this promise")]
    NoHop,
    /// A bank's coin is not good.
    #[error("bank {}: {error}", bank.as_hex())]
    Coin {
        /// Which bank.
        bank: [u8; 32],
        /// What is wrong.
        error: CoinError,
    },
    /// The payment is refused by the rules of all places.
    #[error(transparent)]
    Ptlc(#[from] PtlcError),
    /// A bank refuses.
    #[error(transparent)]
    Bank(#[from] BankError),
}
