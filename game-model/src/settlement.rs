//! The settlement table: who holds what after each outcome, to the satoshi.
//!
//! # Rounding
//! Each product of a fraction and an amount (αw, βv, γw, δw, εw, εv, εa, ρc, φ = (1−ρ)c) and each
//! share `pot/j` is floored in satoshi. What flooring leaves over belongs to the client; where the
//! client has no output of its own (schemes 3 and 7) these few satoshi, fewer than 16, are added
//! to the worker's output instead of making an output of dust.
//!
//! # Dust
//! A fund share below the record's dust limit is added to the first of client, worker, verifier
//! that has an output. A positive share of anybody else below the limit refuses the contract when
//! its [`Params`] are made, so no settlement of a valid contract has one.
//!
//! # Retainer
//! An arbiter's stake output holds `a` and the retainer. In schemes 5 to 7, where the stakes are
//! spent, each arbiter's share includes the retainer whatever it did; in schemes 1 to 4 the stake
//! outputs stay with their owners, and no share of theirs is part of the payout.

mod hardened;
mod paper;

use std::fmt;

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

use crate::arbiters::ArbiterSet;
use crate::params::{Layout, Params};

/// The largest panel for which scheme 5 tells arbiters that ruled from silent ones. Above it the
/// pre-signed variants would be too many, and all are slashed alike (the Prometheus paper's rule).
pub const MAX_PANEL_WITH_NAMED_SILENCE: u8 = 7;

/// How a contract ends: one of the seven settlement schemes, with what selects its variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Scheme 1: the worker delivered nothing in time.
    WorkerTimedOut,
    /// Scheme 1': the verifier approved, then the worker withheld the result secret. Not part of
    /// the paper's layout.
    WorkerWithheld,
    /// Scheme 2: the verifier gave no verdict in time.
    VerifierTimedOut,
    /// Scheme 3: delivered, approved, opened.
    Normal,
    /// Scheme 4: rejected, and the worker admits or does not appeal.
    FaultyUnappealed,
    /// Scheme 5: the panel reached no coherent majority; `ruled` revealed a ruling nonetheless.
    /// Layouts and panels that do not tell silence apart ignore `ruled`.
    ArbitrationFailed {
        /// Arbiters that revealed any ruling.
        ruled: ArbiterSet,
    },
    /// Scheme 6: `majority` found the worker at fault.
    WorkerAtFault {
        /// The coherent majority A⁺.
        majority: ArbiterSet,
    },
    /// Scheme 7: `majority` found the verifier at fault.
    VerifierAtFault {
        /// The coherent majority A⁺.
        majority: ArbiterSet,
    },
}

impl Outcome {
    /// Number of the settlement scheme, 1 to 7; both forms of the worker's time-out are 1.
    pub const fn scheme(self) -> u8 {
        match self {
            Self::WorkerTimedOut | Self::WorkerWithheld => 1,
            Self::VerifierTimedOut => 2,
            Self::Normal => 3,
            Self::FaultyUnappealed => 4,
            Self::ArbitrationFailed { .. } => 5,
            Self::WorkerAtFault { .. } => 6,
            Self::VerifierAtFault { .. } => 7,
        }
    }

    /// Whether the arbiters' stakes are among the coins that the settlement spends.
    pub const fn spends_stakes(self) -> bool {
        self.scheme() >= 5
    }

    /// The arbiter set that the outcome names, if any.
    pub const fn named_arbiters(self) -> Option<ArbiterSet> {
        match self {
            Self::ArbitrationFailed { ruled } => Some(ruled),
            Self::WorkerAtFault { majority } | Self::VerifierAtFault { majority } => Some(majority),
            _ => None,
        }
    }

