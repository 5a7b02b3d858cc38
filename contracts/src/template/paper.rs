//! The template of the Prometheus paper (Orlovsky, Sachtachtinskagia, draft 0.1.0, 2019), for research: `Tx0`, `TxA`,
//! `Tx1` to `Tx8`, absolute locktimes t1 < t2 < t3 < t4 as its settlement table numbers them. Taproot outputs and
//! adaptor secrets stand in for P2SH and hash locks; nothing else is mended, so do not use it for money.
//!
//! ```text
//! Tx0 ─┬─ Tx1 (V), Tx2 (C)   #1 after t3      worker timed out
//!      ├─ Tx3 (W, secret)    #2 after t1      verifier timed out
//!      ├─ Tx4 (V, W, secret) #3               normal
//!      ├─ Tx5 (V)            #4 after t2      worker faulty, no appeal
//!      └─ TxA (V, W's k) ─┬─ Tx6 (C)  #5 after t4   arbitration failed
//!                         ├─ Tx7      #6            worker at fault   ┐ one shared secret of the panel
//!                         └─ Tx8      #7 + secret   verifier at fault ┘ opens both
//! ```
//!
//! The paper pays "the coherent majority" from one transaction per verdict, which a presigned transaction cannot
//! do; here there is one per majority set. Since one secret opens them all, whoever publishes picks the set.

use bitcoin::{Amount, ScriptBuf};
use narthex_game_model::{ArbiterSet, Outcome, Ruling, Template};

use super::{
    ContractSecret, Rulings, TemplateError,
    common::{Draft, spend, spend_first},
    stage,
};
use crate::{
    builder::{PresignedTransaction, UNLOCKED},
    graph::{
        KeySetId, NodeId, NodeInput, NodeName, NodeOutput, Purpose, SecretId, SigningPlan, Source,
        Spend, TxGraph, Withheld,
    },
    musig::AdaptorPoint,
    party::PartySet,
    terms::{Role, Terms, TermsError},
};

const MISSING: fn(&'static str) -> TermsError = |field| TermsError::Template {
    field,
    state: "missing",
    template: Template::Paper,
};

/// Derives the graph.
pub(super) fn derive(terms: &Terms) -> Result<TxGraph, TemplateError> {
    let mut draft = Draft::new(terms)?;
    let k0 = draft.first_keys(Role::PRINCIPALS)?;
    let pot = draft.contract_output(k0, terms.params().contract_value());
    let data = ScriptBuf::new_op_return(terms.params().hash());
    let script = draft.plain.plain_script(&data);
    let reference = NodeOutput {
        value: Amount::ZERO,
        script,
        purpose: Purpose::Data,
    };
    let first = draft.begin(vec![pot, reference], Role::PRINCIPALS)?;
    let contract = first.first().ok_or(TemplateError::NoOutput)?;
    settle_early(&mut draft, contract, k0.0)?;
    let appeal = appeal(&mut draft, contract, k0.0)?;
    settle_late(&mut draft, appeal)?;
    Ok(draft.plain.graph.finish())
}

/// Tx1 to Tx5.
fn settle_early(
    draft: &mut Draft<'_>,
    contract: &Source,
    k0: KeySetId,
) -> Result<(), TemplateError> {
    let locks = draft.terms.params().paper_locks().ok_or(MISSING("locks"))?;
    let result = AdaptorPoint::try_from(draft.terms.result_point())?;
    let result = draft.adaptor(Some(result), [ContractSecret::Result.into()]);
    let step = |base, meaning, broadcasters: &[Role], lock_height| {
        let broadcasters: PartySet = broadcasters.iter().copied().collect();
        PresignedTransaction {
            name: NodeName::plain(base),
            meaning,
            lock_height,
            inputs: vec![spend_first(contract, k0, UNLOCKED)],
            plan: SigningPlan {
                stage: stage::SETTLEMENT.id,
                broadcasters,
                signature_holders: broadcasters,
                withheld: None,
                adaptor: None,
            },
            outputs: Vec::new(),
        }
    };
    draft.settlement(
        step("Tx1", "worker did not deliver", &[Role::Verifier], locks.t3),
        Outcome::WorkerTimedOut,
    )?;
    draft.settlement(
        step("Tx2", "worker did not deliver", &[Role::Client], locks.t3),
        Outcome::WorkerTimedOut,
    )?;
    let mut tx3 = step(
        "Tx3",
        "verifier was silent; result secret revealed",
        &[Role::Worker],
        locks.t1,
    );
    tx3.plan = SigningPlan {
        signature_holders: Role::principals(),
        adaptor: result,
        ..tx3.plan
    };
    draft.settlement(tx3, Outcome::VerifierTimedOut)?;
    let mut tx4 = step(
        "Tx4",
        "verifier approved, worker reveals the result secret",
        &[Role::Worker],
        0,
    );
    tx4.plan = SigningPlan {
        signature_holders: [Role::Client, Role::Verifier].into(),
        withheld: Some(Withheld {
            holder: Role::Worker.into(),
            signer: Role::Verifier.into(),
        }),
        adaptor: result,
        ..tx4.plan
    };
    draft.settlement(tx4, Outcome::Normal)?;
    let tx5 = step(
        "Tx5",
        "worker at fault, no appeal",
        &[Role::Verifier],
        locks.t2,
    );
    draft.settlement(tx5, Outcome::FaultyUnappealed)?;
    Ok(())
}

