//! What parties of a play hand each other, as bytes.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_game_model::{
    commitment::{Commitment, Multiproof, Opening, SignedReceipt},
    ruling::{ProvenRecord, SignedItem},
};

/// One thing that is handed over. It may hold the token, so it can't be printed.
pub(in crate::play) enum Piece {
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

impl Message for Piece {
    const KIND: Kind = kinds::PIECE;

    /// A byte that says which, then: 1 item (length, message) and signature (64); 2 receipt (229); 3 commitment (length,
    /// message); 4 length and boxes; 5 opening (length, message); 6 x (32); 7 index (8), length and record, number of
    /// siblings (4) and siblings (32 each).
    fn write(&self, w: &mut Writer) {
        match self {
            Piece::Item(signed) => w.u8(1).message(&signed.item).signature(&signed.signature),
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
            1 => Piece::Item(SignedItem {
                item: r.message("item")?,
                signature: r.signature("signature")?,
            }),
            2 => {
                let receipt = SignedReceipt::from_bytes(&r.array::<229>("receipt")?);
                Piece::Receipt(receipt.map_err(|e| DecodeError::invalid("receipt", e))?)
            }
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