    /// One outcome of every kind that has a payout of its own: each scheme of the layout, scheme 5
    /// with nobody and with everybody ruling, schemes 6 and 7 with every majority size. Which
    /// arbiters are in a set changes only whose output is whose.
    pub fn kinds(layout: Layout, panel: u8, quorum: u8) -> impl Iterator<Item = Self> {
        let withheld = matches!(layout, Layout::Hardened).then_some(Self::WorkerWithheld);
        let unnamed = [
            Self::WorkerTimedOut,
            Self::VerifierTimedOut,
            Self::Normal,
            Self::FaultyUnappealed,
        ];
        let failed = [ArbiterSet::empty(), ArbiterSet::full(panel)]
            .map(|ruled| Self::ArbitrationFailed { ruled });
        let ruled = (quorum..=panel).flat_map(|size| {
            let majority = ArbiterSet::full(size);
            [
                Self::WorkerAtFault { majority },
                Self::VerifierAtFault { majority },
            ]
        });
        unnamed
            .into_iter()
            .chain(withheld)
            .chain(failed)
            .chain(ruled)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkerTimedOut => f.write_str("1: worker timed out"),
            Self::WorkerWithheld => f.write_str("1': worker withheld the result secret"),
            Self::VerifierTimedOut => f.write_str("2: verifier timed out"),
            Self::Normal => f.write_str("3: normal"),
            Self::FaultyUnappealed => f.write_str("4: worker faulty, no appeal"),
            Self::ArbitrationFailed { ruled } => {
                write!(f, "5: arbitration failed, {ruled} ruled")
            }
            Self::WorkerAtFault { majority } => write!(f, "6: {majority} find worker at fault"),
            Self::VerifierAtFault { majority } => {
                write!(f, "7: {majority} find verifier at fault")
            }
        }
    }
}

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
    #[serde(with = "crate::serde_sat::list", rename = "arbiters_sat")]
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

/// Why an outcome has no payout under a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettlementError {
    /// The layout has no such scheme.
    #[error("the {layout} layout has no outcome `{outcome}`")]
    NotInLayout {
        /// The record's layout.
        layout: Layout,
        /// The outcome asked for.
        outcome: Outcome,
    },
    /// The set names an arbiter that the panel does not have.
    #[error("{set} names arbiters outside the panel of {panel}")]
    OutsidePanel {
        /// The set in the outcome.
        set: ArbiterSet,
        /// Number of arbiters in the panel.
        panel: u8,
    },
    /// A majority smaller than k = ⌈μn⌉.
    #[error("{set} is no majority: {} arbiters, {quorum} needed", .set.len())]
    NoMajority {
        /// The set in the outcome.
        set: ArbiterSet,
        /// k.
        quorum: u8,
    },
    /// A party would lose more than it holds, or a sum does not fit 64 bits.
    #[error("scheme {scheme} takes more than there is")]
    Insolvent {
        /// Number of the scheme.
        scheme: u8,
    },
    /// The shares do not add up to the coins that the settlement spends.
    #[error("scheme {scheme} pays out {paid} sat of {pot} sat")]
    Unbalanced {
        /// Number of the scheme.
        scheme: u8,
        /// Sum of the shares in satoshi.
        paid: u64,
        /// Value of the spent outputs in satoshi.
        pot: u64,
    },
}

/// Shares before the dust rule, with what flooring left over kept apart.
struct Shares {
    client: Amount,
    worker: Amount,
    verifier: Amount,
    arbiters: Vec<Amount>,
    fund: Amount,
    rounding: Amount,
}

