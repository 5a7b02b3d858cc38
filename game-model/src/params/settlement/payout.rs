//! Who holds what after a settlement.

use std::fmt;

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

/// What each party's output holds after an outcome: its deposit and the change the table makes.
/// Zero means that there is no output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payout {
    /// The client C.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "client_sat")]
    pub client: Amount,
    /// The worker W.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "worker_sat")]
    pub worker: Amount,
    /// The verifier V.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "verifier_sat")]
    pub verifier: Amount,
    /// Arbiter `i` at position `i`; empty when the stakes are not in the pot (schemes 1 to 4).
    #[serde(with = "crate::encoding::list", rename = "arbiters_sat")]
    pub arbiters: Vec<Amount>,
    /// The common fund F.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "fund_sat")]
    pub fund: Amount,
}

impl Payout {
    /// The sum of all shares, or `None` beyond 2⁶⁴−1 sat.
    pub fn total(&self) -> Option<Amount> {
        self.shares()
            .try_fold(Amount::ZERO, |sum, (_, share)| sum.checked_add(share))
    }

    /// Every share with its owner in canonical output order: C, W, V, A₁ … Aₙ, F.
    pub fn shares(&self) -> impl Iterator<Item = (Party, Amount)> + '_ {
        let parties = [
            (Party::Client, self.client),
            (Party::Worker, self.worker),
            (Party::Verifier, self.verifier),
        ];
        let arbiters = self.arbiters.iter().copied().enumerate();
        parties
            .into_iter()
            .chain(arbiters.map(|(index, share)| (Party::Arbiter(index), share)))
            .chain([(Party::Fund, self.fund)])
    }
}

/// A party to the contract that can own a share of a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// The client C, who pays for the result.
    Client,
    /// The worker W, who does the whole work.
    Worker,
    /// The verifier V, who recomputes a sample.
    Verifier,
    /// The arbiter with this index in the panel.
    Arbiter(usize),
    /// The common fund F.
    Fund,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Worker => f.write_str("worker"),
            Self::Verifier => f.write_str("verifier"),
            Self::Arbiter(index) => write!(f, "arbiter {index}"),
            Self::Fund => f.write_str("fund"),
        }
    }
}
