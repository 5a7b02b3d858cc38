//! The hardened template: delivery and verdict are facts on chain when they are disputed.
//!
//! ```text
//! Tx0 ─┬─ S3, S4, S1
//!      └─ TxD ─┬─ S2, S1''
//!              ├─ TxV1 ─ S3', S1'
//!              └─ TxV0 ─┬─ S4'
//!                       └─ TxA ─ S6, S7 per majority set; S5 per set that ruled
//! ```

use bitcoin::{Amount, Sequence};
use narthex_game_model::{ArbiterSet, Outcome, Ruling, Template};

use super::{
    ContractSecret, Exit, Rulings, TemplateEntry, TemplateError,
    common::{Draft, spend},
    stage,
    stake::stake_keys,
    stake_unlock_height,
};
use crate::{
    builder::{PresignedTransaction, UNLOCKED},
    graph::{
        AdaptorId, KeySetId, NodeId, NodeInput, NodeName, NodeOutput, Purpose, ScriptId, SecretId,
        SigningPlan, Stage, TxGraph, Withheld,
    },
    musig::{AdaptorPoint, PointSums},
    party::PartySet,
    terms::{Role, Terms},
};

/// Registry entry.
pub(super) const TEMPLATE: TemplateEntry = TemplateEntry {
    name: "hardened",
    template: Template::Hardened,
    summary: "delivery and verdict on chain before a dispute, relative windows, one point per verdict and majority",
    derive,
};

/// Largest panel whose failed arbitration tells silent arbiters from those that ruled: 3ⁿ cases are signed.
const MAX_ENUMERATED_FAILURES: u8 = narthex_game_model::settlement::MAX_PANEL_WITH_NAMED_SILENCE;

const CLIENT: Role = Role::Client;
const WORKER: Role = Role::Worker;
const VERIFIER: Role = Role::Verifier;

/// Derives the graph.
fn derive(terms: &Terms) -> Result<TxGraph, TemplateError> {
    let mut draft = Draft::new(terms);
    let pot = terms.params().contract_value();
    let result = AdaptorPoint::try_from(terms.result_point())?;
    let result = draft.adaptor(Some(result), [ContractSecret::Result.into()]);

    let k0 = draft.contract_keys("Tx0", Role::PRINCIPALS)?;
    let stakes = stakes(&mut draft)?;
    let mut outputs = vec![draft.contract_output(k0, pot)];
    outputs.extend(stakes.iter().map(|s| s.output.clone()));
    let tx0 = draft.funding(outputs, terms.roles())?;

    settle_early(&mut draft, tx0, k0.0, result)?;
    let kd = draft.contract_keys("TxD", Role::PRINCIPALS)?;
    let delivered = draft.contract_output(kd, pot);
    let txd = draft.step(
        by(
            Exit::DELIVERED,
            "worker delivered",
            [WORKER],
            stage::DELIVERY.id,
            spend(tx0, 0, k0.0, UNLOCKED),
        ),
        vec![delivered],
    )?;
    let rejected = verdicts(&mut draft, txd, kd.0, result)?;
    let appeal = appeal(&mut draft, tx0, rejected, &stakes)?;
    let worker = PointSums::new(&terms.ruling_points(Ruling::WorkerAtFault)?)?;
    let verifier = PointSums::new(&terms.ruling_points(Ruling::VerifierAtFault)?)?;
    rulings(&mut draft, appeal, [&worker, &verifier])?;
    failures(&mut draft, appeal, [&worker, &verifier])?;
    Ok(draft.plain.graph.finish())
}

struct StakeOutput {
    keys: KeySetId,
    output: NodeOutput,
}

/// One output per arbiter: everybody together at any time, its owner alone after the contract's last deadline.
fn stakes(draft: &mut Draft<'_>) -> Result<Vec<StakeOutput>, TemplateError> {
    let params = draft.terms.params();
    let (unlock, value) = (stake_unlock_height(params), params.stake_output_value());
    let everyone = draft.key_set(draft.terms.roles(), None)?;
    (0..draft.terms.panel_size())
        .map(|i| {
            let (keys, descriptor) = stake_keys(draft.terms, &everyone, i, unlock)?;
            let (keys, script): (KeySetId, ScriptId) =
                draft.plain.graph.key_set(keys, Some(descriptor));
            let purpose = Purpose::Held {
                owner: Role::Arbiter(i).into(),
                keys,
                what: "stake",
            };
            Ok(StakeOutput {
                keys,
                output: NodeOutput {
                    value,
                    script,
                    purpose,
                },
            })
        })
        .collect()
}