/// The payout of `outcome` under `params`; its total is exactly what the settlement spends: the
/// contract output and, in schemes 5 to 7, all stake outputs.
///
/// # Errors
/// See [`SettlementError`]. A valid [`Params`] and an outcome of its layout whose sets lie in the
/// panel, majorities with at least k members, have a payout.
pub fn settle(params: &Params, outcome: Outcome) -> Result<Payout, SettlementError> {
    if let Some(set) = outcome.named_arbiters() {
        check_set(params, outcome, set)?;
    }
    let insolvent = || SettlementError::Insolvent {
        scheme: outcome.scheme(),
    };
    let shares = match (params.layout(), outcome) {
        (Layout::Paper, Outcome::WorkerWithheld) => {
            let layout = params.layout();
            return Err(SettlementError::NotInLayout { layout, outcome });
        }
        (Layout::Hardened, _) => hardened::shares(params, outcome),
        (Layout::Paper, _) => paper::shares(params, outcome),
    };
    let payout = shares
        .and_then(|shares| shares.with_dust_rule(params.dust_limit()))
        .ok_or_else(insolvent)?;

    let paid = payout.total().ok_or_else(insolvent)?;
    let pot = params.pot(outcome).ok_or_else(insolvent)?;
    if paid != pot {
        return Err(SettlementError::Unbalanced {
            scheme: outcome.scheme(),
            paid: paid.to_sat(),
            pot: pot.to_sat(),
        });
    }
    Ok(payout)
}

fn check_set(params: &Params, outcome: Outcome, set: ArbiterSet) -> Result<(), SettlementError> {
    let panel = params.arbiters();
    if !set.is_subset_of(ArbiterSet::full(panel)) {
        return Err(SettlementError::OutsidePanel { set, panel });
    }
    let quorum = params.quorum();
    let is_majority = !matches!(outcome, Outcome::ArbitrationFailed { .. });
    if is_majority && (set.is_empty() || set.len() < quorum) {
        return Err(SettlementError::NoMajority { set, quorum });
    }
    Ok(())
}

impl Shares {
    /// Everyone's deposit back and nothing changed yet; the stakes only where they are spent.
    fn deposits(params: &Params, outcome: Outcome) -> Option<Self> {
        let stake = params.arbiter_stake().checked_add(params.retainer())?;
        let spent = if outcome.spends_stakes() {
            usize::from(params.arbiters())
        } else {
            0
        };
        Some(Self {
            client: params.reward(),
            worker: params.worker_stake(),
            verifier: params.verifier_stake(),
            arbiters: vec![stake; spent],
            fund: Amount::ZERO,
            rounding: Amount::ZERO,
        })
    }

    fn with_dust_rule(mut self, dust_limit: Amount) -> Option<Payout> {
        let heir = if self.client > Amount::ZERO {
            &mut self.client
        } else {
            &mut self.worker
        };
        *heir = heir.checked_add(self.rounding)?;
        if self.fund > Amount::ZERO && self.fund < dust_limit {
            let heir = [&mut self.client, &mut self.worker, &mut self.verifier]
                .into_iter()
                .find(|share| **share > Amount::ZERO)?;
            *heir = heir.checked_add(self.fund)?;
            self.fund = Amount::ZERO;
        }
        Some(Payout {
            client: self.client,
            worker: self.worker,
            verifier: self.verifier,
            arbiters: self.arbiters,
            fund: self.fund,
        })
    }

    /// Splits `pot` evenly over `majority`; what does not divide is rounding.
    fn split(&mut self, majority: ArbiterSet, pot: Amount) -> Option<()> {
        let size = u64::from(majority.len());
        let (each, rest) = (pot.checked_div(size)?, pot.checked_rem(size)?);
        for index in majority.iter() {
            let share = self.arbiters.get_mut(index)?;
            *share = share.checked_add(each)?;
        }
        self.rounding = self.rounding.checked_add(rest)?;
        Some(())
    }

    /// Moves `penalty` from each arbiter in `set` to the fund.
    fn slash(&mut self, set: ArbiterSet, penalty: Amount) -> Option<()> {
        for index in set.iter() {
            let share = self.arbiters.get_mut(index)?;
            *share = share.checked_sub(penalty)?;
            self.fund = self.fund.checked_add(penalty)?;
        }
        Some(())
    }
}

/// Moves `amount` from one share to another; `None` if the giver does not hold it.
fn transfer(from: &mut Amount, to: &mut Amount, amount: Amount) -> Option<()> {
    *from = from.checked_sub(amount)?;
    *to = to.checked_add(amount)?;
    Some(())
}
