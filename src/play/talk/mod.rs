//! What worker and verifier say to each other, and what of it is shown to a panel.
//!
//! Everything that counts is an [`Item`] under its author's word key and names the one before; whoever gets it acknowledges
//! it, and where a side acknowledges nothing the arbiters keep it for that side. All of it goes through the network as
//! bytes, and nobody has anything but what was sent to it: an arbiter rules over what was brought to it and what it reads
//! from the chain itself.
//!
//! The order is what binds. The verifier draws a sample; the worker seals the token under its digests; the verifier answers
//! *before* the worker opens anything; the verifier compares what is opened leaf by leaf.

mod client;
mod evidence;
mod message;
mod verifier;
mod worker;

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::Keypair;
use narthex_contracts::terms::{Role, word_pair};
use narthex_game_model::{
    commitment::{Commitment, Handover, Opening, ReceiptKind, SignedReceipt},
    play::BlindDigests,
    ruling::{Brought, Item, Litigant, Row, SignedItem, data_id},
    sample,
};

pub(super) use message::Piece;
pub(super) use verifier::Reply;
pub(super) use worker::Under;

use super::{ContractPlay, PlayError};

/// What one party has of a talk: what it said itself, and what was sent to it.
#[derive(Default)]
pub(super) struct Papers {
    pub(super) items: Vec<SignedItem>,
    pub(super) receipts: Vec<SignedReceipt>,
    pub(super) commitment: Option<Commitment>,
    pub(super) boxes: Option<Vec<u8>>,
    pub(super) openings: Vec<Opening>,
    /// What was brought to an arbiter as evidence.
    brought: BTreeMap<Litigant, Brought>,
}

impl Papers {
    /// Files what came, whatever it says.
    pub(super) fn file(&mut self, piece: Piece) {
        match piece {
            Piece::Item(signed) => {
                if let Item::Commitment(commitment) = &signed.item {
                    self.commitment = Some(**commitment);
                }
                if !self.items.contains(&signed) {
                    self.items.push(signed);
                }
            }
            Piece::Receipt(receipt) => self.receipts.push(receipt),
            Piece::Commitment(commitment) => self.commitment = Some(*commitment),
            Piece::Boxes(boxes) => self.boxes = Some(boxes),
            Piece::Opening(opening) => self.openings.push(*opening),
            // Only a panel is shown these, and files them as evidence.
            Piece::Token(_) | Piece::Record(_) => {}
        }
    }

    /// The last item that `pick` takes, with its id.
    pub(super) fn last<T>(
        &self,
        contract: &[u8; 32],
        pick: impl Fn(&Item) -> Option<T>,
    ) -> Option<([u8; 32], T)> {
        let mut items = self.items.iter().rev();
        items.find_map(|signed| Some((signed.item.id(contract), pick(&signed.item)?)))
    }

    /// The opening that the worker signed last: id of the item, and of what is opened.
    fn opening(&self, contract: &[u8; 32]) -> Result<([u8; 32], [u8; 32]), PlayError> {
        let said = self.last(contract, |item| match item {
            Item::Opening { opening, .. } => Some(*opening),
            _ => None,
        });
        said.ok_or_else(|| missing("an opening"))
    }
}

/// The talk of a play.
#[derive(Default)]
pub(super) struct Talk {
    papers: BTreeMap<Role, Papers>,
    /// Who acknowledges nothing.
    mute: BTreeSet<Role>,
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
    /// From now on, this party acknowledges nothing and reads nothing that is sent to it.
    pub(super) fn mute(&mut self, role: Role) {
        self.talk.mute.insert(role);
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

    /// The author signs an item and has it handed over. Its id.
    pub(super) fn say(&mut self, from: Role, item: Item, to: Role) -> Result<[u8; 32], PlayError> {
        let contract = *self.terms.contract_id();
        let id = item.id(&contract);
        let kind = item.receipt();
        let signed = self.signed_by(from, |pair| item.signed(&contract, pair))?;
        self.papers_mut(from).file(Piece::Item(signed.clone()));
        let receipt = kind.map(|kind| (kind, id));
        self.hand(from, to, &Piece::Item(signed), receipt)?;
        Ok(id)
    }

    /// Hands something over. The other side acknowledges it, if something of that kind is acknowledged; if it is mute, every
    /// arbiter keeps it for that side and says so. What is given to an arbiter is kept by it.
    pub(super) fn hand(
        &mut self,
        from: Role,
        to: Role,
        piece: &Piece,
        receipt: Option<(ReceiptKind, [u8; 32])>,
    ) -> Result<(), PlayError> {
        let kept = receipt.map(|(_, id)| (ReceiptKind::Kept, id));
        if let Role::Arbiter(_) = to {
            return self.deliver_piece(from, to, piece, kept);
        }
        if !self.talk.mute.contains(&to) {
            return self.deliver_piece(from, to, piece, receipt);
        }
        for arbiter in 0..self.terms.panel_size() {
            self.deliver_piece(from, Role::Arbiter(arbiter), piece, kept)?;
        }
        Ok(())
    }

    fn deliver_piece(
        &mut self,
        from: Role,
        to: Role,
        piece: &Piece,
        receipt: Option<(ReceiptKind, [u8; 32])>,
    ) -> Result<(), PlayError> {
        let read = self.send(from, to, piece)?;
        self.check_signed(&read)?;
        self.papers_mut(to).file(read);
        let Some((kind, id)) = receipt else {
            return Ok(());
        };
        let contract = *self.terms.contract_id();
        let (issuer, holder) = (self.word_key(to)?, self.word_key(from)?);
        let handover = Handover::of(kind, contract, id, issuer, holder);
        let tip = self.chain.height()?;
        let signed = self.signed_by(to, |pair| handover.acknowledge(tip, pair))?;
        let signed = Piece::Receipt(signed?);
        // What the client and the arbiters have, the verifier must know before it approves.
        let mut holders = vec![from];
        if from == Role::Worker && to != Role::Verifier {
            holders.push(Role::Verifier);
        }
        for holder in holders {
            if self.talk.mute.contains(&holder) {
                continue;
            }
            let read = self.send(to, holder, &signed)?;
            if let Piece::Receipt(receipt) = &read {
                handover.check(receipt)?;
            }
            self.papers_mut(holder).file(read);
        }
        Ok(())
    }

    /// Nobody takes what its author has not signed.
    fn check_signed(&self, piece: &Piece) -> Result<(), PlayError> {
        let Piece::Item(signed) = piece else {
            return Ok(());
        };
        let by = Role::from(signed.item.author());
        let key = self.terms.word_key(by).ok_or_else(|| missing("a key"))?;
        match signed.is_by(self.terms.contract_id(), &key) {
            true => Ok(()),
            false => Err(PlayError::Unsigned {
                by,
                what: signed.item.name(),
            }),
        }
    }

    /// The sample that was said last, as this party draws it from a commitment.
    pub(super) fn drawn(
        &self,
        role: Role,
        commitment: &Commitment,
    ) -> Result<Option<Drawn>, PlayError> {
        let said = self
            .papers(role)?
            .last(self.terms.contract_id(), |item| match item {
                Item::Sample { nonce, block, .. } => Some((*nonce, *block)),
                _ => None,
            });
        let Some((id, (nonce, block))) = said else {
            return Ok(None);
        };
        self.draw(id, commitment, &nonce, &block).map(Some)
    }

    /// The same, where there must be one.
    fn sampled(&self, role: Role, commitment: &Commitment) -> Result<Drawn, PlayError> {
        let drawn = self.drawn(role, commitment)?;
        drawn.ok_or_else(|| missing("a sample"))
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
