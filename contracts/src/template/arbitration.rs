//! What a panel can decide: a settlement for each majority, and for each way in which there is none.

use narthex_game_model::{ArbiterSet, Outcome, Ruling};

use super::{
    Accusation, ContractSecret, Exit, Rulings, TemplateError,
    common::{Draft, relative, spend},
    delivery::by,
    stage,
};
use crate::{
    graph::{KeySetId, NodeId, SecretId, SigningPlan},
    musig::{AdaptorPoint, PointSums},
    party::PartySet,
    terms::{Role, Terms},
};

/// Largest panel whose failed arbitration tells silent arbiters from those that ruled: 3ⁿ cases are signed.
const MAX_ENUMERATED_FAILURES: u8 = narthex_game_model::settlement::MAX_PANEL_WITH_NAMED_SILENCE;

const CLIENT: Role = Role::Client;
const WORKER: Role = Role::Worker;

/// The sums of attestation points under which a panel's decisions are signed.
pub(super) struct Panel {
    worker: PointSums,
    verifier: PointSums,
}

impl Panel {
    pub(super) fn of(terms: &Terms) -> Result<Panel, TemplateError> {
        Ok(Panel {
            worker: PointSums::new(&terms.ruling_points(Ruling::WorkerAtFault)?)?,
            verifier: PointSums::new(&terms.ruling_points(Ruling::VerifierAtFault)?)?,
        })
    }

    /// All that can become of a case that was put before the panel.
    pub(super) fn decide(
        &self,
        draft: &mut Draft<'_>,
        accusation: Accusation,
        case: (NodeId, KeySetId),
    ) -> Result<(), TemplateError> {
        let sums = [&self.worker, &self.verifier];
        rulings(draft, accusation, case, sums)?;
        failures(draft, accusation, case, sums)
    }
}

/// S6 and S7: one transaction per outcome and majority set, the fullest set first.
fn rulings(
    draft: &mut Draft<'_>,
    accusation: Accusation,
    (txa, ka): (NodeId, KeySetId),
    [worker, verifier]: [&PointSums; 2],
) -> Result<(), TemplateError> {
    let params = draft.terms.params();
    let (n, k, per_missing) = (
        params.arbiters(),
        params.quorum(),
        params.windows().per_missing_blocks,
    );
    let t = AdaptorPoint::try_from(draft.terms.result_point())?;
    for (ruling, sums) in [
        (Ruling::WorkerAtFault, worker),
        (Ruling::VerifierAtFault, verifier),
    ] {
        for majority in ArbiterSet::majorities(n, k) {
            let missing = u16::from(n) - majority.len() as u16;
            let (point, result, broadcasters) = match (ruling, sums.sum(majority.mask())?) {
                (Ruling::WorkerAtFault, sum) => (sum, None, Role::everyone(n)),
                (Ruling::VerifierAtFault, sum) => (
                    sum.map(|sum| sum.plus(&t)).transpose()?,
                    Some(SecretId::from(ContractSecret::Result)),
                    [WORKER].into(),
                ),
            };
            let attested = Rulings::of(ruling, majority).secrets();
            let adaptor = draft.adaptor(point, attested.chain(result));
            let input = spend(txa, 0, ka, relative(missing.saturating_mul(per_missing)));
            let mut step = by(
                Exit::ruled_on(accusation, ruling, majority),
                meaning(accusation, ruling),
                broadcasters,
                stage::ARBITRATION.id,
                input,
            );
            step.plan = SigningPlan {
                signature_holders: Role::everyone(n),
                adaptor,
                ..step.plan
            };
            draft.settlement(step, accusation.outcome(ruling.outcome(majority)))?;
        }
    }
    Ok(())
}

/// What a ruling says, in words.
const fn meaning(accusation: Accusation, ruling: Ruling) -> &'static str {
    match (accusation, ruling) {
        (Accusation::Appeal, Ruling::WorkerAtFault) => "arbiters: worker at fault",
        (Accusation::Appeal, Ruling::VerifierAtFault) => {
            "arbiters: verifier at fault; result secret revealed"
        }
        (Accusation::Challenge, Ruling::WorkerAtFault) => {
            "arbiters: the approved work is wrong; worker and verifier lose their stakes"
        }
        (Accusation::Challenge, Ruling::VerifierAtFault) => {
            "arbiters: challenge dismissed; result secret revealed"
        }
    }
}

/// S5 for every way in which no quorum finds the worker at fault: who attested what is known to all, so each
/// case is pre-signed and pays the stake back to those that ruled. Cases with a quorum against the verifier are
/// among them, since only the worker can complete S7 and may never do so.
fn failures(
    draft: &mut Draft<'_>,
    accusation: Accusation,
    (txa, ka): (NodeId, KeySetId),
    [worker_sums, verifier_sums]: [&PointSums; 2],
) -> Result<(), TemplateError> {
    let params = draft.terms.params();
    let (n, k, windows) = (params.arbiters(), params.quorum(), params.windows());
    let enumerated = n <= MAX_ENUMERATED_FAILURES;
    for case in if enumerated {
        failure_cases(n, k)
    } else {
        vec![None]
    } {
        let ruled = case.map_or(ArbiterSet::empty(), Rulings::ruled);
        let (a, b) = case.map_or((0, 0), |r| (r.worker.mask(), r.verifier.mask()));
        let point = match (worker_sums.sum(a)?, verifier_sums.sum(b)?) {
            (Some(a), Some(b)) => Some(a.plus(&b)?),
            (a, b) => a.or(b),
        };
        let attested = case.into_iter().flat_map(Rulings::secrets);
        let adaptor = draft.adaptor(point, attested);
        // As for majorities, each missing ruling costs time, so that nobody can hide one in order to slash.
        let missing = if enumerated {
            u16::from(n) - ruled.len() as u16
        } else {
            0
        };
        let wait = missing.saturating_mul(windows.per_missing_blocks);
        let interested: PartySet = std::iter::once(CLIENT)
            .chain(ruled.iter().map(|i| Role::Arbiter(i as u8)))
            .collect();
        for (by_anyone, broadcasters) in [(false, interested), (true, Role::everyone(n))] {
            let blocks = windows
                .decide_blocks
                .saturating_mul(1 + u16::from(by_anyone))
                .saturating_add(wait);
            let name = Exit::failed_on(accusation, case, by_anyone);
            let input = spend(txa, 0, ka, relative(blocks));
            let mut step = by(
                name,
                "arbitration failed",
                broadcasters,
                stage::ARBITRATION.id,
                input,
            );
            step.plan.adaptor = adaptor;
            let outcome = accusation.outcome(Outcome::ArbitrationFailed { ruled });
            draft.settlement(step, outcome)?;
        }
    }
    Ok(())
}

/// All pairs of disjoint sets of which the first is no quorum, fullest first.
fn failure_cases(n: u8, k: u8) -> Vec<Option<Rulings>> {
    let sets = || (0..1u16 << n).filter_map(ArbiterSet::new);
    let mut cases = Vec::new();
    for worker in sets().filter(|set| set.len() < k) {
        let others = worker.complement(n);
        cases.extend(
            sets()
                .filter(|set| set.is_subset_of(others))
                .map(|verifier| Some(Rulings { worker, verifier })),
        );
    }
    cases.sort_by_key(|case| {
        case.map(|r| {
            (
                std::cmp::Reverse(r.ruled().len()),
                r.ruled().mask(),
                r.worker.mask(),
            )
        })
    });
    cases
}
