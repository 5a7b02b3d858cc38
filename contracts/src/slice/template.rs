//! The slice's transactions, as a graph of the engine: the funding, and for each provider its claim and the refund.

use bitcoin::Sequence;

use super::{CLIENT, MAX_PROVIDERS, SliceError, SliceTerms, provider};
use crate::{
    graph::{Adaptor, NodeId, NodeName, SecretsNeeded, SigningPlan, Source, TxGraph},
    musig::AdaptorPoint,
    pact::{Draft, LeafPlan, PactError, Placed, Step, UNLOCKED, Vault, by, place_key},
};

/// What the graph calls each provider, its claim, the refund of its price, and the place of the refund's key.
const NAMES: [[&str; 4]; MAX_PROVIDERS] = [
    ["provider 1", "Claim1", "Refund1", "refund/1"],
    ["provider 2", "Claim2", "Refund2", "refund/2"],
    ["provider 3", "Claim3", "Refund3", "refund/3"],
    ["provider 4", "Claim4", "Refund4", "refund/4"],
    ["provider 5", "Claim5", "Refund5", "refund/5"],
    ["provider 6", "Claim6", "Refund6", "refund/6"],
    ["provider 7", "Claim7", "Refund7", "refund/7"],
    ["provider 8", "Claim8", "Refund8", "refund/8"],
    ["provider 9", "Claim9", "Refund9", "refund/9"],
    ["provider 10", "Claim10", "Refund10", "refund/10"],
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
pub(super) fn derive(terms: &SliceTerms) -> Result<TxGraph, SliceError> {
    let (circle, record) = (terms.circle(), terms.record());
    let lines = circle.indices().zip(&NAMES).collect::<Vec<_>>();
    let mut names = vec![(CLIENT, "client")];
    names.extend(lines.iter().map(|(i, [name, ..])| (provider(*i), *name)));
    let mut draft = Draft::new(&names);
    let mut placed = Vec::new();
    for (index, [.., place]) in &lines {
        placed.push(draft.vault(&vault(terms, *index, place)?));
    }
    let outputs = placed.iter().map(|vault| vault.output(record.price_sat));
    draft
        .funding(
            ("Slice", "a price for each provider"),
            CLIENT,
            &record.contribution,
            outputs.collect(),
        )
        .map_err(SliceError::from)?;
    for ((index, [_, claim, refund, _]), vault) in lines.iter().zip(&placed) {
        let source = Source::Output {
            node: TxGraph::FUNDING,
            vout: u32::from(*index),
        };
        let step = claim_step(terms, &mut draft, (*index, claim), (source.clone(), vault))?;
        draft.step(step)?;
        let back = draft.payout(CLIENT, &record.client_script, record.price_sat);
        draft.step(Step {
            name: NodeName::plain(refund),
            meaning: "not claimed, back to the client",
            source,
            spend: vault.leaf(0)?,
            sequence: Sequence::from_height(record.refund_blocks),
            lock_height: 0,
            plan: by(&[CLIENT]),
            outputs: vec![back],
        })?;
    }
    Ok(draft.graph.finish())
}

/// `tr(K(A,P),{and_v(v:pk(A),older(d))})`.
fn vault(terms: &SliceTerms, index: u8, place: &str) -> Result<Vault, SliceError> {
    let client = terms.circle().client;
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
        (provider(index), terms.circle().provider_key(index)?),
    ];
    Ok(Vault::new(&owners, vec![back])?)
}

fn claim_step(
    terms: &SliceTerms,
    draft: &mut Draft,
    (index, name): (u8, &'static str),
    (source, vault): (Source, &Placed),
) -> Result<Step, SliceError> {
    let record = terms.record();
    let point = AdaptorPoint::try_from(terms.claim_point(index)?);
    let adaptor = draft.graph.adaptor(Adaptor {
        point: point.map_err(PactError::from)?,
        // Shared by the other providers; the own part of this one is added.
        needs: SecretsNeeded {
            panel: true,
            ..SecretsNeeded::NONE
        },
    });
    let script = record.provider_scripts.get(usize::from(index));
    let script = script.ok_or(PactError::Missing("script of a provider"))?;
    let role = provider(index);
    Ok(Step {
        name: NodeName::plain(name),
        meaning: "enough others have the same root",
        source,
        spend: vault.key_path()?,
        sequence: UNLOCKED,
        lock_height: 0,
        plan: SigningPlan {
            // The client holds it too: it takes the secret out of what is published.
            holders: [CLIENT, role].into(),
            adaptor: Some(adaptor),
            ..by(&[role])
        },
        outputs: vec![draft.payout(role, script, record.price_sat)],
    })
}
