//! The panel of a play: arbiters offer themselves on chain, and three parties draw the same panel alone.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, ScriptBuf,
    secp256k1::{PublicKey, Secp256k1, rand::rngs::StdRng},
};
use narthex_contracts::{
    panel::{
        AnswerSet, Committing, DrawCase, DrawTiming, OfferDraft, OfferRole, OfferTerms, Order,
        Panel, Pool, SeedBlock, SeedError, SeedNonce, Willingness,
    },
    shared_secret::{Collector, Dealer, KeyShare, SharedPoint, Sharing},
    terms::{Role, TermsDraft},
};
use narthex_game_model::{Params, Template};

use super::{ContractParticipant, PlayError, contract::Parts, setup::secret};
use crate::wallet::PartyWallet;

/// Arbiters in the pool beyond the seats of the panel.
const SPARE_ARBITERS: u8 = 3;

/// What an offer locks.
const BOND: Amount = Amount::from_sat(50_000);

/// How long an offer locks it, in blocks.
const BOND_BLOCKS: u32 = 1_000;

fn panel_error(e: impl ToString) -> PlayError {
    PlayError::Panel(e.to_string())
}

/// Arbiters that have offered themselves, with their wallets.
pub(super) struct Candidates {
    participants: BTreeMap<u8, ContractParticipant>,
    terms: OfferTerms,
}

/// A panel that was drawn, for checking proposed terms against.
pub(super) struct Drawn {
    pub(super) participants: Vec<ContractParticipant>,
    panel: Panel,
    case: DrawCase,
}

impl Drawn {
    /// Hash of the draw and of all answers: no other panel has it.
    pub(super) fn transcript(&self) -> [u8; 32] {
        self.panel.transcript
    }

    /// Whether these terms name the panel that was drawn, for the contract that it was drawn for.
    pub(super) fn check(&self, terms: &TermsDraft) -> Result<(), PlayError> {
        self.panel
            .check_terms(&self.case, terms)
            .map_err(panel_error)
    }
}

/// What the arbiters of a play offer to judge under.
fn offer_terms(template: Template, params: &Params) -> OfferTerms {
    // Whoever is paid for a mailbox keeps one.
    let kept = match params.retainer() > Amount::ZERO {
        true => u64::try_from(params.blob_bytes()).unwrap_or(u64::MAX),
        false => 0,
    };
    OfferTerms {
        min_retainer_sat: params.retainer(),
        max_dispute_blocks: BOND_BLOCKS,
        // A panel that could not read what its own contract may bring would not have been drawn.
        max_evidence_bytes: u64::try_from(params.evidence_bytes())
            .unwrap_or(u64::MAX)
            .max(16 << 20),
        max_blob_bytes: kept,
        ..OfferTerms::undemanding(OfferRole::Arbiter, template, params.arbiter_stake())
    }
}

/// Everybody who wants to judge locks a bond and says so on chain.
pub(super) fn publish_offers(
    parts: &mut Parts<'_>,
    miner: &mut PartyWallet,
    miner_script: &ScriptBuf,
    params: &Params,
) -> Result<Candidates, PlayError> {
    let pool = parts.options.arbiters.saturating_add(SPARE_ARBITERS);
    let mut participants = BTreeMap::new();
    for i in 0..pool {
        // The role is a place in the pool until the draw gives it a seat; it goes no further than names.
        participants.insert(
            i,
            ContractParticipant::new(
                Role::Arbiter(0),
                &secret(&parts.seed, &format!("candidate {i}")),
            )?,
        );
    }
    // The node was asked when the principals got theirs.
    let _ = super::setup::hand_out_coins(parts, miner, miner_script, participants.values_mut())?;
    let terms = offer_terms(parts.options.template, params);
    let expiry = parts.chain.height()? + BOND_BLOCKS;
    for participant in participants.values_mut() {
        let identity = participant.identity()?.x_only_public_key().0;
        let outputs = OfferDraft::new(identity, expiry, BOND, &terms)
            .and_then(|d| d.outputs())
            .map_err(panel_error)?;
        let payments = outputs.map(|out| (out.script_pubkey, out.value));
        let tx = participant
            .wallet
            .pay(&payments, parts.options.common.rate)?;
        parts.chain.submit(&tx)?;
    }
    parts.chain.mine(1, miner_script)?;
    for participant in participants.values_mut() {
        participant.wallet.sync(parts.chain)?;
        participant.before = participant.wallet.balance();
    }
    let until = format!(
        "{pool} arbiters offer themselves: {} sat each locked until height {expiry}",
        BOND.to_sat()
    );
    parts.step("arbiters", until, "a bond makes an identity costly")?;
    Ok(Candidates {
        participants,
        terms,
    })
}

