//! What parties of a contract tell each other, from its funding on.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{
    attest::Attestation,
    setup::{HandedOver, Release},
    shared_secret::RevealedShare,
};
use narthex_game_model::{
    Accusation,
    arbiters::MAX_ARBITERS,
    commitment::{Commitment, Multiproof, Opening, SignedReceipt},
    ruling::{
        Brought, Litigant, MAX_ITEMS, MAX_RECEIPTS, MAX_SHOWN_OPENINGS, ProvenRecord, SignedItem,
    },
};

use super::{
    EndingSaid, RulingDigest,
    codec::{accusation_byte, litigant_byte, read_accusation, read_litigant},
};

/// One thing that is handed over. It may hold the token, so it can't be printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// Something signed.
    Item(SignedItem),
    /// That something was received, or is kept.
    Receipt(SignedReceipt),
    /// A commitment that nobody signed: what the root of record is of.
    Commitment(Box<Commitment>),
    /// All boxes of a commitment, behind the coefficient box.
    Boxes(Vec<u8>),
    /// An opening; the item that names it is signed.
    Opening(Box<Opening>),
    /// x, in the open.
    Token([u8; 32]),
    /// The input of a step, with its proof.
    Record(ProvenRecord),
}

impl Piece {
    /// What a party brings a panel, in pieces, in one order: items, receipts, the commitment, openings, the token, the record.
    pub fn all_of(part: &Brought) -> Vec<Piece> {
        let items = part.items.iter().cloned().map(Piece::Item);
        let receipts = part.receipts.iter().copied().map(Piece::Receipt);
        let bare = part
            .commitment
            .map(|bare| Piece::Commitment(Box::new(bare)));
        let openings = part.openings.iter().cloned();
        let openings = openings.map(|opening| Piece::Opening(Box::new(opening)));
        let all = items.chain(receipts).chain(bare).chain(openings);
        let all = all.chain(part.token.map(Piece::Token));
        all.chain(part.record.clone().map(Piece::Record)).collect()
    }

    /// Adds it to what a party brings a panel.
    pub fn bring(self, part: &mut Brought) {
        match self {
            Piece::Item(signed) => part.items.push(signed),
            Piece::Receipt(receipt) => part.receipts.push(receipt),
            Piece::Commitment(commitment) => part.commitment = Some(*commitment),
            Piece::Opening(opening) => part.openings.push(*opening),
            Piece::Token(x) => part.token = Some(x),
            Piece::Record(record) => part.record = Some(record),
            // A panel looks into no boxes but the opened ones.
            Piece::Boxes(_) => {}
        }
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Piece::Item(signed) => signed.item.name(),
            Piece::Receipt(_) => "receipt",
            Piece::Commitment(_) => "bare commitment",
            Piece::Boxes(_) => "boxes",
            Piece::Opening(_) => "opened steps",
            Piece::Token(_) => "token in the open",
            Piece::Record(_) => "input of a step",
        })
    }
}

impl Message for Piece {
    const KIND: Kind = kinds::PIECE;

    /// A byte that says which, then: 1 item (length, message) and signature (64); 2 receipt (229); 3 commitment (length,
    /// message); 4 length and boxes; 5 opening (length, message); 6 x (32); 7 index (8), length and record, number of
    /// siblings (4) and siblings (32 each).
    fn write(&self, w: &mut Writer) {
        match self {
            Piece::Item(signed) => write_item(w.u8(1), signed),
            Piece::Receipt(receipt) => w.u8(2).fixed(&receipt.to_bytes()),
            Piece::Commitment(commitment) => w.u8(3).message(commitment.as_ref()),
            Piece::Boxes(boxes) => w.u8(4).bytes(boxes),
            Piece::Opening(opening) => w.u8(5).message(opening.as_ref()),
            Piece::Token(x) => w.u8(6).fixed(x),
            Piece::Record(record) => {
                w.u8(7).u64(record.index).bytes(&record.record);
                w.list(&record.proof.siblings, |w, hash| {
                    w.fixed(hash);
                })
            }
        };
    }

    /// What it says is checked by whoever takes it.
    fn read(r: &mut Reader<'_>) -> Result<Piece, DecodeError> {
        Ok(match r.u8("which piece")? {
            1 => Piece::Item(read_item(r)?),
            2 => Piece::Receipt(read_receipt(r)?),
            3 => Piece::Commitment(Box::new(r.message("commitment")?)),
            4 => Piece::Boxes(r.bytes("boxes")?.to_vec()),
            5 => Piece::Opening(Box::new(r.message("opening")?)),
            6 => Piece::Token(r.array("token")?),
            7 => Piece::Record(ProvenRecord {
                index: r.u64("step")?,
                record: r.bytes("record")?.to_vec(),
                proof: Multiproof {
                    siblings: r.list("siblings", 32, |r| r.array("sibling"))?,
                },
            }),
            other => return Err(DecodeError::invalid("which piece", other)),
        })
    }
}

/// Item (length, message) and signature (64).
pub(super) fn write_item<'w>(w: &'w mut Writer, signed: &SignedItem) -> &'w mut Writer {
    w.message(&signed.item).signature(&signed.signature)
}

pub(super) fn read_item(r: &mut Reader<'_>) -> Result<SignedItem, DecodeError> {
    Ok(SignedItem {
        item: r.message("item")?,
        signature: r.signature("signature")?,
    })
}

pub(super) fn read_receipt(r: &mut Reader<'_>) -> Result<SignedReceipt, DecodeError> {
    let receipt = SignedReceipt::from_bytes(&r.array::<229>("receipt")?);
    receipt.map_err(|e| DecodeError::invalid("receipt", e))
}

