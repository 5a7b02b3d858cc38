//! The two sides of a penny bank, and bankers between banks.
//!
//! [`Payer`] and [`Provider`] are the sides with their keys, whose records are written as a whole: they sign, give pennies
//! and take them ([`ProviderBook`] without a key). A [`Banker`] has a bank with each customer and forwards point-locked
//! payments ([`ptlc`](crate::ptlc)) from one to the next; see `docs/contracts/bankers.md`.
//!
//! [`PayerMachine`] and [`ProviderMachine`] are the sides as machines. Neither holds a key, a chain's seed or a nonce. What they need signed they ask for: by [`BankEffect::Sign`], and the answer,
//! a whole transaction, is [`BankInput::Left`]. A signature of both comes of a session in memory that nobody writes down.
//! One that died is begun anew, over the same message, with nonces of its own; until it is complete and written nothing
//! that was signed before is given up (`docs/adr/0051-banks-on-disk.md`).
//!
//! What is kept is small: a payment is one entry of 10 bytes on the payer's side and of 82 on the provider's.
//!
//! Banks that bear PTLCs are not kept by these machines: a banker's record is.

mod banker;
mod claims;
mod codec;
mod ending;
mod error;
mod held;
mod lineage;
mod machine;
mod messages;
mod meter;
mod offers;
mod payer;
mod provider;
mod purse;
mod record;
mod table;
mod talk;

use bitcoin::Transaction;
use narthex_contracts::bank::{
    AdaptorCommitment, AdaptorCommitments, Bank, BankError, BankFunding, Penny,
};

pub use banker::{Banker, BankerDuty, BankerRecord, ForwardLog, Shown};
pub use claims::{PennyClaims, PennyPtlc};
pub use error::BankerError;
pub use held::{Held, Known, Receipted};
pub use lineage::{Lineage, MAX_RESUMED};
pub use machine::{BankMachine, Paying, Receiving, Side};
pub use messages::{Settled, receipt};
pub use meter::{Meter, MeterError};
pub use payer::Payer;
pub use provider::{GoodPenny, Provider, ProviderBook};
pub use purse::Purse;
pub use record::{Accepted, Given, PayerDuty, PayerRecord, ProviderDuty, ProviderRecord};
pub use talk::{BankConsent, BankFigures, BankTalk, Closing};

/// The payer's side.
pub type PayerMachine = BankMachine<Paying>;
/// The provider's.
pub type ProviderMachine = BankMachine<Receiving>;

/// Where the own chain has a bank's coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoinAt {
    /// Not confirmed.
    Nowhere,
    /// In the bank; a short reorganisation does not take it away if `is_deep`.
    Banked {
        /// Deep enough, by this party's policy, to give something for what it pays.
        is_deep: bool,
    },
    /// Force-closed, at this height.
    ForceClosed {
        /// Height that confirmed the force close.
        height: u32,
    },
    /// Spent, and no reorganisation has to be reckoned with if `is_deep`.
    Spent {
        /// Deep enough to be forgotten.
        is_deep: bool,
    },
}

/// As whoever does not ask how deep the end of the coin lies sees it.
impl From<CoinAt> for Coin {
    fn from(at: CoinAt) -> Coin {
        match at {
            CoinAt::Nowhere => Coin::Unfunded,
            CoinAt::Banked { is_deep } => Coin::Banked { is_deep },
            CoinAt::ForceClosed { height } => Coin::ForceClosed { height },
            CoinAt::Spent { .. } => Coin::Spent,
        }
    }
}

/// How a party leaves a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// By agreement, after `paid` pennies, from the bank or the force-closed coin.
    Close {
        /// Pennies for the provider.
        paid: u32,
        /// Its own fee, in sat, out of the payer's part.
        fee_sat: u64,
        /// Whether it spends the force-closed coin.
        force_closed: bool,
    },
    /// By agreement, into a bank that goes on.
    Resume {
        /// Pennies for the provider first.
        paid: u32,
        /// The transaction that moves the coin: it commits to the bank that goes on.
        txid: [u8; 32],
    },
    /// The provider's claim by a commitment.
    Claim {
        /// Its number.
        commitment: u32,
    },
    /// The payer takes back what nobody force-closed until T.
    Refund,
    /// The payer takes back what was force-closed and not claimed in D blocks.
    TimeoutRefund,
}

impl Leaving {
    /// Whether both sign it.
    pub const fn is_agreed(&self) -> bool {
        matches!(self, Self::Close { .. } | Self::Resume { .. })
    }

    /// Whether it spends the coin where it is. What was signed for another place cannot confirm there: it keeps nobody
    /// from leaving otherwise, and counts again if a reorganisation takes the coin back.
    pub const fn is_of(&self, coin: CoinAt) -> bool {
        match (self, coin) {
            (Self::Close { force_closed, .. }, CoinAt::ForceClosed { .. }) => *force_closed,
            (Self::Close { force_closed, .. }, CoinAt::Banked { .. }) => !*force_closed,
            (Self::Refund, CoinAt::Banked { .. }) => true,
            (
                Self::Resume { .. } | Self::Claim { .. } | Self::TimeoutRefund,
                CoinAt::ForceClosed { .. },
            ) => true,
            _ => false,
        }
    }

