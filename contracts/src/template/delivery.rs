//! What the templates with deliveries on chain share: funding or host, and stakes, the early settlements, the delivery and both
//! verdicts, and the step that puts a case before the panel.

use bitcoin::{Amount, Sequence};
use narthex_game_model::Outcome;

use super::{
    ContractSecret, Exit, TemplateError,
    common::{Draft, relative, spend, spend_first},
    stage,
    stake::stake_keys,
    stake_unlock_height,
};
use crate::{
    builder::{PresignedTransaction, UNLOCKED},
    graph::{
        AdaptorId, KeySetId, NodeId, NodeInput, NodeName, NodeOutput, Purpose, ScriptId,
        SigningPlan, Source, Stage, Withheld,
    },
    musig::AdaptorPoint,
    party::PartySet,
    terms::Role,
};

const CLIENT: Role = Role::Client;
const WORKER: Role = Role::Worker;
const VERIFIER: Role = Role::Verifier;

/// The contract from its funding to both verdicts.
pub(super) struct Verdicts {
    stakes: Vec<StakeInput>,
    approved: (NodeId, KeySetId),
    rejected: (NodeId, KeySetId),
}

/// Everything up to a verdict, and what follows one without a panel.
pub(super) fn until_verdict(draft: &mut Draft<'_>) -> Result<Verdicts, TemplateError> {
    let terms = draft.terms;
    let pot = terms.params().contract_value();
    let result = AdaptorPoint::try_from(terms.result_point())?;
    let result = draft.adaptor(Some(result), [ContractSecret::Result.into()]);

    let k0 = draft.first_keys(Role::PRINCIPALS)?;
    let stakes = stakes(draft)?;
    let mut outputs = vec![draft.contract_output(k0, pot)];
    outputs.extend(stakes.iter().map(|s| s.output.clone()));
    let mut first = draft.begin(outputs, terms.roles())?.into_iter();
    let contract = first.next().ok_or(TemplateError::NoOutput)?;

    settle_early(draft, &contract, k0.0, result)?;
    let kd = draft.contract_keys("TxD", Role::PRINCIPALS)?;
    let delivered = draft.contract_output(kd, pot);
    let txd = draft.step(
        by(
            Exit::DELIVERED,
            "worker delivered",
            [WORKER],
            stage::DELIVERY.id,
            spend_first(&contract, k0.0, UNLOCKED),
        ),
        vec![delivered],
    )?;
    let [approved, rejected] = verdicts(draft, txd, kd.0, result)?;
    Ok(Verdicts {
        stakes: first
            .zip(stakes)
            .map(|(source, StakeOutput { keys, output })| StakeInput {
                value: output.value,
                input: spend_first(&source, keys, UNLOCKED),
            })
            .collect(),
        approved,
        rejected,
    })
}

/// TxA: the worker takes a rejection to the panel.
pub(super) fn appeal(
    draft: &mut Draft<'_>,
    verdicts: &Verdicts,
) -> Result<(NodeId, KeySetId), TemplateError> {
    let step = (Exit::APPEALED, "worker appeals", WORKER);
    to_panel(draft, verdicts, (verdicts.rejected, UNLOCKED), step)
}

/// TxC: the client takes an approval to the panel.
pub(super) fn challenge(
    draft: &mut Draft<'_>,
    verdicts: &Verdicts,
) -> Result<(NodeId, KeySetId), TemplateError> {
    let step = (Exit::CHALLENGED, "client challenges the approval", CLIENT);
    let lock = relative(draft.terms.params().challenge_lock_blocks());
    to_panel(draft, verdicts, (verdicts.approved, lock), step)
}

struct StakeOutput {
    keys: KeySetId,
    output: NodeOutput,
}

/// A stake as it goes before the panel.
struct StakeInput {
    value: Amount,
    input: NodeInput,
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
pub(super) fn by(
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
    contract: &Source,
    k0: KeySetId,
    result: Option<AdaptorId>,
) -> Result<(), TemplateError> {
    let input = spend_first(contract, k0, UNLOCKED);
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
    let late = spend_first(
        contract,
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

/// S2, both verdicts and what follows them without a panel. Returns approval and rejection, each with its key set.
fn verdicts(
    draft: &mut Draft<'_>,
    txd: NodeId,
    kd: KeySetId,
    result: Option<AdaptorId>,
) -> Result<[(NodeId, KeySetId); 2], TemplateError> {
    let challenge = draft.terms.params().challenge_blocks();
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
        spend(txv1, 0, k1.0, relative(challenge)),
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
        Sequence::from_height(windows.complete_blocks.saturating_add(challenge)),
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
    Ok([(txv1, k1.0), (txv0, k0.0)])
}

/// The disputed pot and all stakes in one output of everybody.
fn to_panel(
    draft: &mut Draft<'_>,
    verdicts: &Verdicts,
    ((verdict, keys), lock): ((NodeId, KeySetId), Sequence),
    (name, meaning, who): (NodeName, &'static str, Role),
) -> Result<(NodeId, KeySetId), TemplateError> {
    let ka = draft.contract_keys(name.base, draft.terms.roles())?;
    let mut value = draft.terms.params().contract_value();
    for stake in &verdicts.stakes {
        // Cannot overflow: the parameters bound the sum of all deposits.
        value = value.checked_add(stake.value).unwrap_or(Amount::MAX_MONEY);
    }
    let mut step = by(
        name,
        meaning,
        [who],
        stage::ARBITRATION.id,
        spend(verdict, 0, keys, lock),
    );
    let stakes = verdicts.stakes.iter().map(|stake| stake.input.clone());
    step.inputs.extend(stakes);
    let output = draft.contract_output(ka, value);
    Ok((draft.step(step, vec![output])?, ka.0))
}