/// Draws the panel. Client, worker and verifier commit to nonces, a later block is mined, the nonces are opened.
pub(super) fn draw(
    parts: &mut Parts<'_>,
    candidates: Candidates,
    params: &Params,
    principals: [PublicKey; 3],
    miner_script: &ScriptBuf,
) -> Result<Drawn, PlayError> {
    let snapshot_height = parts.chain.height()?;
    let timing = DrawTiming {
        snapshot_height,
        delay_blocks: 2,
        burial_blocks: parts.options.depth.blocks().saturating_sub(1),
    };
    let case = DrawCase::new(params, principals, &[candidates.terms], BOND, timing)
        .map_err(panel_error)?;
    let mut committing = Committing::new(case.clone());
    let mut nonces = Vec::new();
    for role in Role::PRINCIPALS {
        let nonce = SeedNonce::draw(&case, role, &mut parts.rng);
        committing
            .accept(role, nonce.commitment(), parts.chain.height()?)
            .map_err(panel_error)?;
        nonces.push((role, nonce));
    }
    let committed = committing.close().map_err(panel_error)?;
    let missing = case.reveal_height().saturating_sub(parts.chain.height()?);
    parts.chain.mine(missing, miner_script)?;
    let block = SeedBlock {
        height: case.seed_height(),
        hash: parts.chain.block_hash(case.seed_height())?,
        tip: parts.chain.height()?,
    };
    let mut revealing = committed.open(block).map_err(panel_error)?;
    let revealed = nonces
        .iter()
        .map(|(role, nonce)| Ok((*role, nonce.reveal(&revealing)?)))
        .collect::<Result<Vec<_>, SeedError>>()
        .map_err(panel_error)?;
    for (role, nonce) in revealed {
        revealing.accept(role, nonce).map_err(panel_error)?;
    }
    let seed = revealing.finish().map_err(panel_error)?;
    let order = draw_order(parts, &case, &seed)?;
    let (participants, panel) = seat(parts, candidates, &order, &case)?;
    Ok(Drawn {
        participants,
        panel,
        case,
    })
}

/// The pool as the chain shows it, in drawn order.
fn draw_order(
    parts: &mut Parts<'_>,
    case: &DrawCase,
    seed: &narthex_contracts::panel::Seed,
) -> Result<Order, PlayError> {
    let mut pool = Pool::default();
    for height in 0..=case.rules().height {
        let block = parts.chain.block(height)?;
        let changes = pool.connect(height, &block).map_err(panel_error)?;
        pool.apply(&changes);
    }
    let snapshot = pool.snapshot(case.rules()).map_err(panel_error)?;
    Order::draw(case, &snapshot, seed).map_err(panel_error)
}

/// The willing arbiters in drawn order take the seats. One of the pool declines, so that order matters.
fn seat(
    parts: &mut Parts<'_>,
    candidates: Candidates,
    order: &Order,
    case: &DrawCase,
) -> Result<(Vec<ContractParticipant>, Panel), PlayError> {
    let secp = Secp256k1::new();
    let mut by_identity = BTreeMap::new();
    for participant in candidates.participants.into_values() {
        by_identity.insert(participant.identity()?.x_only_public_key().0, participant);
    }
    let declines = order.entries().first().map(|entry| entry.identity);
    let mut answers = Vec::new();
    for entry in order
        .entries()
        .iter()
        .filter(|entry| Some(entry.identity) != declines)
    {
        if let Some(participant) = by_identity.get(&entry.identity) {
            // It serves in no other contract.
            candidates.terms.has_room(0).map_err(panel_error)?;
            answers.push(Willingness::sign(
                &secp,
                &participant.identity()?,
                order.id(),
            ));
        }
    }
    let sets = Role::PRINCIPALS.map(|by| AnswerSet {
        by,
        answers: answers.clone(),
    });
    let agreement = Panel::agree(order, &sets).map_err(panel_error)?;
    let mut panel = Vec::new();
    for (i, entry) in (0u8..).zip(&agreement.panel.arbiters) {
        let mut participant = by_identity
            .remove(&entry.identity)
            .ok_or_else(|| PlayError::Panel("a seat for somebody unknown".into()))?;
        participant.role = Role::Arbiter(i);
        panel.push(participant);
    }
    let (seats, drawn) = (panel.len(), order.entries().len());
    parts.step(
        "client, worker, verifier",
        format!("draw {seats} of {drawn} arbiters; the first drawn declines, the next ones take the seats"),
        &format!("seed from their committed nonces and the hash of block {}", case.seed_height()),
    )?;
    Ok((panel, agreement.panel))
}

/// The panel's one secret of the paper's template, made by its members without a dealer.
pub(crate) struct PanelSecret {
    pub(crate) point: SharedPoint,
    pub(crate) shares: Vec<KeyShare>,
}

/// Every member deals to every other.
pub(crate) fn share_secret(
    params: &Params,
    context: [u8; 32],
    rng: &mut StdRng,
) -> Result<PanelSecret, PlayError> {
    let secp = Secp256k1::new();
    let n = params.arbiters();
    let sharing = Sharing::new(context, n, params.quorum()).map_err(panel_error)?;
    let dealers = (0..n)
        .map(|i| Dealer::new(sharing, i, rng))
        .collect::<Result<Vec<_>, _>>()
        .map_err(panel_error)?;
    let mut point = None;
    let mut shares = Vec::new();
    for own in 0..n {
        let mut collector = Collector::new(sharing, own).map_err(panel_error)?;
        for dealer in &dealers {
            collector
                .accept_dealing(&secp, dealer.dealing(&secp).map_err(panel_error)?)
                .map_err(panel_error)?;
            collector
                .accept_share(&secp, dealer.share(own).map_err(panel_error)?)
                .map_err(panel_error)?;
        }
        let (shared, share) = collector.finish().map_err(panel_error)?;
        match &point {
            Some(known) if *known != shared => {
                return Err(PlayError::Panel("members disagree on the point".into()));
            }
            _ => point = Some(shared),
        }
        shares.push(share);
    }
    let point = point.ok_or_else(|| PlayError::Panel("nobody on the panel".into()))?;
    Ok(PanelSecret { point, shares })
}
