//! The audited table: as hardened, and three rows for the client's challenge of an approval.

use super::Outcome;
use super::hardened::{self, keep_bond, slash_minority, slash_silent};
use super::shares::{Shares, transfer};
use crate::params::Params;

/// Shares of each party, `None` if a party would be overdrawn. Each line is one cell of the table.
///
/// The arbiters share x however they rule, so that none earns more by one ruling than by the other. A client whose
/// challenge is not decided gets no γw: whoever accuses must not gain by a panel that says nothing.
pub(super) fn shares(params: &Params, outcome: Outcome) -> Option<Shares> {
    let audit = params.audit()?;
    let (w, v) = (params.worker_stake(), params.verifier_stake());
    let mut s = Shares::deposits(params, outcome)?;
    match outcome {
        Outcome::ChallengeUpheld { majority } => {
            // Both stakes are forfeit; what is left of them behind compensation and arbiters is burnt.
            let forfeit = w.checked_add(v)?;
            s.worker = s.worker.checked_sub(w)?;
            s.verifier = s.verifier.checked_sub(v)?;
            s.client = s.client.checked_add(audit.compensation)?;
            let rest = forfeit.checked_sub(audit.compensation)?;
            s.fund = s.fund.checked_add(rest.checked_sub(audit.bond)?)?;
            s.split(majority, audit.bond)?;
            slash_minority(params, &mut s, majority)?;
        }
        Outcome::ChallengeDismissed { majority } => {
            transfer(&mut s.client, &mut s.worker, params.worker_share())?;
            transfer(&mut s.client, &mut s.verifier, params.verifier_reward())?;
            keep_bond(params, &mut s)?;
            s.client = s.client.checked_sub(audit.bond)?;
            s.split(majority, audit.bond)?;
            slash_minority(params, &mut s, majority)?;
        }
        Outcome::ChallengeUndecided { ruled } => {
            let epsilon = params.epsilon();
            transfer(&mut s.client, &mut s.fund, epsilon.floor_of(audit.bond))?;
            transfer(&mut s.worker, &mut s.fund, epsilon.floor_of(w))?;
            transfer(&mut s.verifier, &mut s.fund, epsilon.floor_of(v))?;
            slash_silent(params, &mut s, ruled)?;
        }
        other => return hardened::shares(params, other),
    }
    Some(s)
}