/// A move that these parties hold complete after setup, without adaptor.
fn by(
    name: NodeName,
    meaning: &'static str,
    broadcasters: impl Into<PartySet>,
    stage: Stage,
    input: NodeInput,
) -> PresignedTransaction {
    let broadcasters = broadcasters.into();
    let signing = SigningPlan {
        stage,
        broadcasters,
        signature_holders: broadcasters,
        withheld: None,
        adaptor: None,
    };
    PresignedTransaction {
        name,
        meaning,
        lock_height: 0,
        inputs: vec![input],
        plan: signing,
        outputs: Vec::new(),
    }
}

/// S3, S4 and S1: what ends a contract in two transactions.
fn settle_early(
    draft: &mut Draft<'_>,
    tx0: NodeId,
    k0: KeySetId,
    result: Option<AdaptorId>,
) -> Result<(), TemplateError> {
    let input = spend(tx0, 0, k0, UNLOCKED);
    // Nobody holds it whole after setup. The verifier's share goes to the client when it approves; the client hands the
    // whole adaptor signature to the worker, once it has verified it. With the verifier's share from the start, client and
    // worker could pay the verifier to a token that it does not know yet; with the client's, worker and verifier could
    // publish what the client cannot take the result secret out of.
    let signing = SigningPlan {
        stage: stage::SETTLEMENT.id,
        broadcasters: [WORKER].into(),
        signature_holders: PartySet::default(),
        withheld: Some(Withheld {
            holder: CLIENT.into(),
            signer: VERIFIER.into(),
        }),
        adaptor: result,
    };
    let s3 = PresignedTransaction {
        name: Exit::NORMAL,
        meaning: "verifier approved, worker reveals the result secret",
        lock_height: 0,
        inputs: vec![input.clone()],
        plan: signing,
        outputs: Vec::new(),
    };
    draft.settlement(s3, Outcome::Normal)?;
    let s4 = by(
        Exit::ADMITTED,
        "worker admits a fault",
        [WORKER],
        stage::SETTLEMENT.id,
        input,
    );
    draft.settlement(s4, Outcome::FaultyUnappealed)?;
    let params = draft.terms.params();
    // The deadline is a height, but the worker has its window after the funding in any case: whoever signs the
    // funding last could otherwise keep it back and publish it when the deadline is over.
    let late = spend(
        tx0,
        0,
        k0,
        Sequence::from_height(params.windows().work_blocks),
    );
    let mut s1 = by(
        Exit::WORKER_TIMEOUT,
        "worker did not deliver",
        [CLIENT, VERIFIER],
        stage::SETTLEMENT.id,
        late,
    );
    s1.lock_height = params.deliver_height();
    draft.settlement(s1, Outcome::WorkerTimedOut)?;
    Ok(())
}

/// S2, both verdicts and what follows them without appeal. Returns the rejection and its key set.
fn verdicts(
    draft: &mut Draft<'_>,
    txd: NodeId,
    kd: KeySetId,
    result: Option<AdaptorId>,
) -> Result<(NodeId, KeySetId), TemplateError> {
    let windows = draft.terms.params().windows();
    let pot = draft.terms.params().contract_value();
    let everyone = Role::principals();
    let stage = stage::DELIVERY.id;

    let input = spend(txd, 0, kd, Sequence::from_height(windows.verdict_blocks));
    let mut s2 = by(
        Exit::VERIFIER_TIMEOUT,
        "verifier was silent; result secret revealed",
        [WORKER],
        stage,
        input,
    );
    // Under the adaptor point all may hold it: only the worker knows the secret, and the client needs it whole.
    s2.plan = SigningPlan {
        signature_holders: everyone,
        adaptor: result,
        ..s2.plan
    };
    draft.settlement(s2, Outcome::VerifierTimedOut)?;

    // The client alone, long after the worker could have settled: else two that are silent together hold its reward.
    let abandoned = windows
        .decide_blocks
        .saturating_mul(2)
        .saturating_add(windows.verdict_blocks);
    let late = spend(txd, 0, kd, Sequence::from_height(abandoned));
    let s1 = by(
        Exit::ABANDONED,
        "worker and verifier are silent after the delivery",
        [CLIENT],
        stage,
        late,
    );
    draft.settlement(s1, Outcome::WorkerTimedOut)?;

    let k1 = draft.contract_keys("TxV1", Role::PRINCIPALS)?;
    let approved = draft.contract_output(k1, pot);
    let input = spend(txd, 0, kd, UNLOCKED);
    let txv1 = draft.step(
        by(
            Exit::APPROVED,
            "verifier approves on chain",
            [VERIFIER],
            stage,
            input.clone(),
        ),
        vec![approved],
    )?;
    let mut s3 = by(
        Exit::NORMAL_LONG,
        "worker reveals the result secret",
        [WORKER],
        stage,
        spend(txv1, 0, k1.0, UNLOCKED),
    );
    s3.plan = SigningPlan {
        signature_holders: everyone,
        adaptor: result,
        ..s3.plan
    };
    draft.settlement(s3, Outcome::Normal)?;
    let late = spend(
        txv1,
        0,
        k1.0,
        Sequence::from_height(windows.complete_blocks),
    );
    let s1 = by(
        Exit::WITHHELD,
        "worker withheld the result secret",
        [CLIENT, VERIFIER],
        stage,
        late,
    );
    draft.settlement(s1, Outcome::WorkerWithheld)?;

    let k0 = draft.contract_keys("TxV0", Role::PRINCIPALS)?;
    let rejected = draft.contract_output(k0, pot);
    let txv0 = draft.step(
        by(Exit::REJECTED, "verifier rejects", [VERIFIER], stage, input),
        vec![rejected],
    )?;
    let late = spend(txv0, 0, k0.0, Sequence::from_height(windows.appeal_blocks));
    let s4 = by(
        Exit::UNAPPEALED,
        "worker did not appeal",
        [CLIENT, VERIFIER],
        stage,
        late,
    );
    draft.settlement(s4, Outcome::FaultyUnappealed)?;
    Ok((txv0, k0.0))
}

