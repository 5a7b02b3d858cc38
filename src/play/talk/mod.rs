//! How the worker of the `paper` template hands over its work. Every other contract is lived by machines.
//!
//! Everything that counts is an [`Item`] under its author's word key and names the one before; whoever gets it acknowledges
//! it. All of it goes through the network as bytes, and nobody has anything but what was sent to it.
//!
//! An acknowledgement is of what was looked into ([`Received`](narthex_game_model::ruling::Received)): who hands over an
//! item and not what it names has handed over nothing.

mod handing;
mod worker;

use std::collections::BTreeMap;

use bitcoin::secp256k1::Keypair;
use narthex_contracts::terms::{Role, word_pair};
use narthex_game_model::{
    commitment::{Commitment, Opening, SealedData, SignedReceipt, check_sealed},
    ruling::{Item, Row},
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
    /// By which row of the table the panel ruled.
    pub(super) row: Option<Row>,
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
}
