//! The bounty's transactions, as a graph of the engine: funding, refund, and a settlement for each set that may be paid.

use std::sync::Arc;

use bitcoin::{Amount, secp256k1::SecretKey};
use narthex_game_model::market::LayerSet;

use super::{
    BoundSeed, BountyError, BountyTerms, REQUESTER, RecomputerSeed, recomputer,
    terms::{recomputer_name, seats, share_secret},
};
use crate::{
    binding::{Bindings, FreshSalt},
    builder::{
        BuilderError, Draft, LeafPlan, PresignedTransaction, UNLOCKED, Vault, by, place_key,
    },
    depth::Depth,
    graph::{
        Adaptor, NodeId, NodeInput, NodeName, NodeOutput, SecretId, SigningPlan, Source, TxGraph,
        Variant,
    },
    party::PartySet,
    setup::{Agreement, ContractSignatures, Party, RestoreError, Signing},
};

/// The requester takes everything back after T.
pub const REFUND: NodeId = NodeId(1);
/// Everybody agrees that nobody is paid: the settlement of the empty set. The others follow it.
pub const CANCEL: NodeId = NodeId(2);

/// The leaf of the requester alone.
const REFUND_LEAF: usize = 0;

/// The transaction that pays a set.
pub fn settlement(terms: &BountyTerms, set: LayerSet) -> Result<NodeId, BountyError> {
    let at = (0u32..).zip(terms.sets()).find(|(_, known)| *known == set);
    let (at, _) = at.ok_or(BountyError::NoSet { set })?;
    Ok(NodeId(CANCEL.0 + at))
}

/// All transactions of a bounty. Pure: same terms, same bytes.
pub fn derive(terms: &BountyTerms) -> Result<TxGraph, BountyError> {
    let record = terms.record();
    let mut draft = Draft::new(terms.everyone());
    let vault = draft.vault(&vault(terms)?);
    let locked = vault.output(terms.total());
    let name = ("Bounty", "amounts locked");
    let contributions = [(REQUESTER, &record.contribution)];
    draft
        .funding(name, contributions, vec![locked])
        .map_err(BuilderError::from)?;
    let source = Source::Output {
        node: TxGraph::FUNDING,
        vout: 0,
    };
    let back = draft.payout(REQUESTER, &record.requester_script, terms.total());
    draft
        .step(PresignedTransaction {
            name: NodeName::plain("Refund"),
            meaning: "not settled until T, all back to the requester",
            inputs: vec![NodeInput {
                source: source.clone(),
                sequence: UNLOCKED,
                spend: vault.leaf(REFUND_LEAF)?,
            }],
            lock_height: record.refund_height,
            plan: by(&[REQUESTER]),
            outputs: vec![back],
        })
        .map_err(BuilderError::from)?;
    for set in terms.sets() {
        let (name, meaning) = match set.is_empty() {
            true => (NodeName::plain("Cancel"), "all agree that nobody is paid"),
            false => {
                let name = NodeName::with("Settle", Variant::of(set.mask().into()));
                (name, "the result for those who agree on it")
            }
        };
        let outputs = payouts(&mut draft, terms, set)?;
        let plan = plan(&mut draft, terms, set)?;
        draft
            .step(PresignedTransaction {
                name,
                meaning,
                inputs: vec![NodeInput {
                    source: source.clone(),
                    sequence: UNLOCKED,
                    spend: vault.key_path()?,
                }],
                lock_height: 0,
                plan,
                outputs,
            })
            .map_err(BuilderError::from)?;
    }
    Ok(draft.graph.finish())
}

/// `tr(K(A,P_1..P_n),{and_v(v:pk(A),after(T))})`.
fn vault(terms: &BountyTerms) -> Result<Vault, BountyError> {
    let record = terms.record();
    let requester = place_key(terms.id(), "refund", (REQUESTER, record.requester_key))?;
    let (key, t) = (requester.output_key(), record.refund_height);
    let refund = LeafPlan {
        script: format!("and_v(v:pk({key}),after({t}))"),
        signers: vec![requester],
        releasers: Vec::new(),
        hashes: Vec::new(),
    };
    let owners = terms.everyone().into_iter();
    let owners = owners.filter_map(|party| Some((party, terms.signer(party.id)?)));
    Ok(Vault::new(&owners.collect::<Vec<_>>(), vec![refund])?)
}

