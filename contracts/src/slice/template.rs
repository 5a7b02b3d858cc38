//! The slice's transactions, as a graph of the engine: the funding, and for each provider its claim and the refund.

use bitcoin::Sequence;

use super::{CLIENT, MAX_PROVIDERS, SliceError, SliceTerms, provider};
use crate::{
    builder::{
        BuilderError, Draft, LeafPlan, Placed, PresignedTransaction, UNLOCKED, Vault, by, place_key,
    },
    graph::{
        Adaptor, NodeId, NodeInput, NodeName, SecretId, SecretName, SigningPlan, Source, TxGraph,
    },
    musig::AdaptorPoint,
    setup::Agreement,
};

/// What the graph calls each provider's claim, the refund of its price, and the place of the refund's key.
const NAMES: [[&str; 3]; MAX_PROVIDERS] = [
    ["Claim1", "Refund1", "refund/1"],
    ["Claim2", "Refund2", "refund/2"],
    ["Claim3", "Refund3", "refund/3"],
    ["Claim4", "Refund4", "refund/4"],
    ["Claim5", "Refund5", "refund/5"],
    ["Claim6", "Refund6", "refund/6"],
    ["Claim7", "Refund7", "refund/7"],
    ["Claim8", "Refund8", "refund/8"],
    ["Claim9", "Refund9", "refund/9"],
    ["Claim10", "Refund10", "refund/10"],
];

/// The claim of a provider, counted from 0.
pub const fn claim(index: u8) -> NodeId {
    NodeId(1 + 2 * index as u32)
}

/// The refund of what a provider did not claim.
pub const fn refund(index: u8) -> NodeId {
    NodeId(2 + 2 * index as u32)
}

/// Derives the graph from the terms alone.
///
/// # Errors
/// [`SliceError`] if there is no graph for these terms: the proposer's fault.
pub fn derive(terms: &SliceTerms) -> Result<TxGraph, SliceError> {
    let (participants, record) = (terms.participants(), terms.record());
    let lines = participants.indices().zip(&NAMES).collect::<Vec<_>>();
    let mut draft = Draft::new(terms.everyone());
    let mut placed = Vec::new();
    for (index, [.., place]) in &lines {
        placed.push(draft.vault(&vault(terms, *index, place)?));
    }
    let outputs = placed.iter().map(|vault| vault.output(record.price_sat));
    draft
        .funding(
            ("Slice", "a price for each provider"),
            [(CLIENT, &record.contribution)],
            outputs.collect(),
        )
        .map_err(BuilderError::from)?;
    for ((index, [claim, refund, _]), vault) in lines.iter().zip(&placed) {
        let source = Source::Output {
            node: TxGraph::FUNDING,
            vout: u32::from(*index),
        };
        let step = claim_step(terms, &mut draft, (*index, claim), (source.clone(), vault))?;
        draft.step(step).map_err(BuilderError::from)?;
        let back = draft.payout(CLIENT, &record.client_script, record.price_sat);
        draft
            .step(PresignedTransaction {
                name: NodeName::plain(refund),
                meaning: "not claimed, back to the client",
                inputs: vec![NodeInput {
                    source,
                    sequence: Sequence::from_height(record.refund_blocks),
                    spend: vault.leaf(0)?,
                }],
                lock_height: 0,
                plan: by(&[CLIENT]),
                outputs: vec![back],
            })
            .map_err(BuilderError::from)?;
    }
    Ok(draft.graph.finish())
}

/// `tr(K(A,P),{and_v(v:pk(A),older(d))})`.
fn vault(terms: &SliceTerms, index: u8, place: &str) -> Result<Vault, SliceError> {
    let client = terms.participants().client;
    let alone = place_key(&terms.id(), place, (CLIENT, client))?;
    let (key, d) = (alone.output_key(), terms.record().refund_blocks);
    let back = LeafPlan {
        script: format!("and_v(v:pk({key}),older({d}))"),
        signers: vec![alone],
        releasers: Vec::new(),
        hashes: Vec::new(),
    };
    let owners = [
        (CLIENT, client),
        (provider(index), terms.participants().provider_key(index)?),
    ];
    Ok(Vault::new(&owners, vec![back])?)
}

/// What completes a provider's claim: what the others share for it, and its own part.
pub(super) const fn claim_secret(index: u8) -> SecretName {
    SecretName::numbered(
        SecretId(index as u16),
        "the secret of provider ",
        index as u16 + 1,
    )
}

fn claim_step(
    terms: &SliceTerms,
    draft: &mut Draft,
    (index, name): (u8, &'static str),
    (source, vault): (Source, &Placed),
) -> Result<PresignedTransaction, SliceError> {
    let record = terms.record();
    let point = AdaptorPoint::try_from(terms.claim_point(index)?);
    let secret = claim_secret(index);
    draft.graph.secret(secret);
    let adaptor = draft.graph.adaptor(Adaptor {
        point: point.map_err(BuilderError::from)?,
        needs: vec![secret.id],
    });
    let script = record.provider_scripts.get(usize::from(index));
    let script = script.ok_or(BuilderError::Missing("script of a provider"))?;
    let party = provider(index);
    Ok(PresignedTransaction {
        name: NodeName::plain(name),
        meaning: "enough others have the same root",
        inputs: vec![NodeInput {
            source,
            sequence: UNLOCKED,
            spend: vault.key_path()?,
        }],
        lock_height: 0,
        plan: SigningPlan {
            // The client holds it too: it takes the secret out of what is published.
            signature_holders: [CLIENT, party].into(),
            adaptor: Some(adaptor),
            ..by(&[party])
        },
        outputs: vec![draft.payout(party, script, record.price_sat)],
    })
}