/// Most pieces of evidence: items, receipts and openings as many as count, a commitment, a token, a record.
pub const MAX_EVIDENCE: usize = MAX_ITEMS + MAX_RECEIPTS + MAX_SHOWN_OPENINGS + 3;

/// What a party brings the panel, as it is kept: who signs for it signs for the hash of these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidencePart {
    /// To which case: what is brought to an appeal is none of a challenge, should a reorganisation make one of the other.
    pub case: Accusation,
    /// Who brings it: the same of another is another part.
    pub by: Litigant,
    /// What.
    pub pieces: Vec<Piece>,
}

impl Message for EvidencePart {
    const KIND: Kind = kinds::EVIDENCE_PART;

    /// To which case (1: 0 the appeal, 1 the challenge), who (1: 0 the client, 1 the worker, 2 the verifier), number of pieces (4), and each with its length.
    fn write(&self, w: &mut Writer) {
        w.u8(accusation_byte(self.case));
        w.u8(litigant_byte(self.by));
        w.list(&self.pieces, |w, piece| {
            w.message(piece);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<EvidencePart, DecodeError> {
        Ok(EvidencePart {
            case: read_accusation(r)?,
            by: read_litigant(r)?,
            // A piece has its length and its kind before anything else.
            pieces: r.list_up_to("evidence", 9, MAX_EVIDENCE, |r| r.message("piece"))?,
        })
    }
}

/// Longest part of evidence, in bytes: with the signatures of a whole panel it is still a message that an arbiter can pass on.
pub const MAX_PART: usize = (64 << 20) - 512 - (MAX_ARBITERS as usize + 1) * 229;

/// A part of evidence as it is sent, with who brings it and which arbiters have heard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What is brought.
    pub part: EvidencePart,
    /// Its litigant brings it ([`Part::bring`](narthex_game_model::ruling::Part::bring)).
    pub brought: SignedReceipt,
    /// An arbiter each has heard it in time, as far as its sender knew when it heard it itself.
    pub heard: Vec<SignedReceipt>,
}

impl Evidence {
    fn write(&self, w: &mut Writer) {
        w.message(&self.part).fixed(&self.brought.to_bytes());
        w.list(&self.heard, |w, heard| {
            w.fixed(&heard.to_bytes());
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Evidence, DecodeError> {
        Ok(Evidence {
            part: EvidencePart::from_bytes(r.bytes_up_to("evidence", MAX_PART)?)?,
            brought: read_receipt(r)?,
            heard: r.list_up_to("who has heard it", 229, MAX_ARBITERS.into(), read_receipt)?,
        })
    }
}

/// What one party sends another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractMessage {
    /// Something that is handed over.
    Piece(Piece),
    /// All that a party brings the panel, to an arbiter; from one arbiter to the others too.
    Evidence(Box<Evidence>),
    /// The verifier's share of the settlement, to the client: it approves. In the `paper` template to the worker, and of the appeal
    /// where it rejects.
    Release(Release),
    /// The whole adaptor signature of the settlement, from the client to the worker.
    HandedOver(HandedOver),
    /// How an arbiter rules.
    Attestation(Attestation),
    /// Of an ending that the three agree on.
    Ending(Box<EndingSaid>),
    /// An arbiter's share of the panel's secret (`paper` template). It has no number on the wire: nodes live no such contract.
    Share(RevealedShare),
    /// An arbiter asks everybody what they have of it: this is the digest of the ruling that it has fixed.
    Digest(RulingDigest),
    /// The answer, to that arbiter: the first digest that the sender has of it.
    DigestSeen(RulingDigest),
}

impl Message for ContractMessage {
    const KIND: Kind = kinds::CONTRACT_MESSAGE;

    /// A byte that says which, then the length of its message and the message; of evidence, the part with its length, a receipt (229), and a number (4) of such; of an ending a byte more and its fields.
    fn write(&self, w: &mut Writer) {
        match self {
            ContractMessage::Piece(piece) => w.u8(0).message(piece),
            ContractMessage::Evidence(evidence) => {
                evidence.write(w.u8(1));
                w
            }
            ContractMessage::Release(release) => w.u8(2).message(release),
            ContractMessage::HandedOver(handed) => w.u8(3).message(handed),
            ContractMessage::Attestation(attestation) => w.u8(4).message(attestation),
            ContractMessage::Ending(said) => said.write(w.u8(5)),
            ContractMessage::Share(share) => w.u8(6).message(share),
            ContractMessage::Digest(digest) => w.u8(7).message(digest),
            ContractMessage::DigestSeen(digest) => w.u8(8).message(digest),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<ContractMessage, DecodeError> {
        Ok(match r.u8("which message")? {
            0 => ContractMessage::Piece(r.message("piece")?),
            1 => ContractMessage::Evidence(Box::new(Evidence::read(r)?)),
            2 => ContractMessage::Release(r.message("share")?),
            3 => ContractMessage::HandedOver(r.message("signature")?),
            4 => ContractMessage::Attestation(r.message("attestation")?),
            5 => ContractMessage::Ending(Box::new(EndingSaid::read(r)?)),
            6 => ContractMessage::Share(r.message("share of the panel's secret")?),
            7 => ContractMessage::Digest(r.message("digest of a ruling")?),
            8 => ContractMessage::DigestSeen(r.message("digest of a ruling")?),
            other => return Err(DecodeError::invalid("which message", other)),
        })
    }
}