/// What it pays: the amounts of the set, the rest to the requester.
fn payouts(
    draft: &mut Draft,
    terms: &BountyTerms,
    set: LayerSet,
) -> Result<Vec<NodeOutput>, BountyError> {
    let mut rest = terms.total();
    let mut outputs = Vec::new();
    for seat in seats(set) {
        let recomputer = terms.recomputer(seat)?;
        let left = rest.checked_sub(recomputer.amount_sat);
        rest = left.ok_or(BuilderError::Missing("amount for a recomputer"))?;
        outputs.push(draft.payout(
            recomputer_name(seat),
            &recomputer.script,
            recomputer.amount_sat,
        ));
    }
    if rest > Amount::ZERO {
        let script = &terms.record().requester_script;
        outputs.push(draft.payout(REQUESTER, script, rest));
    }
    Ok(outputs)
}

/// Who holds the signature. The requester alone holds those that pay recomputers, and gives out the one of the set that it
/// closes for. The recomputers rely on the point of the other, which gives everything back, so each holds and verifies it.
fn plan(draft: &mut Draft, terms: &BountyTerms, set: LayerSet) -> Result<SigningPlan, BountyError> {
    let secrets = seats(terms.keepers(set)).map(|seat| share_secret(seat, set));
    let secrets = secrets.collect::<Vec<_>>();
    secrets.iter().for_each(|name| draft.graph.secret(*name));
    let adaptor = draft.graph.adaptor(Adaptor {
        point: terms.point_of(set)?,
        needs: secrets.into_iter().map(SecretId::from).collect(),
    });
    let (broadcasters, signature_holders) = match set.is_empty() {
        true => ([REQUESTER].into(), terms.everyone().into_iter().collect()),
        false => {
            let members: PartySet = seats(set).map(recomputer_name).collect();
            (members, [REQUESTER].into())
        }
    };
    Ok(SigningPlan {
        broadcasters,
        signature_holders,
        adaptor: Some(adaptor),
        ..by(&[])
    })
}

/// The requester's side of signing a bounty. `key` is the secret of its contract key, `salt` that of its call, which is
/// used up: terms are signed once, and after a ceremony that failed the recomputers are called again.
///
/// # Errors
/// [`BountyError::Bind`] if the salt has signed before; nothing was sent then.
pub fn requester_party(
    terms: &Arc<BountyTerms>,
    key: &SecretKey,
    salt: FreshSalt,
    bindings: &mut dyn Bindings,
) -> Result<Party<BountyTerms>, BountyError> {
    if salt.value() != terms.record().call.salt {
        return Err(BountyError::OtherSalt);
    }
    let bind = || salt.bind("bounty salt", *terms.id(), bindings);
    Party::for_bound(terms.clone(), derive(terms)?, REQUESTER, key, bind)
}

/// A recomputer's side of signing a bounty. `seed` is the one that its offer was made with; it is bound to these terms, and
/// after a ceremony that failed the recomputer answers a new call with a new one. `depth` is its policy: how deep the funding
/// must be before it opens its layer or shows a secret.
///
/// # Errors
/// [`BountyError::Late`] if the funding could not be so deep in time for the openings, were it in the block after `tip`;
/// [`BountyError::Bind`] if the seed has signed before, these terms or others; nothing was sent then.
pub fn recomputer_party(
    terms: &Arc<BountyTerms>,
    seat: u8,
    key: &SecretKey,
    (seed, tip, depth): (RecomputerSeed, u32, Depth),
    bindings: &mut dyn Bindings,
) -> Result<(Party<BountyTerms>, BoundSeed), BountyError> {
    recomputer::check_offered(terms, seat, &seed)?;
    terms.check_room(tip, depth)?;
    let (graph, me) = (derive(terms)?, recomputer_name(seat));
    let bind = || seed.mark().bind(*terms.id(), bindings);
    let party = Party::for_bound::<BountyError>(terms.clone(), graph, me, key, bind)?;
    Ok((party, BoundSeed { seed, depth }))
}

/// What a party stored of a finished ceremony ([`ContractSignatures::to_bytes`]), read back and verified.
pub fn restore(
    terms: &Arc<BountyTerms>,
    bytes: &[u8],
) -> Result<ContractSignatures<BountyTerms>, RestoreError> {
    ContractSignatures::restore(terms.clone(), derive_again, bytes)
}

/// What a party stored of a ceremony under way ([`Signing::to_bytes`]), read back.
///
/// # Errors
/// [`RestoreError`]: of other terms, or changed.
pub fn resume(
    terms: &Arc<BountyTerms>,
    bytes: &[u8],
) -> Result<Signing<BountyTerms>, RestoreError> {
    Signing::restore(terms.clone(), derive_again, bytes)
}

fn derive_again(terms: &BountyTerms) -> Result<TxGraph, RestoreError> {
    // Terms that were checked have one.
    derive(terms).map_err(|error| RestoreError::Terms(error.to_string()))
}