/// TxA: takes the arbiters' own coins, which nothing keeps them from spending before.
fn appeal(
    draft: &mut Draft<'_>,
    contract: &Source,
    k0: KeySetId,
) -> Result<(NodeId, KeySetId), TemplateError> {
    let paper = draft
        .terms
        .record()
        .paper
        .clone()
        .ok_or(MISSING("paper record"))?;
    let secret = AdaptorPoint::try_from(paper.appeal.point)?;
    let adaptor = draft.adaptor(Some(secret), [ContractSecret::Appeal.into()]);
    let mut inputs = vec![spend_first(contract, k0, UNLOCKED)];
    let mut value = draft.terms.params().contract_value();
    for i in 0..draft.terms.panel_size() {
        let role = Role::Arbiter(i);
        let keys = draft.terms.key_set([role], None)?;
        let (keys, _) = draft.plain.graph.key_set(keys, None);
        for coin in draft
            .terms
            .record()
            .funding(role)
            .map(|f| f.coins.clone())
            .unwrap_or_default()
        {
            // Cannot overflow: the parameters bound the sum of all deposits.
            value = value
                .checked_add(coin.value_sat)
                .unwrap_or(Amount::MAX_MONEY);
            let source = Source::External {
                outpoint: coin.outpoint,
                prevout: coin.prevout(),
            };
            inputs.push(NodeInput {
                source,
                sequence: UNLOCKED,
                spend: Spend::KeyPath(keys),
            });
        }
    }
    let ka = draft.contract_keys("TxA", draft.terms.roles())?;
    let output = draft.contract_output(ka, value);
    let step = PresignedTransaction {
        name: NodeName::plain("TxA"),
        meaning: "verifier rejected, worker appeals",
        lock_height: 0,
        inputs,
        plan: SigningPlan {
            stage: stage::ARBITRATION.id,
            broadcasters: [Role::Worker].into(),
            signature_holders: [Role::Verifier].into(),
            withheld: Some(Withheld {
                holder: Role::Worker.into(),
                signer: Role::Verifier.into(),
            }),
            adaptor,
        },
        outputs: Vec::new(),
    };
    Ok((draft.step(step, vec![output])?, ka.0))
}

/// Tx6 to Tx8.
fn settle_late(draft: &mut Draft<'_>, (txa, ka): (NodeId, KeySetId)) -> Result<(), TemplateError> {
    let params = draft.terms.params();
    let (n, k) = (params.arbiters(), params.quorum());
    let locks = params.paper_locks().ok_or(MISSING("locks"))?;
    let step = |name, meaning, lock_height, broadcasters: PartySet, signature_holders, adaptor| {
        PresignedTransaction {
            name,
            meaning,
            lock_height,
            inputs: vec![spend(txa, 0, ka, UNLOCKED)],
            plan: SigningPlan {
                stage: stage::ARBITRATION.id,
                broadcasters,
                signature_holders,
                withheld: None,
                adaptor,
            },
            outputs: Vec::new(),
        }
    };
    let client: PartySet = [Role::Client].into();
    let tx6 = step(
        NodeName::plain("Tx6"),
        "arbitration failed",
        locks.t4,
        client,
        client,
        None,
    );
    draft.settlement(
        tx6,
        Outcome::ArbitrationFailed {
            ruled: ArbiterSet::empty(),
        },
    )?;

    let paper = draft
        .terms
        .record()
        .paper
        .clone()
        .ok_or(MISSING("paper record"))?;
    let panel = AdaptorPoint::try_from(paper.panel)?;
    let both = panel.plus(&AdaptorPoint::try_from(draft.terms.result_point())?)?;
    let everyone = Role::everyone(n);
    let tx7_adaptor = draft.adaptor(Some(panel), [ContractSecret::Panel.into()]);
    let tx8_adaptor = draft.adaptor(
        Some(both),
        [ContractSecret::Panel, ContractSecret::Result].map(SecretId::from),
    );
    for majority in ArbiterSet::majorities(n, k) {
        let name = NodeName::with("Tx7", Rulings::of(Ruling::WorkerAtFault, majority));
        let tx7 = step(
            name,
            "arbiters: worker at fault",
            0,
            everyone,
            everyone,
            tx7_adaptor,
        );
        draft.settlement(tx7, Outcome::WorkerAtFault { majority })?;
        let name = NodeName::with("Tx8", Rulings::of(Ruling::VerifierAtFault, majority));
        let worker: PartySet = [Role::Worker].into();
        let tx8 = step(
            name,
            "arbiters: verifier at fault; result secret revealed",
            0,
            worker,
            everyone,
            tx8_adaptor,
        );
        draft.settlement(tx8, Outcome::VerifierAtFault { majority })?;
    }
    Ok(())
}
