//! The hardened table: the Prometheus paper's seven schemes with its defects mended.

use bitcoin_units::Amount;

use super::shares::{Shares, transfer};
use super::{MAX_PANEL_WITH_NAMED_SILENCE, Outcome};
use crate::arbiters::ArbiterSet;
use crate::params::Params;

/// Shares of each party, `None` if a party would be overdrawn. Each line is one cell of the table.
pub(super) fn shares(params: &Params, outcome: Outcome) -> Option<Shares> {
    let mut s = Shares::deposits(params, outcome)?;
    let (w, v) = (params.worker_stake(), params.verifier_stake());
    let reward = params.verifier_reward();
    match outcome {
        Outcome::WorkerTimedOut => {
            transfer(&mut s.worker, &mut s.fund, params.alpha().floor_of(w))?;
        }
        Outcome::WorkerWithheld => {
            // The verifier did its work, so it is paid first, as far as the penalty goes.
            let penalty = params.alpha().floor_of(w);
            let paid = penalty.min(reward);
            transfer(&mut s.worker, &mut s.verifier, paid)?;
            transfer(&mut s.worker, &mut s.fund, penalty.checked_sub(paid)?)?;
        }
        Outcome::VerifierTimedOut => {
            transfer(&mut s.verifier, &mut s.client, params.beta().floor_of(v))?;
            transfer(&mut s.client, &mut s.worker, params.worker_share())?;
        }
        Outcome::Normal => {
            transfer(&mut s.client, &mut s.worker, params.worker_share())?;
            transfer(&mut s.client, &mut s.verifier, reward)?;
            keep_bond(params, &mut s)?;
        }
        Outcome::FaultyUnappealed => {
            let verifier = reward.checked_add(params.bounty())?;
            let penalty = params.delta().floor_of(w);
            transfer(&mut s.worker, &mut s.verifier, verifier)?;
            transfer(&mut s.worker, &mut s.fund, penalty.checked_sub(verifier)?)?;
        }
        Outcome::ArbitrationFailed { ruled } => failed(params, &mut s, ruled)?,
        Outcome::WorkerAtFault { majority } => {
            let verifier = reward.checked_add(params.bounty())?;
            let pot = dispute_pot(params)?;
            transfer(&mut s.worker, &mut s.verifier, verifier)?;
            s.worker = s.worker.checked_sub(pot)?;
            s.split(majority, pot)?;
            slash_minority(params, &mut s, majority)?;
        }
        Outcome::VerifierAtFault { majority } => {
            let pot = dispute_pot(params)?;
            transfer(&mut s.client, &mut s.worker, params.reward())?;
            s.verifier = s.verifier.checked_sub(pot)?;
            s.split(majority, pot)?;
            let rest = s.verifier;
            transfer(&mut s.verifier, &mut s.fund, rest)?;
            slash_minority(params, &mut s, majority)?;
        }
        Outcome::ChallengeUndecided { .. }
        | Outcome::ChallengeUpheld { .. }
        | Outcome::ChallengeDismissed { .. } => return None,
    }
    Some(s)
}

/// A client that has paid the reward keeps its bond, where it has one. ⌊ρc⌋ + ⌊(1−ρ)c⌋ can be one satoshi short of c.
pub(super) fn keep_bond(params: &Params, s: &mut Shares) -> Option<()> {
    let bond = params.challenge_bond();
    s.rounding = s.client.checked_sub(bond)?;
    s.client = bond;
    Some(())
}

/// What the arbiters share in schemes 6 and 7: `w − φ − b`. It is the same in both, so that no
/// arbiter earns more by one ruling than by the other.
fn dispute_pot(params: &Params) -> Option<Amount> {
    params
        .worker_stake()
        .checked_sub(params.verifier_reward())?
        .checked_sub(params.bounty())
}

/// Scheme 5. The client's γw is taken out of the worker's εw, not on top of it.
fn failed(params: &Params, s: &mut Shares, ruled: ArbiterSet) -> Option<()> {
    let (w, v) = (params.worker_stake(), params.verifier_stake());
    let worker_penalty = params.epsilon().floor_of(w);
    let compensation = params.gamma().floor_of(w);
    transfer(&mut s.worker, &mut s.client, compensation)?;
    let rest = worker_penalty.checked_sub(compensation)?;
    transfer(&mut s.worker, &mut s.fund, rest)?;
    transfer(&mut s.verifier, &mut s.fund, params.epsilon().floor_of(v))?;
    slash_silent(params, s, ruled)
}

/// What a failed arbitration takes from the arbiters that did not rule.
pub(super) fn slash_silent(params: &Params, s: &mut Shares, ruled: ArbiterSet) -> Option<()> {
    let spared = if params.arbiters() <= MAX_PANEL_WITH_NAMED_SILENCE {
        ruled
    } else {
        ArbiterSet::empty()
    };
    let silent = spared.complement(params.arbiters());
    s.slash(silent, params.epsilon().floor_of(params.arbiter_stake()))
}

pub(super) fn slash_minority(params: &Params, s: &mut Shares, majority: ArbiterSet) -> Option<()> {
    let minority = majority.complement(params.arbiters());
    s.slash(minority, params.arbiter_stake())
}
