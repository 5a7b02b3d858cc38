//! The Prometheus paper's own table ("Settlement schemes", working draft 0.1.0, 2019), nothing
//! mended, for research on the attacks against it.
//!
//! Scheme 4 can be read in several ways; taken here is "φ to the verifier and δw to the fund", the
//! reading that fits the paper's own bound δw ≤ w − φ.

use super::Outcome;
use super::shares::{Shares, transfer};
use crate::arbiters::ArbiterSet;
use crate::params::Params;

/// Shares of each party, `None` if a party would be overdrawn or the paper has no such scheme.
pub(super) fn shares(params: &Params, outcome: Outcome) -> Option<Shares> {
    let mut s = Shares::deposits(params, outcome)?;
    let (w, v, a) = (
        params.worker_stake(),
        params.verifier_stake(),
        params.arbiter_stake(),
    );
    let reward = params.verifier_reward();
    match outcome {
        Outcome::WorkerTimedOut => {
            transfer(&mut s.worker, &mut s.fund, params.alpha().floor_of(w))?;
        }
        Outcome::WorkerWithheld
        | Outcome::ChallengeUndecided { .. }
        | Outcome::ChallengeUpheld { .. }
        | Outcome::ChallengeDismissed { .. } => return None,
        Outcome::VerifierTimedOut => {
            transfer(&mut s.verifier, &mut s.client, params.beta().floor_of(v))?;
            transfer(&mut s.client, &mut s.worker, params.worker_share())?;
        }
        Outcome::Normal => {
            transfer(&mut s.client, &mut s.worker, params.worker_share())?;
            transfer(&mut s.client, &mut s.verifier, reward)?;
            s.rounding = std::mem::take(&mut s.client);
        }
        Outcome::FaultyUnappealed => {
            transfer(&mut s.worker, &mut s.verifier, reward)?;
            transfer(&mut s.worker, &mut s.fund, params.delta().floor_of(w))?;
        }
        Outcome::ArbitrationFailed { .. } => {
            let epsilon = params.epsilon();
            transfer(&mut s.worker, &mut s.client, params.gamma().floor_of(w))?;
            transfer(&mut s.worker, &mut s.fund, epsilon.floor_of(w))?;
            transfer(&mut s.verifier, &mut s.fund, epsilon.floor_of(v))?;
            // The table speaks of ε of the stakes, but the transaction that carries the scheme has
            // no arbiter outputs: everything staked ends in the fund.
            s.slash(ArbiterSet::full(params.arbiters()), a)?;
        }
        Outcome::WorkerAtFault { majority } => {
            s.worker = s.worker.checked_sub(w)?;
            s.split(majority, w)?;
            s.slash(majority.complement(params.arbiters()), a)?;
        }
        Outcome::VerifierAtFault { majority } => {
            transfer(&mut s.client, &mut s.worker, params.reward())?;
            s.verifier = s.verifier.checked_sub(w)?;
            s.split(majority, w)?;
            transfer(&mut s.verifier, &mut s.fund, v.checked_sub(w)?)?;
            s.slash(majority.complement(params.arbiters()), a)?;
        }
    }
    Some(s)
}
