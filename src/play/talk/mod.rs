//! What worker and verifier say to each other where a play does not live by machines: for an end that is agreed on, and in the
//! `paper` template, where the worker hands over its work so.
//!
//! Everything that counts is an [`Item`] under its author's word key and names the one before; whoever gets it acknowledges
//! it. All of it goes through the network as bytes, and nobody has anything but what was sent to it.
//!
//! The order is what binds. The verifier draws a sample; the worker seals the token under its digests; the verifier answers
//! *before* the worker opens anything; the verifier compares what is opened leaf by leaf. Each answers the first thing that
//! was said to what it said itself, and opens, seals or answers nothing else: whoever says a thing twice gains no second
//! answer.
//!
//! An acknowledgement is of what was looked into ([`Received`](narthex_game_model::ruling::Received)): who hands over an
//! item and not what it names has handed over nothing.

mod handing;
mod verifier;
mod worker;

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::Keypair;
use narthex_contracts::terms::{Role, word_pair};
use narthex_game_model::{
    commitment::{Commitment, Opening, ReceiptKind, SealedData, SignedReceipt, check_sealed},
    play::BlindDigests,
    ruling::{Item, Row, data_id},
    sample,
};

use narthex_channel::contract;
pub(super) use narthex_channel::contract::Piece;

use super::{ContractPlay, PlayError};

/// What one party has of a talk: what it said itself, and what was sent to it.
#[derive(Default)]
pub(super) struct Papers {
    /// What was signed, by whomever.
    pub(super) said: contract::Papers,
    pub(super) receipts: Vec<SignedReceipt>,
    pub(super) commitment: Option<Commitment>,
    pub(super) boxes: Option<Vec<u8>>,
    pub(super) openings: Vec<Opening>,
}

impl Papers {
    /// Files what came, whatever it says.
    pub(super) fn file(&mut self, piece: Piece) {
        match piece {
            Piece::Item(signed) => {
                if let Item::Commitment(commitment) = &signed.item {
                    self.commitment = Some(**commitment);
                }
                if !self.said.items().contains(&signed) {
                    self.said.file(signed);
                }
            }
            Piece::Receipt(receipt) => self.receipts.push(receipt),
            Piece::Commitment(commitment) => self.commitment = Some(*commitment),
            Piece::Boxes(boxes) => self.boxes = Some(boxes),
            Piece::Opening(opening) if !self.openings.contains(&opening) => {
                self.openings.push(*opening);
            }
            // Only a panel is shown the last two, and files them as evidence.
            Piece::Opening(_) | Piece::Token(_) | Piece::Record(_) => {}
        }
    }

    /// What the worker has opened after the verifier's reply: id of the item, and of what is opened.
    fn opening(&self, contract: &[u8; 32]) -> Result<([u8; 32], [u8; 32]), PlayError> {
        let reply = self.said.first(contract, |item| match item {
            Item::Reply { .. } => Some(()),
            _ => None,
        });
        let opening = reply.and_then(|(replied, ())| self.said.opened(contract, &replied));
        opening.ok_or_else(|| missing("an opening"))
    }

    /// The data, if it is that of a commitment that is here.
    fn data(&self, output_bytes: usize, sealed: &[u8]) -> Option<SealedData> {
        let signed = self
            .said
            .items()
            .iter()
            .filter_map(|signed| match &signed.item {
                Item::Commitment(commitment) => Some(**commitment),
                _ => None,
            });
        let mut known = signed.chain(self.commitment);
        known.find_map(|commitment| check_sealed(&commitment, output_bytes, sealed).ok())
    }
}

/// The talk of a play.
#[derive(Default)]
pub(super) struct Talk {
    papers: BTreeMap<Role, Papers>,
    /// The verifier's own digests of the sample.
    digests: Option<BlindDigests>,
    /// By which row of the table the panel ruled.
    pub(super) row: Option<Row>,
}