/// TxA: the disputed pot and all stakes in one output of everybody.
fn appeal(
    draft: &mut Draft<'_>,
    tx0: NodeId,
    (txv0, k0): (NodeId, KeySetId),
    stakes: &[StakeOutput],
) -> Result<(NodeId, KeySetId), TemplateError> {
    let ka = draft.contract_keys("TxA", draft.terms.roles())?;
    let mut value = draft.terms.params().contract_value();
    for stake in stakes {
        // Cannot overflow: the parameters bound the sum of all deposits.
        value = value
            .checked_add(stake.output.value)
            .unwrap_or(Amount::MAX_MONEY);
    }
    let mut step = by(
        Exit::APPEALED,
        "worker appeals",
        [WORKER],
        stage::ARBITRATION.id,
        spend(txv0, 0, k0, UNLOCKED),
    );
    step.inputs.extend(
        (1u32..)
            .zip(stakes)
            .map(|(vout, stake)| spend(tx0, vout, stake.keys, UNLOCKED)),
    );
    let output = draft.contract_output(ka, value);
    Ok((draft.step(step, vec![output])?, ka.0))
}

/// S6 and S7: one transaction per outcome and majority set, the fullest set first.
fn rulings(
    draft: &mut Draft<'_>,
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
            let (point, result, broadcasters, outcome, meaning) =
                match (ruling, sums.sum(majority.mask())?) {
                    (Ruling::WorkerAtFault, sum) => (
                        sum,
                        None,
                        Role::everyone(n),
                        Outcome::WorkerAtFault { majority },
                        "arbiters: worker at fault",
                    ),
                    (Ruling::VerifierAtFault, sum) => (
                        sum.map(|sum| sum.plus(&t)).transpose()?,
                        Some(SecretId::from(ContractSecret::Result)),
                        [WORKER].into(),
                        Outcome::VerifierAtFault { majority },
                        "arbiters: verifier at fault; result secret revealed",
                    ),
                };
            let attested = Rulings::of(ruling, majority).secrets();
            let adaptor = draft.adaptor(point, attested.chain(result));
            let input = spend(txa, 0, ka, relative(missing.saturating_mul(per_missing)));
            let mut step = by(
                Exit::ruled(ruling, majority),
                meaning,
                broadcasters,
                stage::ARBITRATION.id,
                input,
            );
            step.plan = SigningPlan {
                signature_holders: Role::everyone(n),
                adaptor,
                ..step.plan
            };
            draft.settlement(step, outcome)?;
        }
    }
    Ok(())
}

/// S5 for every way in which no quorum finds the worker at fault: who attested what is known to all, so each
/// case is pre-signed and pays the stake back to those that ruled. Cases with a quorum against the verifier are
/// among them, since only the worker can complete S7 and may never do so.
fn failures(
    draft: &mut Draft<'_>,
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
            let name = Exit::failed(case, by_anyone);
            let input = spend(txa, 0, ka, relative(blocks));
            let mut step = by(
                name,
                "arbitration failed",
                broadcasters,
                stage::ARBITRATION.id,
                input,
            );
            step.plan.adaptor = adaptor;
            draft.settlement(step, Outcome::ArbitrationFailed { ruled })?;
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

/// A relative timelock, none for 0 blocks.
fn relative(blocks: u16) -> Sequence {
    if blocks == 0 {
        UNLOCKED
    } else {
        Sequence::from_height(blocks)
    }
}
