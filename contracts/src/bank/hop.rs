//! What a banker asks of the two banks that a payment goes through, and what it keeps of each payment.

use bitcoin::{Amount, secp256k1::SecretKey};
use hex_conservative::DisplayHex;
use serde::{Deserialize, Serialize};

use super::{Bank, BankError, BankTerms, CheckError, Order, Sight};
use crate::depth::Depth;

/// Fewest blocks that a banker keeps for itself. Between them it must have confirmed, one after the other: the freeze
/// of the bank in which it pays, its end, and the claim in the bank in which it is paid.
pub const MIN_MARGIN: u16 = 6;

/// On what conditions a banker passes payments on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Blocks that it keeps for itself, at least [`MIN_MARGIN`].
    pub margin: u16,
    /// How deep a bank's coin must be, and what ends it.
    pub depth: Depth,
    /// What it keeps of each payment, in sat…
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub fee_sat: Amount,
    /// …and of each million of what it passes on.
    pub fee_ppm: u32,
}

/// Why a banker does not pass a payment on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HopError {
    /// The policy is not safe. The banker's fault.
    #[error("policy: {field} is {given}; at least {least} is safe")]
    Policy {
        /// Which field.
        field: &'static str,
        /// What it is.
        given: u32,
        /// What it must be.
        least: u32,
    },
    /// The two banks' delays do not leave the banker its margin. Whoever chose the way is at fault.
    #[error(
        "{what} of the bank that is paid from must be at least {wanted} for that of the other, and is {given}"
    )]
    Timing {
        /// D or T.
        what: &'static str,
        /// What it is.
        given: u32,
        /// What it must be.
        wanted: u32,
    },
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
    /// The order is not of who knows the promise's secret. The sender's fault.
    #[error("the order is not signed with the secret of its promise")]
    Proof,
    /// Another order for the same promise was taken, or one that led to the same promise. The sender's fault.
    #[error("the promise is used by another order")]
    Taken,
    /// Too little is left to the banker. The sender's fault.
    #[error("the banker is left {given}, {due} is due")]
    Fee {
        /// What is left.
        given: Amount,
        /// What is due.
        due: Amount,
    },
    /// The points cancel each other. The sender's fault.
    #[error("the two points of an order cancel each other")]
    Infinity,
    /// No payment is known under this point. The sender's fault.
    #[error("no payment goes through this promise")]
    NoHop,
    /// A way that does not hold together. The caller's fault.
    #[error("way: {0}")]
    Way(&'static str),
    /// The receipt is not the payee's, or of something else. The payee's fault.
    #[error("the receipt is not the payee's for this promise")]
    Receipt,
    /// A bank's coin is not good.
    #[error("bank {}: {error}", bank.as_hex())]
    Coin {
        /// Which bank.
        bank: [u8; 32],
        /// What is wrong.
        error: CheckError,
    },
    /// A bank refuses.
    #[error(transparent)]
    Bank(#[from] BankError),
}

impl Policy {
    /// Checks the policy.
    pub fn check(self) -> Result<Policy, HopError> {
        let bad = |field, given: u32, least: u32| HopError::Policy {
            field,
            given,
            least,
        };
        if self.margin < MIN_MARGIN {
            return Err(bad("margin", self.margin.into(), MIN_MARGIN.into()));
        }
        Ok(self)
    }

    /// What is kept of a payment that passes `amount` on.
    pub fn fee(&self, amount: Amount) -> Option<Amount> {
        let part = u128::from(amount.to_sat()) * u128::from(self.fee_ppm) / 1_000_000;
        let part = Amount::from_sat(u64::try_from(part).ok()?);
        self.fee_sat.checked_add(part)
    }

    /// Fails unless the banker can collect in `from` whatever happens at the end of `to`, however late:
    /// D of `from` ≥ D of `to` + margin, and T of `from` ≥ T of `to` + D of `to` + margin.
    pub fn check_timing(&self, from: &BankTerms, to: &BankTerms) -> Result<(), HopError> {
        let (from, to) = (from.record(), to.record());
        let (d, margin) = (u32::from(to.claim_blocks), u32::from(self.margin));
        let least = |what, given: u32, wanted: u32| match given < wanted {
            true => Err(HopError::Timing {
                what,
                given,
                wanted,
            }),
            false => Ok(()),
        };
        least("D", from.claim_blocks.into(), d.saturating_add(margin))?;
        let t = to.refund_height.saturating_add(d).saturating_add(margin);
        least("T", from.refund_height, t)
    }

    /// Fails unless what comes in pays for what goes out and the fee.
    pub(super) fn check_fee(
        &self,
        order: &Order,
        from: &BankTerms,
        to: &BankTerms,
    ) -> Result<(), HopError> {
        let (given, passed) = (from.worth(order.in_count), to.worth(order.out_count));
        let due = self.fee(passed).unwrap_or(Amount::MAX_MONEY);
        let kept = given.checked_sub(passed);
        match kept.is_some_and(|kept| kept >= due) {
            true => Ok(()),
            false => Err(HopError::Fee {
                given: kept.unwrap_or(Amount::ZERO),
                due,
            }),
        }
    }

    /// Fails unless a bank's coin is good.
    pub(super) fn check_coin(&self, bank: &Bank, sight: &Sight) -> Result<(), HopError> {
        let checked = bank.check_coin(sight, self.depth);
        checked.map_err(|error| HopError::Coin {
            bank: bank.terms().bank(),
            error,
        })
    }
}

/// A payment on its way through a banker, from the banker's own promise on. Part of the banker's record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// What was asked for.
    pub order: Order,
    /// The secret of the banker's own promise, once it was shown, or read from a claim.
    pub secret: Option<SecretKey>,
    /// Nothing is owed for it any more: the pennies were given, or claimed, or the bank ended without.
    pub paid: bool,
    /// Nothing is to be had for it any more.
    pub collected: bool,
}

impl std::fmt::Debug for Hop {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hop")
            .field("order", &self.order)
            .field("known", &self.secret.is_some())
            .field("paid", &self.paid)
            .field("collected", &self.collected)
            .finish()
    }
}