/// A sample, as either side derives it from what was said.
pub(super) struct Drawn {
    pub(super) id: [u8; 32],
    pub(super) seed: [u8; 32],
    pub(super) indices: Vec<u64>,
}

pub(super) fn missing(what: &str) -> PlayError {
    PlayError::Broken(format!("{what} is missing"))
}

impl ContractPlay<'_> {
    /// By which row the panel ruled.
    pub(super) const fn row(&self) -> Option<Row> {
        self.talk.row
    }

    /// What a party has.
    pub(super) fn papers(&self, role: Role) -> Result<&Papers, PlayError> {
        let papers = self.talk.papers.get(&role);
        papers.ok_or_else(|| missing("what was said"))
    }

    fn papers_mut(&mut self, role: Role) -> &mut Papers {
        self.talk.papers.entry(role).or_default()
    }

    /// What a party signs by its word key, which is wiped then.
    fn signed_by<T>(&self, role: Role, sign: impl FnOnce(&Keypair) -> T) -> Result<T, PlayError> {
        let key = self.participant(role)?.key()?;
        let mut pair = word_pair(self.terms.contract_id(), &key);
        let signed = sign(&pair);
        pair.non_secure_erase();
        Ok(signed)
    }

    fn word_key(&self, role: Role) -> Result<[u8; 32], PlayError> {
        let key = self.terms.word_key(role);
        Ok(key.ok_or_else(|| missing("a word key"))?.serialize())
    }

    /// Sends something; what comes back is what the other side reads.
    pub(super) fn send<M: narthex_base::codec::Message>(
        &mut self,
        from: Role,
        to: Role,
        message: &M,
    ) -> Result<M, PlayError> {
        let read = self.network.carry(message);
        read.map_err(|error| PlayError::Message { from, to, error })
    }

    /// The sample that was said first, as this party draws it from a commitment.
    fn sampled(&self, role: Role, commitment: &Commitment) -> Result<Drawn, PlayError> {
        let said = self.papers(role)?.said.sample(self.terms.contract_id());
        let (id, (nonce, _, block)) = said.ok_or_else(|| missing("a sample"))?;
        self.draw(id, commitment, &nonce, &block)
    }

    fn draw(
        &self,
        id: [u8; 32],
        commitment: &Commitment,
        nonce: &[u8; 32],
        block: &[u8; 32],
    ) -> Result<Drawn, PlayError> {
        let params = self.terms.params();
        let seed = sample::seed(&commitment.id(), nonce, block);
        let indices = sample::draw(&seed, params.steps(), params.sample());
        let indices = indices.map_err(|e| PlayError::Job(e.to_string()))?;
        Ok(Drawn { id, seed, indices })
    }

    /// Fails unless the client, or enough arbiters, have all that the key opens: nobody approves what only the worker
    /// has.
    pub(super) fn check_served(&self) -> Result<(), PlayError> {
        let verifier = self.papers(Role::Verifier)?;
        let commitment = verifier.commitment.as_ref();
        let commitment = commitment.ok_or_else(|| missing("a commitment"))?;
        let contract = self.terms.contract_id();
        let (opening, _) = verifier.opening(contract)?;
        let client = self.word_key(Role::Client)?;
        // As many as the panel's table counts with (row 2): fewer than these lie, so that one of them gives it to the client.
        let enough = self.terms.params().keepers();
        let data = data_id(contract, &commitment.id());
        for (kind, id) in [(ReceiptKind::Data, data), (ReceiptKind::Opening, opening)] {
            let of = |wanted: ReceiptKind| {
                let all = verifier.receipts.iter().map(|signed| &signed.receipt);
                all.filter(move |receipt| receipt.kind == wanted && receipt.item == id)
            };
            let by_client = of(kind).any(|receipt| receipt.issuer == client);
            let keepers: BTreeSet<_> = of(ReceiptKind::Kept).map(|kept| kept.issuer).collect();
            if !by_client && keepers.len() < enough {
                return Err(PlayError::Unserved);
            }
        }
        Ok(())
    }
}
