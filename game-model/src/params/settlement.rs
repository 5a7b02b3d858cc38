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

mod audited;
mod hardened;
mod outcome;
mod paper;
mod payout;
mod shares;

pub use outcome::Outcome;
pub use payout::{Party, Payout};

use crate::arbiters::ArbiterSet;
use crate::params::{Params, Template};

/// The largest panel for which scheme 5 tells arbiters that ruled from silent ones. Above it the
/// pre-signed variants would be too many, and all are slashed alike (the Prometheus paper's rule).
pub const MAX_PANEL_WITH_NAMED_SILENCE: u8 = 7;

/// Why an outcome has no payout under a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettlementError {
    /// The template has no such scheme.
    #[error("the {template} template has no outcome `{outcome}`")]
    NotInLayout {
        /// The record's template.
        template: Template,
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

/// The payout of `outcome` under `params`; its total is exactly what the settlement spends: the
/// contract output and, in schemes 5 to 7, all stake outputs.
///
/// # Errors
/// See [`SettlementError`]. A valid [`Params`] and an outcome of its template whose sets lie in the
/// panel, majorities with at least k members, have a payout.
pub fn settle(params: &Params, outcome: Outcome) -> Result<Payout, SettlementError> {
    if let Some(set) = outcome.named_arbiters() {
        check_set(params, outcome, set)?;
    }
    let insolvent = || SettlementError::Insolvent {
        scheme: outcome.scheme(),
    };
    let shares = match (params.template(), outcome) {
        (template, outcome) if !outcome.is_in(template) => {
            return Err(SettlementError::NotInLayout { template, outcome });
        }
        (Template::Audited, _) => audited::shares(params, outcome),
        (Template::Hardened, _) => hardened::shares(params, outcome),
        (Template::Paper, _) => paper::shares(params, outcome),
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
    let is_majority = !outcome.is_undecided();
    if is_majority && (set.is_empty() || set.len() < quorum) {
        return Err(SettlementError::NoMajority { set, quorum });
    }
    Ok(())
}
