//! The data output by which a recipient finds what is for it.

use bitcoin::{
    Amount, Script, ScriptBuf, Transaction, Txid, Weight,
    opcodes::all::OP_RETURN,
    script::{Instruction, PushBytesBuf},
    secp256k1::{PublicKey, SecretKey},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};

use super::Shared;
use crate::terms::{FeeRate, FeeRules};

/// Kind (4), root (32), e·G (33), view tag (4).
const PAYLOAD_BYTES: u64 = 4 + 32 + 33 + 4;

/// The output of the funding that carries it.
pub(super) const DATA_VOUT: usize = 1;

/// What a delivery says of itself on chain: 73 bytes behind an `OP_RETURN`, below the 80 that every node relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// Merkle root of all sealed copies' hashes.
    pub root: [u8; 32],
    /// e·G.
    pub ephemeral: PublicKey,
    /// [`Shared::view_tag`] of recipient and root.
    pub view_tag: [u8; 4],
}

impl Announcement {
    /// The output script.
    pub fn script(&self) -> ScriptBuf {
        // 73 bytes always fit a push.
        let push = PushBytesBuf::try_from(self.to_bytes()).unwrap_or_default();
        ScriptBuf::new_op_return(push)
    }

    /// Reads an output script; `None` if it is none of a delivery in its one canonical form.
    pub fn from_script(script: &Script) -> Option<Announcement> {
        let mut instructions = script.instructions();
        if !matches!(instructions.next(), Some(Ok(Instruction::Op(OP_RETURN)))) {
            return None;
        }
        let Some(Ok(Instruction::PushBytes(push))) = instructions.next() else {
            return None;
        };
        let found = Announcement::from_bytes(push.as_bytes()).ok()?;
        (found.script().as_script() == script).then_some(found)
    }

    /// What its output costs at a fee rate.
    pub(super) fn fee(rate: FeeRate) -> Option<Amount> {
        // Value (8), length of the script (1), OP_RETURN (1), push (1), payload.
        rate.fee(Weight::from_wu(4 * (8 + 1 + 1 + 1 + PAYLOAD_BYTES)))
    }
}

impl Message for Announcement {
    const KIND: Kind = kinds::ANNOUNCEMENT;

    /// Root (32), e·G (33), view tag (4).
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.root)
            .point(&self.ephemeral)
            .fixed(&self.view_tag);
    }

    fn read(r: &mut Reader<'_>) -> Result<Announcement, DecodeError> {
        Ok(Announcement {
            root: r.array("root")?,
            ephemeral: r.point("ephemeral")?,
            view_tag: r.array("view tag")?,
        })
    }
}

/// A funding that is likely to be for this recipient: the tag fits, which another's does once in 2³².
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The transaction.
    pub txid: Txid,
    /// What it announces.
    pub announcement: Announcement,
}

/// Looks through transactions with the recipient's key. It costs one multiplication for each transaction that has the
/// data output of a delivery, and nothing for others.
pub struct Scanner {
    key: SecretKey,
    candidates: u64,
}

impl Scanner {
    /// A scanner with the key that senders encrypt to.
    pub fn new(key: SecretKey) -> Scanner {
        let candidates = 0;
        Scanner { key, candidates }
    }

    /// Looks at a transaction.
    pub fn look(&mut self, tx: &Transaction) -> Option<Found> {
        let data = tx.output.get(DATA_VOUT)?;
        let announcement = Announcement::from_script(&data.script_pubkey)?;
        self.candidates = self.candidates.saturating_add(1);
        let shared = Shared::of_recipient(&self.key, &announcement.ephemeral);
        let txid = tx.compute_txid();
        let mine = shared.view_tag(&announcement.root) == announcement.view_tag;
        mine.then_some(Found { txid, announcement })
    }

    /// How many multiplications were made so far.
    pub fn candidates(&self) -> u64 {
        self.candidates
    }
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner")
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}