    /// Whether a child pays its fee; else it pays its own.
    pub const fn needs_child(&self) -> bool {
        !matches!(self, Self::Close { .. })
    }
}

/// What comes to a side of a bank.
#[derive(Clone, Debug, PartialEq)]
pub enum BankInput {
    /// Terms that the owner agrees to, and has not signed.
    Propose(Lineage),
    /// The opening came to nothing.
    Abandon,
    /// Both parties' signature on the force close.
    Signed {
        /// Complete.
        force_close: [u8; 64],
    },
    /// The payer's wallet has signed the funding.
    Funded(Transaction),
    /// Where the coin is.
    Coin(CoinAt),
    /// The owner pays, up to this penny.
    Pay {
        /// Number of the last penny given then.
        to: u32,
    },
    /// The payer's commitments.
    AdaptorCommitments(AdaptorCommitments),
    /// A penny.
    Penny(Penny),
    /// The owner stops the bank.
    ForceClose,
    /// The owner leaves, with the tip at this height.
    Leave {
        /// Height of the tip.
        tip: u32,
        /// How.
        how: Leaving,
    },
    /// The signer's answer: the transaction that leaves.
    Left(Transaction),
}

/// What is kept of a bank.
#[derive(Clone, Debug, PartialEq)]
pub enum BankChange {
    /// Terms.
    Proposed(Lineage),
    /// No terms.
    Abandoned,
    /// The force close is signed.
    Signed {
        /// Both parties' signature.
        force_close: [u8; 64],
    },
    /// The funding is signed.
    Funded(Transaction),
    /// The coin moved.
    Coin(CoinAt),
    /// Pennies were given away.
    Paid {
        /// The last.
        to: u32,
    },
    /// Commitments to hold.
    AdaptorCommitments(Vec<AdaptorCommitment>),
    /// A penny was taken.
    Taken(GoodPenny),
    /// The bank is to be stopped.
    ForceClosing,
    /// It is left so.
    Leaving(Leaving),
    /// By this transaction.
    Left(Transaction),
}

/// What is to be done for a bank.
#[derive(Clone, Debug, PartialEq)]
pub enum BankEffect {
    /// Sign the force close with the other side, or abandon.
    Cosign,
    /// Have the wallet sign the funding.
    Fund,
    /// Give the penny of this number, and the commitments that the provider asks for.
    Give {
        /// Its number.
        to: u32,
    },
    /// Publish a transaction that pays its own fee.
    Publish(Transaction),
    /// Publish one that a child pays for.
    PublishWithChild(Transaction),
    /// Sign what leaves the bank: alone, or with the other side.
    Sign(Leaving),
}

/// Why a side of a bank does not take something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SideError {
    /// By the rules of banks.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// Not as it stands. The fault of whoever asks.
    #[error("a bank that is {state} takes no {what}{hint}")]
    State {
        /// Where it stands.
        state: &'static str,
        /// What was tried.
        what: &'static str,
        /// What comes first.
        hint: &'static str,
    },
    /// The payer asks for fewer pennies than it has given.
    #[error("{given} pennies were given already; {to} are fewer")]
    Given {
        /// How many were given.
        given: u32,
        /// How many are asked for.
        to: u32,
    },
    /// It is too early.
    #[error("not before height {from}; the next block is {next}")]
    Early {
        /// First height at which it confirms.
        from: u32,
        /// Height of the next block.
        next: u32,
    },
    /// The signer's answer is another transaction. The signer's fault.
    #[error("the signed transaction is {found}, not {expected}")]
    OtherTransaction {
        /// What was asked for.
        expected: bitcoin::Txid,
        /// What came.
        found: bitcoin::Txid,
    },
}

/// Where the chain says the bank's coin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coin {
    /// Not confirmed yet.
    Unfunded,
    /// In the bank.
    Banked {
        /// So deep that the party that asks gives something for what it pays (see
        /// [`Depth`](narthex_contracts::depth::Depth)).
        is_deep: bool,
    },
    /// Force-closed.
    ForceClosed {
        /// Height that confirmed the force close.
        height: u32,
    },
    /// Gone: claimed, given back, or moved on.
    Spent,
}

/// Checks that `next` goes on with the force-closed coin of `bank` and that what it pays first is allowed.
fn resume_paid(
    bank: &Bank,
    next: &Bank,
    allowed: impl FnOnce(u32) -> bool,
) -> Result<(), BankError> {
    use bitcoin::hashes::Hash;
    let BankFunding::ForceClosed { prior, paid } = next.terms().record().funding else {
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
